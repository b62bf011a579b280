/* The thread pool from C: grown and shrunk while it works, and an application that fails. */
#include "client.h"
#include "host.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int waiting, opened;

static void wait_at_the_gate(void) {
    pthread_mutex_lock(&lock);
    waiting++;
    while (!opened) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void open_the_gate(int open) {
    pthread_mutex_lock(&lock);
    opened = open;
    waiting = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static int at_the_gate(void) {
    pthread_mutex_lock(&lock);
    int count = waiting;
    pthread_mutex_unlock(&lock);
    return count;
}

static int32_t app(void *user_data, wsgi_request request, const wsgi_environ *environ,
                   const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    if (path_is(environ, "/fail")) return -1;
    if (path_is(environ, "/wait")) wait_at_the_gate();
    if (path_is(environ, "/grow") && wsgi_server_grow(environ->server, 2, NULL) < 0) return -1;
    return say(environ->server, request, "ok");
}

static size_t gauge(wsgi_status (*look)(const wsgi_server *, size_t *), const wsgi_server *server) {
    size_t count = 99;
    CHECK_INT(look(server, &count), WSGI_OK);
    return count;
}

static size_t grow(const wsgi_server *server, size_t amount) {
    size_t started = 99;
    CHECK_INT(wsgi_server_grow(server, amount, &started), WSGI_OK);
    return started;
}

static size_t shrink(const wsgi_server *server, size_t amount) {
    size_t leaving = 99;
    CHECK_INT(wsgi_server_shrink(server, amount, &leaving), WSGI_OK);
    return leaving;
}

static void it_grows_and_shrinks_within_its_bounds(void) {
    size_t tasks = threads();
    wsgi_server *server = new_server(app, NULL);
    set(server, "numthreads", "2");
    set(server, "max", "4");
    host host = start_host(server);
    CHECK_INT(gauge(wsgi_server_threads, server), 2);
    CHECK_INT(grow(server, 100), 2);
    CHECK_INT(grow(server, 1), 0);
    WAIT_FOR(gauge(wsgi_server_idle, server) == 4);
    CHECK_INT(shrink(server, 1), 1);
    CHECK_INT(shrink(server, 100), 1);
    CHECK_INT(shrink(server, 100), 0);
    WAIT_FOR(gauge(wsgi_server_threads, server) == 2);
    expect(host.address, "/grow", 200, "ok");
    CHECK_INT(gauge(wsgi_server_threads, server), 4);
    end_host(&host);
    WAIT_FOR(threads() == tasks);
}

static void the_busy_are_not_cut(void) {
    enum { CLIENTS = 4 };
    client clients[CLIENTS];
    open_the_gate(0);
    host host = new_host(app, NULL, "1");
    CHECK_INT(grow(host.server, 2), 2);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(host.address);
        client_get(&clients[i], "/wait");
    }
    WAIT_FOR(at_the_gate() == 3);
    WAIT_FOR(gauge(wsgi_server_qsize, host.server) == 1);
    CHECK_INT(gauge(wsgi_server_idle, host.server), 0);
    CHECK_INT(shrink(host.server, 2), 2);
    CHECK_INT(gauge(wsgi_server_threads, host.server), 3);
    open_the_gate(1);
    for (int i = 0; i < CLIENTS; i++) {
        reply reply = client_reply(&clients[i], 0);
        CHECK_INT(reply.status, 200);
        reply_free(&reply);
        client_close(&clients[i]);
    }
    WAIT_FOR(gauge(wsgi_server_threads, host.server) == 1);
    end_host(&host);
}

static void it_follows_the_load(void) {
    enum { CLIENTS = 3 };
    client clients[CLIENTS];
    open_the_gate(0);
    wsgi_server *server = new_server(app, NULL);
    set(server, "numthreads", "1");
    set(server, "max", "3");
    set(server, "idle_thread_timeout", "0.05");
    host host = start_host(server);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(host.address);
        client_get(&clients[i], "/wait");
    }
    WAIT_FOR(at_the_gate() == 3);
    CHECK_INT(gauge(wsgi_server_threads, server), 3);
    open_the_gate(1);
    for (int i = 0; i < CLIENTS; i++) {
        reply reply = client_reply(&clients[i], 0);
        CHECK_INT(reply.status, 200);
        reply_free(&reply);
        client_close(&clients[i]);
    }
    WAIT_FOR(gauge(wsgi_server_threads, server) == 1);
    end_host(&host);
}

static void a_thousand_failures_cost_no_thread(void) {
    host host = new_host(app, NULL, "3");
    for (int i = 0; i < 1000; i++) {
        reply reply = fetch(host.address, "/fail");
        CHECK_INT(reply.status, 500);
        reply_free(&reply);
    }
    CHECK_INT(gauge(wsgi_server_threads, host.server), 3);
    WAIT_FOR(gauge(wsgi_server_idle, host.server) == 3);
    expect(host.address, "/", 200, "ok");
    end_host(&host);
}

static void what_is_not_possible_has_a_status(void) {
    size_t count = 99;
    CHECK_INT(wsgi_server_grow(NULL, 1, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_shrink(NULL, 1, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_threads(NULL, &count), WSGI_E_NULL);
    wsgi_server *server = new_server(app, NULL);
    CHECK_INT(wsgi_server_idle(server, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_qsize(server, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_grow(server, 1, &count), WSGI_E_STATE);
    CHECK_INT(wsgi_server_shrink(server, 1, &count), WSGI_E_STATE);
    CHECK_INT(count, 99);
    CHECK_INT(gauge(wsgi_server_threads, server), 0);

    host host = start_host(server);
    wsgi_error *error = NULL;
    CHECK_INT(wsgi_server_set(server, "numthreads", "3", &error), WSGI_E_STATE);
    CHECK_CONTAINS(wsgi_error_message(error), "grow and shrink");
    wsgi_error_free(error);
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_grow(server, 1, &count), WSGI_E_STATE);
    CHECK_INT(gauge(wsgi_server_threads, server), 0);
    end_host(&host);

    server = new_server(NULL, NULL);
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_grow(server, 1, &count), WSGI_E_STATE);
    CHECK_INT(wsgi_server_shrink(server, 1, &count), WSGI_E_STATE);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

int main(void) {
    static const test tests[] = {
        {"it grows and shrinks within its bounds", it_grows_and_shrinks_within_its_bounds},
        {"the busy are not cut", the_busy_are_not_cut},
        {"it follows the load", it_follows_the_load},
        {"a thousand failures cost no thread", a_thousand_failures_cost_no_thread},
        {"what is not possible has a status", what_is_not_possible_has_a_status},
    };
    return run_tests(tests, COUNT(tests));
}
