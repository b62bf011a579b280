/* The server inside the host's own loop: wsgi_server_tick and wsgi_server_event_fd. */
#include "check.h"

#include "client.h"
#include "host.h"

#include <poll.h>
#include <pthread.h>

enum { NOT_AT_ALL = 0, LONG = 10 * 1000 };

static pthread_t called_on;
static int calls;

static int32_t note_the_thread(void *user_data, wsgi_request request, const wsgi_environ *environ,
                               const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    called_on = pthread_self();
    calls++;
    return say(environ->server, request, "here");
}

/* A prepared server that has no threads for its application. */
static host new_ticking(wsgi_app_fn app) {
    host host = {new_server(app, NULL), ""};
    wsgi_error *error = NULL;
    set(host.server, "numthreads", "0");
    if (wsgi_server_prepare(host.server, &error) < 0) FAIL("%s", wsgi_error_message(error));
    CHECK_INT(wsgi_server_bound_addr(host.server, host.address, sizeof host.address, NULL), WSGI_OK);
    return host;
}

static int event_fd_of(wsgi_server *server) {
    int32_t fd = -1;
    CHECK_INT(wsgi_server_event_fd(server, &fd), WSGI_OK);
    CHECK(fd >= 0);
    return fd;
}

static int is_readable(int fd, int timeout) {
    struct pollfd wanted = {fd, POLLIN, 0};
    return poll(&wanted, 1, timeout) == 1;
}

static void the_application_is_called_on_the_thread_that_ticks(void) {
    host host = new_ticking(note_the_thread);
    CHECK_INT(wsgi_server_tick(host.server, NOT_AT_ALL), 0);
    CHECK_INT(wsgi_server_ready(host.server), 1);
    client client = client_open(host.address);
    for (int i = 1; i <= 3; i++) {
        memset(&called_on, 0, sizeof called_on);
        client_get(&client, "/");
        while (calls < i) CHECK(wsgi_server_tick(host.server, LONG) >= 0);
        CHECK(pthread_equal(called_on, pthread_self()));
        reply reply = client_reply(&client, 0);
        CHECK_INT(reply.status, 200);
        reply_free(&reply);
    }
    client_close(&client);
    end_host(&host);
    CHECK_INT(wsgi_server_tick(NULL, 0), WSGI_E_NULL);
}

static void requests_of_one_tick_are_counted(void) {
    host host = new_ticking(note_the_thread);
    client client = client_open(host.address);
    const char two[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    int before = calls, counted = 0;
    client_send(&client, two, sizeof two - 1);
    while (calls < before + 2) counted += wsgi_server_tick(host.server, LONG);
    CHECK_INT(counted, 2);
    client_close(&client);
    end_host(&host);
}

static void the_descriptor_tells_when_there_is_something_to_do(void) {
    host host = new_ticking(note_the_thread);
    int fd = event_fd_of(host.server);
    while (is_readable(fd, 0)) CHECK(wsgi_server_tick(host.server, NOT_AT_ALL) >= 0);
    client client = client_open(host.address);
    for (int i = 0; i < 50; i++) {
        int before = calls;
        client_get(&client, "/");
        while (calls == before) {
            CHECK(is_readable(fd, LONG));
            CHECK(wsgi_server_tick(host.server, NOT_AT_ALL) >= 0);
        }
        reply reply = client_reply(&client, 0);
        CHECK_INT(reply.status, 200);
        reply_free(&reply);
    }
    WAIT_FOR(wsgi_server_tick(host.server, NOT_AT_ALL) == 0 && !is_readable(fd, 0));
    client_close(&client);
    end_host(&host);
}

static wsgi_request kept;
static wsgi_server *kept_by;

static int32_t keep(void *user_data, wsgi_request request, const wsgi_environ *environ,
                    const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    kept = request, kept_by = environ->server;
    return wsgi_request_detach(environ->server, request) < 0 ? -1 : WSGI_DETACHED;
}

static void *answer_kept(void *nothing) {
    (void)nothing;
    CHECK_INT(say(kept_by, kept, "later"), WSGI_OK);
    return NULL;
}

static void what_another_thread_answers_goes_on_without_a_tick(void) {
    host host = new_ticking(keep);
    client client = client_open(host.address);
    pthread_t thread;
    client_get(&client, "/");
    while (kept == 0) CHECK(wsgi_server_tick(host.server, LONG) >= 0);
    CHECK_INT(pthread_create(&thread, NULL, answer_kept, NULL), 0);
    reply reply = client_reply(&client, 0);
    CHECK_STR(reply.body, "later");
    reply_free(&reply);
    pthread_join(thread, NULL);
    client_close(&client);
    end_host(&host);
}

static int32_t tick_inside, stop_inside, free_inside, wait_inside;

static int32_t stop_from_here(void *user_data, wsgi_request request, const wsgi_environ *environ,
                              const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    tick_inside = wsgi_server_tick(environ->server, NOT_AT_ALL);
    free_inside = wsgi_server_free(environ->server);
    wait_inside = wsgi_server_wait(environ->server);
    stop_inside = wsgi_server_stop(environ->server, NULL);
    return say(environ->server, request, "bye");
}

static void a_stop_from_the_application_ends_the_ticks(void) {
    host host = new_ticking(stop_from_here);
    client client = client_open(host.address);
    int32_t count;
    client_get(&client, "/");
    while ((count = wsgi_server_tick(host.server, LONG)) >= 0) {}
    CHECK_INT(count, WSGI_E_STOPPING);
    CHECK_INT(tick_inside, WSGI_BUSY);
    CHECK_INT(free_inside, WSGI_BUSY);
    CHECK_INT(wait_inside, WSGI_BUSY);
    CHECK_INT(stop_inside, WSGI_OK);
    reply reply = client_reply(&client, 0);
    CHECK_STR(reply.body, "bye");
    CHECK(reply_has(&reply, "Connection", "close"));
    reply_free(&reply);
    client_close(&client);
    CHECK_INT(wsgi_server_tick(host.server, NOT_AT_ALL), WSGI_E_STOPPING);
    int32_t fd = -1;
    CHECK_INT(wsgi_server_event_fd(host.server, &fd), WSGI_E_STOPPING);
    CHECK_INT(wsgi_server_free(host.server), WSGI_OK);
}

static int entered, leave;

static int32_t stay(void *user_data, wsgi_request request, const wsgi_environ *environ,
                    const wsgi_responder *responder) {
    (void)user_data, (void)request, (void)environ, (void)responder;
    __atomic_store_n(&entered, 1, __ATOMIC_SEQ_CST);
    WAIT_FOR(__atomic_load_n(&leave, __ATOMIC_SEQ_CST));
    return WSGI_DONE;
}

static void *tick_to_the_end(void *server) {
    int32_t count;
    while ((count = wsgi_server_tick(server, LONG)) >= 0) {}
    CHECK_INT(count, WSGI_E_STOPPING);
    return NULL;
}

/* Whenever the next tick comes, while it ends or later. */
static void the_end_is_told_apart_from_what_was_not_prepared(void) {
    for (int i = 0; i < 200; i++) {
        host host = new_ticking(note_the_thread);
        int32_t fd = -1, count;
        CHECK_INT(wsgi_server_event_fd(host.server, &fd), WSGI_OK);
        wsgi_server_signal_stop(host.server);
        do {
            is_readable(fd, 1);
            count = wsgi_server_tick(host.server, NOT_AT_ALL);
        } while (count >= 0);
        CHECK_INT(count, WSGI_E_STOPPING);
        CHECK_INT(wsgi_server_free(host.server), WSGI_OK);
    }
}

static void *stop_it(void *server) {
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    return NULL;
}

/* Whoever of the two begins to serve. */
static void a_stop_at_the_first_tick_is_a_stop(void) {
    for (int i = 0; i < 300; i++) {
        host host = new_ticking(note_the_thread);
        pthread_t thread;
        int32_t count, fd = -1;
        CHECK_INT(pthread_create(&thread, NULL, stop_it, host.server), 0);
        for (int spin = i * 50; spin > 0; spin--) __asm__ volatile("" ::: "memory");
        wsgi_status status = i % 2 ? wsgi_server_event_fd(host.server, &fd) : WSGI_OK;
        CHECK(status == WSGI_OK || status == WSGI_E_STOPPING);
        do count = wsgi_server_tick(host.server, NOT_AT_ALL);
        while (count >= 0);
        CHECK_INT(count, WSGI_E_STOPPING);
        pthread_join(thread, NULL);
        CHECK_INT(wsgi_server_free(host.server), WSGI_OK);
    }
}

static void a_stop_from_elsewhere_does_not_wait_for_a_tick_that_is_stuck(void) {
    host host = new_ticking(stay);
    pthread_t thread;
    uint32_t cut = 0;
    set(host.server, "shutdown_timeout", "0.2");
    CHECK_INT(pthread_create(&thread, NULL, tick_to_the_end, host.server), 0);
    client client = client_open(host.address);
    client_get(&client, "/");
    WAIT_FOR(__atomic_load_n(&entered, __ATOMIC_SEQ_CST));
    CHECK_INT(wsgi_server_tick(host.server, NOT_AT_ALL), WSGI_BUSY);
    CHECK_INT(wsgi_server_stop(host.server, &cut), WSGI_OK);
    CHECK_INT(cut, 1);
    CHECK_INT(wsgi_server_free(host.server), WSGI_BUSY);
    __atomic_store_n(&leave, 1, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    client_close(&client);
    CHECK_INT(wsgi_server_free(host.server), WSGI_OK);
}

static void the_service_thread_answers_for_a_host_that_stays_away(void) {
    host host = new_ticking(note_the_thread);
    set(host.server, "shutdown_timeout", "0");
    CHECK_INT(wsgi_server_tick(host.server, NOT_AT_ALL), 0);
    client client = client_open(host.address);
    client_send(&client, "nonsense\r\n\r\n", 12);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 400);
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
}

static void wrong_states_are_refused(void) {
    wsgi_server *server = new_server(note_the_thread, NULL);
    wsgi_error *error = NULL;
    int32_t fd = 7;
    CHECK_INT(wsgi_server_tick(server, 0), WSGI_E_STATE);
    CHECK_INT(wsgi_server_event_fd(server, &fd), WSGI_E_STATE);
    CHECK_INT(wsgi_server_event_fd(server, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_event_fd(NULL, &fd), WSGI_E_NULL);
    CHECK_INT(fd, 7);
    set(server, "numthreads", "0");
    CHECK_INT(wsgi_server_start(server, &error), WSGI_E_STATE);
    CHECK_CONTAINS(wsgi_error_message(error), "numthreads");
    wsgi_error_free(error);
    CHECK_INT(wsgi_server_start_background(server, NULL), WSGI_E_STATE);
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_OK); /* nothing had been begun */
    CHECK_INT(wsgi_server_serve(server, NULL), WSGI_E_STATE);
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);

    server = new_server(NULL, NULL);
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_tick(server, 0), WSGI_E_STATE);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

static void a_tick_beside_worker_threads_works_too(void) {
    wsgi_server *server = new_server(note_the_thread, NULL);
    host host = {server, ""};
    int32_t fd = -1;
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_bound_addr(server, host.address, sizeof host.address, NULL), WSGI_OK);
    CHECK(wsgi_server_tick(server, NOT_AT_ALL) >= 0);
    CHECK_INT(wsgi_server_event_fd(server, &fd), WSGI_E_STATE);
    expect(host.address, "/", 200, "here");
    end_host(&host);
}

int main(void) {
    static const test tests[] = {
        {"the application is called on the thread that ticks",
         the_application_is_called_on_the_thread_that_ticks},
        {"requests of one tick are counted", requests_of_one_tick_are_counted},
        {"the descriptor tells when there is something to do",
         the_descriptor_tells_when_there_is_something_to_do},
        {"what another thread answers goes on without a tick",
         what_another_thread_answers_goes_on_without_a_tick},
        {"a stop from the application ends the ticks", a_stop_from_the_application_ends_the_ticks},
        {"the end is told apart from what was not prepared",
         the_end_is_told_apart_from_what_was_not_prepared},
        {"a stop at the first tick is a stop", a_stop_at_the_first_tick_is_a_stop},
        {"a stop from elsewhere does not wait for a tick that is stuck",
         a_stop_from_elsewhere_does_not_wait_for_a_tick_that_is_stuck},
        {"the service thread answers for a host that stays away",
         the_service_thread_answers_for_a_host_that_stays_away},
        {"wrong states are refused", wrong_states_are_refused},
        {"a tick beside worker threads works too", a_tick_beside_worker_threads_works_too},
    };
    return run_tests(tests, COUNT(tests));
}
