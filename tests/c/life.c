/* The server's life: quiescing, interrupting, stopping from everywhere, giving up privileges. */
#include "check.h"

#include "client.h"
#include "host.h"

#include <pthread.h>
#include <sys/wait.h>

static int entered, leave, aborted_code, told;

static void reset(void) {
    __atomic_store_n(&entered, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&leave, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&aborted_code, -1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&told, 0, __ATOMIC_SEQ_CST);
}

static void enter(void) {
    __atomic_fetch_add(&entered, 1, __ATOMIC_SEQ_CST);
}

static int has(int *fact) {
    return __atomic_load_n(fact, __ATOMIC_SEQ_CST) > 0;
}

static int32_t answer(void *user_data, wsgi_request request, const wsgi_environ *environ,
                      const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    if (path_is(environ, "/stay")) {
        enter();
        WAIT_FOR(has(&leave));
    }
    if (path_is(environ, "/interrupt")) {
        say(environ->server, request, "ends");
        return WSGI_INTERRUPT;
    }
    return say(environ->server, request, "served");
}

static int refused(const char *address) {
    struct sockaddr_in to = {0};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int code = connect(fd, (struct sockaddr *)&to, sizeof to);
    int why = errno;
    close(fd);
    return code < 0 && why == ECONNREFUSED;
}

static void ready_is_what_it_says(void) {
    wsgi_server *server = new_server(answer, NULL);
    CHECK_INT(wsgi_server_ready(NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_ready(server), 0);
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_ready(server), 0);
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_ready(server), 0);
    host host = start_host(server);
    CHECK_INT(wsgi_server_ready(server), 1);
    end_host(&host);
}

static void a_quiet_server_keeps_its_clients_and_takes_no_others(void) {
    host host = new_host(answer, NULL, "2");
    client idle = client_open(host.address), busy = client_open(host.address);
    reply reply = client_fetch(&idle, "/");
    CHECK(!reply_has(&reply, "Connection", "close"));
    reply_free(&reply);
    reset();
    client_get(&busy, "/stay");
    WAIT_FOR(has(&entered));

    CHECK_INT(wsgi_server_quiesce(host.server), WSGI_OK);
    CHECK_INT(wsgi_server_quiesce(host.server), WSGI_OK);
    CHECK_INT(wsgi_server_ready(host.server), 0);
    CHECK(refused(host.address));

    struct client *clients[] = {&idle, &busy};
    client_get(&idle, "/");
    leave = 1;
    for (int i = 0; i < 2; i++) {
        reply = client_reply(clients[i], 0);
        CHECK_INT(reply.status, 200);
        CHECK(reply_has(&reply, "Connection", "close"));
        reply_free(&reply);
        CHECK_INT(client_receive(clients[i]), 0);
        client_close(clients[i]);
    }
    end_host(&host);
}

static int listening_socket(void) {
    struct sockaddr_in at = {0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_family = AF_INET, at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_INT(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    CHECK_INT(listen(fd, 128), 0);
    return fd;
}

/* A server that listens on a descriptor; `address` NULL: only on that. */
static wsgi_server *new_on(const char *address, int fd) {
    wsgi_server *server = NULL;
    CHECK_INT(wsgi_server_new(address, answer, NULL, NULL, &server, NULL), WSGI_OK);
    set(server, "numthreads", "2");
    if (fd >= 0) CHECK_INT(wsgi_server_listen_fd(server, fd, NULL), WSGI_OK);
    return server;
}


static void clients_are_refused_while_a_request_is_in_work(void) {
    wsgi_status (*const begins[])(const wsgi_server *) = {wsgi_server_signal_stop,
                                                          wsgi_server_quiesce};
    for (int i = 0; i < 4; i++) {
        host host = start_host(i < 2 ? new_on(NULL, listening_socket()) : new_on("127.0.0.1:0", -1));
        char after[64];
        client busy = client_open(host.address);
        reset();
        client_get(&busy, "/stay");
        WAIT_FOR(has(&entered));
        CHECK_INT(begins[i % 2](host.server), WSGI_OK);
        WAIT_FOR(refused(host.address));
        leave = 1;
        reply reply = client_reply(&busy, 0);
        CHECK_INT(reply.status, 200);
        reply_free(&reply);
        client_close(&busy);
        CHECK_INT(wsgi_server_stop(host.server, NULL), WSGI_OK);
        CHECK(refused(host.address));
        CHECK_INT(wsgi_server_bound_addr(host.server, after, sizeof after, NULL), WSGI_OK);
        CHECK_STR(after, host.address);
        end_host(&host);
    }
}

static void a_socket_that_is_shared_goes_on_listening(void) {
    int ours = listening_socket();
    host old = start_host(new_on(NULL, dup(ours)));
    client busy = client_open(old.address);
    reset();
    client_get(&busy, "/stay");
    WAIT_FOR(has(&entered));
    wsgi_server_signal_stop(old.server);
    WAIT_FOR(!wsgi_server_ready(old.server));
    client waits = client_open(old.address);
    int taken = accept(ours, NULL, NULL);
    CHECK(taken >= 0);
    close(taken), client_close(&waits);
    leave = 1;
    reply reply = client_reply(&busy, 0);
    CHECK_INT(reply.status, 200);
    reply_free(&reply);
    client_close(&busy);
    end_host(&old);
    close(ours);
}

static void a_server_on_a_shared_socket_takes_over_without_loss(void) {
    int ours = listening_socket();
    wsgi_server *first = new_on(NULL, dup(ours));
    set(first, "quiesce_timeout", "20");
    host old = start_host(first), new = start_host(new_on(NULL, ours));
    CHECK_STR(old.address, new.address);
    for (int i = 0; i < 200; i++) {
        if (i == 20) wsgi_server_signal_stop(old.server);
        expect(new.address, "/", 200, "served");
    }
    end_host(&old);
    expect(new.address, "/", 200, "served");
    end_host(&new);
    CHECK(refused(new.address));
}

static void a_server_that_was_quiet_starts_again(void) {
    host host = new_host(answer, NULL, "2");
    CHECK_INT(wsgi_server_quiesce(host.server), WSGI_OK);
    CHECK_INT(wsgi_server_stop(host.server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_quiesce(host.server), WSGI_E_STATE);
    host = start_host(host.server);
    expect(host.address, "/", 200, "served");
    end_host(&host);
}

typedef struct serving {
    wsgi_server *server;
    wsgi_status status;
} serving;

static void *serve(void *argument) {
    serving *serving = argument;
    serving->status = wsgi_server_serve(serving->server, NULL);
    return NULL;
}

static void serve_returns_with_the_hosts_code(void) {
    serving serving = {new_server(answer, NULL), 0};
    int32_t code = 0;
    pthread_t thread;
    CHECK_INT(wsgi_server_interrupt(serving.server, 1), WSGI_E_STATE);
    CHECK_INT(wsgi_server_interrupt_code(serving.server, &code), WSGI_E_STATE);
    CHECK_INT(wsgi_server_interrupt_code(serving.server, NULL), WSGI_E_NULL);
    for (int round = 0; round < 2; round++) {
        CHECK_INT(wsgi_server_prepare(serving.server, NULL), WSGI_OK);
        CHECK_INT(pthread_create(&thread, NULL, serve, &serving), 0);
        WAIT_FOR(wsgi_server_ready(serving.server) == 1);
        CHECK_INT(wsgi_server_interrupt_code(serving.server, &code), WSGI_E_STATE);
        CHECK_INT(wsgi_server_interrupt(serving.server, -42 + round), WSGI_OK);
        wsgi_server_interrupt(serving.server, 7);
        pthread_join(thread, NULL);
        CHECK_INT(serving.status, WSGI_E_INTERRUPTED);
        CHECK_INT(wsgi_server_interrupt_code(serving.server, &code), WSGI_OK);
        CHECK_INT(code, -42 + round);
    }
    host host = {serving.server, ""};
    CHECK_INT(wsgi_server_prepare(host.server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_bound_addr(host.server, host.address, sizeof host.address, NULL), WSGI_OK);
    CHECK_INT(pthread_create(&thread, NULL, serve, &serving), 0);
    expect(host.address, "/interrupt", 200, "ends");
    pthread_join(thread, NULL);
    CHECK_INT(serving.status, WSGI_E_INTERRUPTED);
    CHECK_INT(wsgi_server_interrupt_code(serving.server, &code), WSGI_OK);
    CHECK_INT(code, 0);
    CHECK_INT(wsgi_server_free(serving.server), WSGI_OK);
}

static void tell(void *nothing, wsgi_request request) {
    (void)nothing, (void)request;
    __atomic_fetch_add(&told, 1, __ATOMIC_SEQ_CST);
}

static int32_t watch_for_the_end(void *user_data, wsgi_request request,
                                 const wsgi_environ *environ, const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    wsgi_request_on_abort(environ->server, request, tell, NULL, NULL);
    CHECK_INT(wsgi_request_aborted(environ->server, request), 0);
    enter();
    int32_t code;
    WAIT_FOR((code = wsgi_request_aborted(environ->server, request)) != 0);
    __atomic_store_n(&aborted_code, code, __ATOMIC_SEQ_CST);
    return say(environ->server, request, "came to an end");
}

static void a_stop_tells_requests_that_take_long(void) {
    host host = new_host(watch_for_the_end, NULL, "2");
    client client = client_open(host.address);
    uint32_t cut = 9;
    reset();
    client_get(&client, "/");
    WAIT_FOR(has(&entered));
    CHECK_INT(wsgi_server_stop(host.server, &cut), WSGI_OK);
    CHECK_INT(cut, 0);
    CHECK_INT(aborted_code, 3);
    CHECK_INT(told, 1);
    reply reply = client_reply(&client, 0);
    CHECK_STR(reply.body, "came to an end");
    reply_free(&reply);
    client_close(&client);
    CHECK_INT(wsgi_server_free(host.server), WSGI_OK);
}

static void *stop_and_count(void *server) {
    uint32_t cut = 0;
    CHECK_INT(wsgi_server_stop(server, &cut), WSGI_OK);
    return NULL;
}

static void two_threads_stop_at_once_and_neither_hangs(void) {
    for (int round = 0; round < 20; round++) {
        host host = new_host(answer, NULL, "2");
        pthread_t threads[3];
        expect(host.address, "/", 200, "served");
        for (int i = 0; i < 3; i++)
            CHECK_INT(pthread_create(&threads[i], NULL, stop_and_count, host.server), 0);
        for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
        CHECK_INT(wsgi_server_ready(host.server), 0);
        CHECK_INT(wsgi_server_free(host.server), WSGI_OK);
    }
}

static void a_stuck_application_is_cut_when_the_time_is_up(void) {
    host host = new_host(answer, NULL, "2");
    client client = client_open(host.address);
    uint32_t cut = 0;
    reset();
    set(host.server, "shutdown_timeout", "0.2");
    client_get(&client, "/stay");
    WAIT_FOR(has(&entered));
    CHECK_INT(wsgi_server_stop(host.server, &cut), WSGI_OK);
    CHECK_INT(cut, 1);
    CHECK_INT(client_receive(&client), 0);
    CHECK_INT(wsgi_server_free(host.server), WSGI_BUSY);
    leave = 1;
    WAIT_FOR(wsgi_server_free(host.server) == WSGI_OK);
    client_close(&client);
}

static void *stop_in_thread(void *server) {
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    return NULL;
}

static void a_stop_that_waits_hears_of_a_shorter_time(void) {
    host host = new_host(answer, NULL, "2");
    client client = client_open(host.address);
    pthread_t thread;
    reset();
    set(host.server, "shutdown_timeout", "3600");
    client_get(&client, "/stay");
    WAIT_FOR(has(&entered));
    CHECK_INT(pthread_create(&thread, NULL, stop_in_thread, host.server), 0);
    WAIT_FOR(wsgi_server_ready(host.server) == 0);
    set(host.server, "shutdown_timeout", "0");
    CHECK_INT(client_receive(&client), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    leave = 1;
    WAIT_FOR(wsgi_server_free(host.server) == WSGI_OK);
    client_close(&client);
}

static void what_is_done_twice_or_too_early_is_refused(void) {
    wsgi_server *server = new_server(answer, NULL);
    wsgi_error *error = NULL;
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_wait(server), WSGI_OK);
    CHECK_INT(wsgi_server_serve(server, &error), WSGI_E_STATE);
    CHECK_CONTAINS(wsgi_error_message(error), "prepared");
    wsgi_error_free(error), error = NULL;
    host host = start_host(server);
    CHECK_INT(wsgi_server_start(server, &error), WSGI_E_STATE);
    wsgi_error_free(error), error = NULL;
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_E_STATE);
    CHECK_INT(wsgi_server_serve(server, NULL), WSGI_E_STATE);
    CHECK_INT(wsgi_server_start_background(server, NULL), WSGI_E_STATE);
    expect(host.address, "/", 200, "served");
    end_host(&host);
}

static wsgi_status hook_status;

static int32_t start_slowly(void *user_data, uint32_t index, void **thread_data, char *reason,
                            size_t capacity) {
    (void)user_data, (void)index, (void)thread_data, (void)reason, (void)capacity;
    enter();
    WAIT_FOR(has(&leave));
    return 0;
}

static void *prepare(void *server) {
    hook_status = wsgi_server_prepare(server, NULL);
    return NULL;
}

static void a_stop_during_prepare_waits_for_its_end(void) {
    wsgi_server *server = new_server(answer, NULL);
    wsgi_handlers handlers = {0};
    pthread_t preparing, stopping;
    handlers.struct_size = sizeof handlers;
    handlers.thread_start = start_slowly;
    CHECK_INT(wsgi_server_set_handlers(server, &handlers, NULL, NULL, NULL), WSGI_OK);
    reset();
    CHECK_INT(pthread_create(&preparing, NULL, prepare, server), 0);
    WAIT_FOR(has(&entered));
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_E_STATE);
    CHECK_INT(wsgi_server_serve(server, NULL), WSGI_E_STATE);
    CHECK_INT(pthread_create(&stopping, NULL, stop_and_count, server), 0);
    leave = 1;
    pthread_join(preparing, NULL);
    pthread_join(stopping, NULL);
    CHECK_INT(hook_status, WSGI_OK);
    CHECK_INT(wsgi_server_ready(server), 0);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

static void serve_as_nobody(void) {
    host host = {new_server(answer, NULL), ""};
    serving serving = {host.server, 0};
    pthread_t thread;
    CHECK_INT(wsgi_server_prepare(host.server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_bound_addr(host.server, host.address, sizeof host.address, NULL), WSGI_OK);
    CHECK_INT(setgid(65534), 0);
    CHECK_INT(setuid(65534), 0);
    CHECK_INT(pthread_create(&thread, NULL, serve, &serving), 0);
    expect(host.address, "/", 200, "served");
    CHECK_INT(wsgi_server_stop(host.server, NULL), WSGI_OK);
    pthread_join(thread, NULL);
    CHECK_INT(serving.status, WSGI_OK);
    CHECK_INT(wsgi_server_free(host.server), WSGI_OK);
}

/* setuid(2) reaches every thread by a signal of the C library's, which ours must not block. */
static void privileges_are_given_up_before_serving(void) {
    if (geteuid() != 0) {
        fprintf(stderr, "    (left out: only root has privileges to give up)\n");
        return;
    }
    int status = 0;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(FACT_DEADLINE);
        serve_as_nobody();
        _exit(0);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}

int main(void) {
    static const test tests[] = {
        {"ready is what it says", ready_is_what_it_says},
        {"a quiet server keeps its clients and takes no others",
         a_quiet_server_keeps_its_clients_and_takes_no_others},
        {"clients are refused while a request is in work",
         clients_are_refused_while_a_request_is_in_work},
        {"a socket that is shared goes on listening", a_socket_that_is_shared_goes_on_listening},
        {"a server on a shared socket takes over without loss",
         a_server_on_a_shared_socket_takes_over_without_loss},
        {"a server that was quiet starts again", a_server_that_was_quiet_starts_again},
        {"serve returns with the host's code", serve_returns_with_the_hosts_code},
        {"a stop tells requests that take long", a_stop_tells_requests_that_take_long},
        {"two threads stop at once, and neither hangs", two_threads_stop_at_once_and_neither_hangs},
        {"a stuck application is cut when the time is up",
         a_stuck_application_is_cut_when_the_time_is_up},
        {"a stop that waits hears of a shorter time", a_stop_that_waits_hears_of_a_shorter_time},
        {"what is done twice or too early is refused", what_is_done_twice_or_too_early_is_refused},
        {"a stop during prepare waits for its end", a_stop_during_prepare_waits_for_its_end},
        {"privileges are given up before serving", privileges_are_given_up_before_serving},
    };
    return run_tests(tests, COUNT(tests));
}
