/* One server, run after run: what belongs to one run is not taken for the next. */
#include "check.h"

#include "client.h"
#include "host.h"
#include "pull.h"

#include <pthread.h>

static int entered, leave, left, done;
static wsgi_request waiting;
static wsgi_status waited, freed;

static void reset(void) {
    entered = leave = left = done = 0;
}

static void count(int *fact) {
    __atomic_fetch_add(fact, 1, __ATOMIC_SEQ_CST);
}

static int has(int *fact) {
    return __atomic_load_n(fact, __ATOMIC_SEQ_CST) > 0;
}

static int32_t answer(void *user_data, wsgi_request request, const wsgi_environ *environ,
                      const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    if (path_is(environ, "/later")) {
        wsgi_status status = wsgi_request_detach(environ->server, request);
        waiting = request;
        count(&entered);
        return status < 0 ? status : WSGI_DETACHED;
    }
    if (path_is(environ, "/stay") || path_is(environ, "/interrupt")) {
        count(&entered);
        WAIT_FOR(has(&leave));
    }
    if (path_is(environ, "/interrupt")) return WSGI_INTERRUPT;
    if (path_is(environ, "/stay")) {
        waited = wsgi_server_wait(environ->server);
        freed = wsgi_server_free(environ->server);
    }
    return say(environ->server, request, "served");
}

/* Its number may not be another's as long as the server lives. */
static void a_request_of_an_earlier_run_is_gone(void) {
    wsgi_server *server = new_server(answer, NULL);
    wsgi_request earlier[3];
    set(server, "shutdown_timeout", "0");
    for (size_t run = 0; run < COUNT(earlier); run++) {
        host host = start_host(server);
        client client = client_open(host.address);
        uint32_t cut = 0;
        reset();
        client_get(&client, "/later");
        WAIT_FOR(has(&entered));
        for (size_t i = 0; i < run; i++)
            CHECK_INT(say(server, earlier[i], "another's"), WSGI_GONE);
        earlier[run] = waiting;
        CHECK_INT(wsgi_server_stop(server, &cut), WSGI_OK);
        CHECK_INT(cut, 1);
        CHECK_INT(say(server, waiting, "too late"), WSGI_GONE);
        client_close(&client);
    }
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

/* A client is left in the application, by the one worker, and the server runs again. */
static host left_behind(wsgi_server *server, client *client, const char *path) {
    host host = start_host(server);
    uint32_t cut = 0;
    reset();
    *client = client_open(host.address);
    client_get(client, path);
    WAIT_FOR(has(&entered));
    CHECK_INT(wsgi_server_stop(server, &cut), WSGI_OK);
    CHECK_INT(cut, 1);
    return start_host(server);
}

static wsgi_server *new_impatient_server(void) {
    wsgi_server *server = new_server(answer, NULL);
    set(server, "numthreads", "1");
    set(server, "shutdown_timeout", "0");
    return server;
}

static void note_the_end(void *user_data, uint32_t index, void *thread_data) {
    (void)user_data, (void)index, (void)thread_data;
    count(&left);
}

static int32_t fail_after_a_stop(void *server, uint32_t index, void **thread_data, char *reason,
                                 size_t capacity) {
    (void)index, (void)thread_data;
    if (has(&leave)) return 0;
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    snprintf(reason, capacity, "not today");
    return -1;
}

static void what_is_left_behind_does_not_end_the_next_run(void) {
    wsgi_server *server = new_impatient_server();
    wsgi_handlers handlers = {0};
    client client;
    handlers.struct_size = sizeof handlers;
    handlers.thread_stop = note_the_end;
    CHECK_INT(wsgi_server_set_handlers(server, &handlers, NULL, NULL, NULL), WSGI_OK);
    host host = left_behind(server, &client, "/interrupt");
    count(&leave);
    WAIT_FOR(has(&left));
    for (int i = 0; i < 50; i++) expect(host.address, "/", 200, "served");
    CHECK_INT(wsgi_server_ready(server), 1);
    client_close(&client);
    set(server, "shutdown_timeout", "5");
    end_host(&host);
}

static void a_server_is_not_freed_while_an_earlier_runs_worker_is_in_the_application(void) {
    wsgi_server *server = new_impatient_server();
    client client;
    host host = left_behind(server, &client, "/stay");
    expect(host.address, "/", 200, "served");
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_free(server), WSGI_BUSY);
    count(&leave);
    WAIT_FOR(wsgi_server_free(server) == WSGI_OK);
    /* Itself it is told so too, as it would wait for itself. */
    CHECK_INT(freed, WSGI_BUSY);
    CHECK_INT(waited, WSGI_BUSY);
    client_close(&client);
}

static void say_nothing(void *user_data, int32_t level, uint32_t code, const char *text,
                        size_t length) {
    (void)user_data, (void)level, (void)code, (void)text, (void)length;
}

static void wait_to_be_freed(void *fact) {
    count(fact);
    WAIT_FOR(has(&done));
}

/* It is the host's code that runs there, and no lock is held meanwhile. */
static void what_is_freed_after_a_late_worker_holds_nobody_up(void) {
    static int freeing;
    wsgi_server *server = new_impatient_server();
    wsgi_handlers handlers = {0};
    client client;
    freeing = 0;
    handlers.struct_size = sizeof handlers;
    handlers.error_log = say_nothing;
    CHECK_INT(wsgi_server_set_handlers(server, &handlers, &freeing, wait_to_be_freed, NULL), WSGI_OK);
    left_behind(server, &client, "/stay");
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_set_handlers(server, &handlers, NULL, NULL, NULL), WSGI_OK);
    CHECK_INT(freeing, 0);
    count(&leave);
    WAIT_FOR(has(&freeing));
    CHECK_INT(wsgi_server_free(server), WSGI_BUSY);
    count(&done);
    WAIT_FOR(wsgi_server_free(server) == WSGI_OK);
    CHECK_INT(freeing, 1);
    client_close(&client);
}

static uint64_t requests_counted(wsgi_server *server) {
    wsgi_stats stats = {0};
    stats.struct_size = sizeof stats;
    CHECK_INT(wsgi_server_stats(server, &stats), WSGI_OK);
    return stats.requests;
}

static void what_a_pulling_worker_has_counted_outlives_the_run(void) {
    host host = {new_server(NULL, NULL), ""};
    set(host.server, "statistics", "1");
    for (int run = 1; run <= 2; run++) {
        host = start_host(host.server);
        wsgi_worker *worker = new_worker(host.server);
        client client = client_open(host.address);
        client_get(&client, "/");
        CHECK_INT(say(host.server, next_request(worker), "served"), WSGI_OK);
        reply reply = client_reply(&client, 0);
        CHECK_STR(reply.body, "served");
        reply_free(&reply);
        client_close(&client);
        CHECK_INT(wsgi_server_stop(host.server, NULL), WSGI_OK);
        wsgi_event event = {0};
        event.struct_size = sizeof event;
        CHECK_INT(wsgi_worker_next(worker, &event, 1, -1), WSGI_E_STOPPING);
        CHECK_INT(requests_counted(host.server), run);
        CHECK_INT(wsgi_worker_free(worker), WSGI_OK);
        CHECK_INT(requests_counted(host.server), run);
    }
    CHECK_INT(wsgi_server_free(host.server), WSGI_OK);
}

static void a_stop_in_a_start_hook_is_for_that_start_alone(void) {
    wsgi_server *server = new_server(answer, NULL);
    wsgi_handlers handlers = {0};
    handlers.struct_size = sizeof handlers;
    handlers.thread_start = fail_after_a_stop;
    CHECK_INT(wsgi_server_set_handlers(server, &handlers, server, NULL, NULL), WSGI_OK);
    reset();
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_E_THREAD_START);
    count(&leave);
    host host = start_host(server);
    for (int i = 0; i < 50; i++) expect(host.address, "/", 200, "served");
    CHECK_INT(wsgi_server_ready(server), 1);
    end_host(&host);
}

static int32_t start_slowly(void *user_data, uint32_t index, void **thread_data, char *reason,
                            size_t capacity) {
    (void)user_data, (void)index, (void)thread_data, (void)reason, (void)capacity;
    count(&entered);
    WAIT_FOR(has(&leave));
    return 0;
}

static void *start_in_background(void *server) {
    CHECK_INT(wsgi_server_start_background(server, NULL), WSGI_OK);
    return NULL;
}

/* They may be set, so they count. */
static void options_that_are_set_while_threads_start_count(void) {
    host host = {new_server(answer, NULL), ""};
    wsgi_handlers handlers = {0};
    pthread_t thread;
    handlers.struct_size = sizeof handlers;
    handlers.thread_start = start_slowly;
    CHECK_INT(wsgi_server_set_handlers(host.server, &handlers, NULL, NULL, NULL), WSGI_OK);
    set(host.server, "shutdown_timeout", "3600");
    reset();
    CHECK_INT(pthread_create(&thread, NULL, start_in_background, host.server), 0);
    WAIT_FOR(has(&entered));
    set(host.server, "server_header", "changed");
    set(host.server, "max_requests_per_connection", "1");
    set(host.server, "shutdown_timeout", "0");
    count(&leave);
    pthread_join(thread, NULL);
    CHECK_INT(wsgi_server_bound_addr(host.server, host.address, sizeof host.address, NULL), WSGI_OK);
    reply reply = fetch(host.address, "/");
    CHECK(reply_has(&reply, "Server", "changed"));
    CHECK(reply_has(&reply, "Connection", "close"));
    reply_free(&reply);
    client client = client_open(host.address);
    uint32_t cut = 0;
    reset();
    client_get(&client, "/stay");
    WAIT_FOR(has(&entered));
    double begun = seconds_now();
    CHECK_INT(wsgi_server_stop(host.server, &cut), WSGI_OK);
    CHECK(seconds_now() - begun < FACT_DEADLINE); /* not what shutdown_timeout was at first */
    CHECK_INT(cut, 1);
    count(&leave);
    WAIT_FOR(wsgi_server_free(host.server) == WSGI_OK);
    client_close(&client);
}

static void *start_until_done(void *server) {
    while (!has(&done)) CHECK_INT(wsgi_server_start(server, NULL), WSGI_OK);
    count(&left);
    return NULL;
}

/* Whoever waits for the end of a run is not to wait for that of the next. */
static void a_stop_returns_though_the_server_starts_again_at_once(void) {
    wsgi_server *server = new_server(answer, NULL);
    pthread_t thread;
    set(server, "numthreads", "1");
    reset();
    CHECK_INT(pthread_create(&thread, NULL, start_until_done, server), 0);
    for (int i = 0; i < 100; i++) {
        WAIT_FOR(wsgi_server_ready(server) == 1);
        CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    }
    count(&done);
    while (!has(&left)) CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    pthread_join(thread, NULL);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

static void *start_once(void *server) {
    CHECK_INT(wsgi_server_start(server, NULL), WSGI_OK);
    count(&left);
    return NULL;
}

static void *start_once_in_background(void *server) {
    CHECK_INT(wsgi_server_start_background(server, NULL), WSGI_OK);
    count(&left);
    return NULL;
}

/* Whether that finds it prepared, about to serve, or serving. */
static void a_stop_that_comes_while_it_starts_is_a_stop(void) {
    wsgi_server *server = new_server(answer, NULL);
    set(server, "numthreads", "1");
    for (int i = 0; i < 150; i++) {
        pthread_t thread;
        reset();
        CHECK_INT(pthread_create(&thread, NULL, i % 2 ? start_once : start_once_in_background, server), 0);
        while (!has(&left)) CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
        pthread_join(thread, NULL);
        CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    }
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

int main(void) {
    static const test tests[] = {
        {"a request of an earlier run is gone", a_request_of_an_earlier_run_is_gone},
        {"what is left behind does not end the next run",
         what_is_left_behind_does_not_end_the_next_run},
        {"a server is not freed while an earlier run's worker is in the application",
         a_server_is_not_freed_while_an_earlier_runs_worker_is_in_the_application},
        {"what is freed after a late worker holds nobody up",
         what_is_freed_after_a_late_worker_holds_nobody_up},
        {"what a pulling worker has counted outlives the run",
         what_a_pulling_worker_has_counted_outlives_the_run},
        {"a stop in a start hook is for that start alone",
         a_stop_in_a_start_hook_is_for_that_start_alone},
        {"options that are set while threads start count",
         options_that_are_set_while_threads_start_count},
        {"a stop returns though the server starts again at once",
         a_stop_returns_though_the_server_starts_again_at_once},
        {"a stop that comes while it starts is a stop", a_stop_that_comes_while_it_starts_is_a_stop},
    };
    return run_tests(tests, COUNT(tests));
}
