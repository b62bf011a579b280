/* Detached requests: the callback returns, any thread answers later. */
#include "client.h"
#include "host.h"

#include <pthread.h>

enum { MANY = 100 };

/* What the callbacks have put aside. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    wsgi_request request;
    char query[32];
} detached[MANY];
static int detached_count;

static int count_detached(void) {
    pthread_mutex_lock(&lock);
    int count = detached_count;
    pthread_mutex_unlock(&lock);
    return count;
}

static int32_t detach(void *user_data, wsgi_request request, const wsgi_environ *environ,
                      const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    if (path_is(environ, "/now")) return say(environ->server, request, "now");
    wsgi_status status = wsgi_request_detach(environ->server, request);
    if (status < 0) return status;
    pthread_mutex_lock(&lock);
    CHECK(detached_count < MANY);
    detached[detached_count].request = request;
    snprintf(detached[detached_count].query, sizeof detached[0].query, "%s",
             find(environ, "QUERY_STRING").ptr);
    detached_count++;
    pthread_mutex_unlock(&lock);
    return WSGI_DETACHED;
}

static void *answer_all(void *argument) {
    host *host = argument;
    for (int i = 0; i < detached_count; i++) {
        wsgi_environ environ = {0};
        environ.struct_size = sizeof environ;
        CHECK_INT(wsgi_request_environ(host->server, detached[i].request, &environ), WSGI_OK);
        CHECK_STR(find(&environ, "QUERY_STRING").ptr, detached[i].query);
        CHECK_INT(say(host->server, detached[i].request, detached[i].query), WSGI_OK);
        CHECK_INT(say(host->server, detached[i].request, "again"), WSGI_GONE);
    }
    return NULL;
}

static void answer_from_another_thread(host *host) {
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, answer_all, host), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
}

/* A hundred at once on four threads: none of them is held, and each gets its own answer. */
static void a_hundred_wait_without_a_thread(void) {
    client clients[MANY];
    host host = new_host(detach, NULL, "4");
    detached_count = 0;
    for (int i = 0; i < MANY; i++) {
        char path[32];
        snprintf(path, sizeof path, "/later?number=%d", i);
        clients[i] = client_open(host.address);
        client_get(&clients[i], path);
    }
    WAIT_FOR(count_detached() == MANY);
    expect(host.address, "/now", 200, "now");
    answer_from_another_thread(&host);
    for (int i = 0; i < MANY; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "number=%d", i);
        reply reply = client_reply(&clients[i], 0);
        CHECK_STR(reply.body, expected);
        reply_free(&reply);
    }
    for (int i = 0; i < MANY; i++) { /* the connections go on */
        reply reply = client_fetch(&clients[i], "/now");
        CHECK_STR(reply.body, "now");
        reply_free(&reply);
        client_close(&clients[i]);
    }
    end_host(&host);
}

/* The next request on the connection waits its turn behind a detached one. */
static void pipelined_answers_stay_in_order(void) {
    static const char both[] = "GET /later?first HTTP/1.1\r\nHost: test\r\n\r\n"
                               "GET /now HTTP/1.1\r\nHost: test\r\n\r\n";
    host host = new_host(detach, NULL, "2");
    client client = client_open(host.address);
    detached_count = 0;
    client_send(&client, both, sizeof both - 1);
    WAIT_FOR(count_detached() == 1);
    answer_from_another_thread(&host);
    reply first = client_reply(&client, 0), second = client_reply(&client, 0);
    CHECK_STR(first.body, "first");
    CHECK_STR(second.body, "now");
    reply_free(&first);
    reply_free(&second);
    client_close(&client);
    end_host(&host);
}

static void streamed_in_pieces(void) {
    host host = new_host(detach, NULL, "1");
    client client = client_open(host.address);
    wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    detached_count = 0;
    client_get(&client, "/later");
    WAIT_FOR(count_detached() == 1);
    wsgi_request request = detached[0].request;
    CHECK_INT(wsgi_write(host.server, request, "early", 5, 0), WSGI_E_STATE);
    CHECK_INT(wsgi_start_response(host.server, request, str("200 OK"), &type, 1, 0), WSGI_OK);
    CHECK_INT(wsgi_write(host.server, request, "one ", 4, 0), WSGI_OK);
    CHECK_INT(wsgi_write(host.server, request, "two", 3, 0), WSGI_OK);
    CHECK_INT(wsgi_finish(host.server, request), WSGI_OK);
    CHECK_INT(wsgi_finish(host.server, request), WSGI_GONE);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.complete, 1);
    CHECK_STR(reply.body, "one two");
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
}

/* Nothing was sent, so there is still something to say. */
static void abort_is_500_and_closes_the_connection(void) {
    host host = new_host(detach, NULL, "1");
    client client = client_open(host.address);
    detached_count = 0;
    client_get(&client, "/later");
    WAIT_FOR(count_detached() == 1);
    CHECK_INT(wsgi_abort(host.server, detached[0].request), WSGI_OK);
    CHECK_INT(wsgi_abort(host.server, detached[0].request), WSGI_GONE);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 500);
    CHECK(reply_has(&reply, "Connection", "close"));
    reply_free(&reply);
    expect_closed(&client);
    client_close(&client);
    end_host(&host);
}

static void a_client_that_leaves_is_noticed(void) {
    size_t fds = descriptors();
    host host = new_host(detach, NULL, "1");
    client client = client_open(host.address);
    detached_count = 0;
    client_get(&client, "/later");
    WAIT_FOR(count_detached() == 1);
    wsgi_request request = detached[0].request;
    CHECK_INT(wsgi_request_aborted(host.server, request), 0);
    CHECK_INT(shutdown(client.fd, SHUT_WR), 0);
    WAIT_FOR(wsgi_request_aborted(host.server, request) == 1);
    client_reset(&client);
    WAIT_FOR(wsgi_request_aborted(host.server, request) == 2);
    say(host.server, request, "to nobody");
    WAIT_FOR(wsgi_request_aborted(host.server, request) == WSGI_GONE);
    end_host(&host);
    CHECK_INT(descriptors(), fds);
}

/* What is still out when the server's time to stop is over is cut, counted, and gone. */
static void stop_counts_the_requests_it_cut(void) {
    enum { WAITING = 3 };
    client clients[WAITING];
    uint32_t cut = 99;
    wsgi_server *server = new_server(detach, NULL);
    set(server, "shutdown_timeout", "0.2");
    host host = start_host(server);
    detached_count = 0;
    for (int i = 0; i < WAITING; i++) {
        clients[i] = client_open(host.address);
        client_get(&clients[i], "/later");
    }
    WAIT_FOR(count_detached() == WAITING);
    CHECK_INT(wsgi_server_stop(host.server, &cut), WSGI_OK);
    CHECK_INT(cut, WAITING);
    for (int i = 0; i < WAITING; i++) {
        CHECK_INT(say(host.server, detached[i].request, "late"), WSGI_GONE);
        expect_closed(&clients[i]);
        client_close(&clients[i]);
    }
    CHECK_INT(wsgi_server_free(host.server), WSGI_OK);
}

int main(void) {
    static const test tests[] = {
        {"a hundred wait without a thread", a_hundred_wait_without_a_thread},
        {"pipelined answers stay in order", pipelined_answers_stay_in_order},
        {"streamed in pieces", streamed_in_pieces},
        {"abort is 500 and closes the connection", abort_is_500_and_closes_the_connection},
        {"a client that leaves is noticed", a_client_that_leaves_is_noticed},
        {"stop counts the requests it cut", stop_counts_the_requests_it_cut},
    };
    return run_tests(tests, COUNT(tests));
}
