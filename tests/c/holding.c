/* What a request carries and how it may end: data with destructors, deadlines, on_abort, buffers
 * that are given away. */
#include "client.h"
#include "host.h"

#include <pthread.h>

enum { LARGE = 16 << 20 };

static wsgi_server *server;
static wsgi_request out; /* the request that was detached or is in the call */
static int arrived, go_on, freed, released, aborted;
static char *large;

static int now(int *number) {
    return __atomic_load_n(number, __ATOMIC_SEQ_CST);
}

static void count(void *number) {
    __atomic_add_fetch((int *)number, 1, __ATOMIC_SEQ_CST);
}

/* A destructor that calls back into the library, and takes a lock that the test holds while it
 * calls: it must come on another thread, and while no lock of the library is held. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void count_and_call(void *number) {
    char text[64];
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    CHECK(wsgi_request_aborted(server, out) <= 2);
    CHECK(wsgi_server_bound_addr(server, text, sizeof text, NULL) <= 0);
    count(number);
}

static void on_abort(void *number, wsgi_request request) {
    CHECK(request == out);
    CHECK(wsgi_request_aborted(server, request) != 0);
    count(number);
}

static wsgi_status start(wsgi_request request, const char *length) {
    wsgi_header header = {{"Content-Length", 14}, {length, length ? strlen(length) : 0}};
    return wsgi_start_response(server, request, str("200 OK"), &header, length != NULL, 0);
}

static int32_t app(void *user_data, wsgi_request request, const wsgi_environ *environ,
                   const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    wsgi_server *server_here = environ->server;
    if (path_is(environ, "/now")) return say(server_here, request, "now");
    if (path_is(environ, "/connection")) {
        void *data = NULL;
        CHECK_INT(wsgi_connection_data(server, request, &data), WSGI_OK);
        CHECK(data == &freed);
        return say(server_here, request, "kept");
    }
    if (path_is(environ, "/owned")) {
        CHECK_INT(start(request, NULL), WSGI_OK);
        for (int i = 0; i < 3; i++)
            CHECK_INT(wsgi_write_owned(server, request, "small", 5, count, &released), WSGI_OK);
        wsgi_status status = wsgi_write_owned(server, request, large, LARGE, count, &released);
        CHECK(status == WSGI_OK || status == WSGI_E_CLIENT);
        return WSGI_DONE;
    }
    if (path_is(environ, "/call")) { /* stays in the call until it is told to go on */
        out = request;
        count(&arrived);
        WAIT_FOR(now(&go_on));
        CHECK_STR(find(environ, "PATH_INFO").ptr, "/call");
        CHECK_INT(say(server_here, request, "late"), WSGI_GONE);
        CHECK_INT(wsgi_request_aborted(server_here, request), WSGI_GONE);
        return WSGI_DONE;
    }
    if (path_is(environ, "/stuck")) {
        out = request;
        count(&arrived);
        WAIT_FOR(now(&go_on));
        return WSGI_DONE;
    }
    if (path_is(environ, "/busy")) { /* in a call of the library until the client sends its byte */
        char byte[1];
        out = request;
        count(&arrived);
        CHECK_INT(wsgi_request_read(server_here, request, byte, 1, 0), 1);
        return say(server_here, request, "read");
    }
    if (path_is(environ, "/read")) { /* waits for a client that sends nothing more */
        char byte[1];
        out = request;
        CHECK_INT(wsgi_request_set_deadline(server_here, request, 100), WSGI_OK);
        int64_t got = wsgi_request_read(server_here, request, byte, 1, 0);
        CHECK_INT(got, WSGI_GONE);
        count(&arrived);
        return WSGI_DONE;
    }
    CHECK_INT(wsgi_request_detach(server_here, request), WSGI_OK);
    out = request;
    count(&arrived);
    return WSGI_DETACHED;
}

static host begin(const char *threads) {
    host host = {new_server(app, NULL), ""};
    server = host.server;
    set(server, "numthreads", threads);
    arrived = go_on = freed = released = aborted = 0;
    return start_host(host.server);
}

/* A request of this path that is out at the host. */
static client ask(const host *host, const char *path) {
    client client = client_open(host->address);
    int before = now(&arrived);
    client_get(&client, path);
    WAIT_FOR(now(&arrived) > before);
    return client;
}

static void data_goes_with_its_request(void) {
    host host = begin("2");
    client client = ask(&host, "/later");
    int first = 0;
    void *data = &host;
    CHECK_INT(wsgi_request_data(server, out, &data), WSGI_OK);
    CHECK(data == NULL);
    CHECK_INT(wsgi_request_set_data(server, out, &first, count_and_call), WSGI_OK);
    CHECK_INT(wsgi_request_set_data(server, out, &freed, count_and_call), WSGI_OK);
    WAIT_FOR(now(&first) == 1);
    CHECK_INT(wsgi_request_data(server, out, &data), WSGI_OK);
    CHECK(data == &freed);
    CHECK_INT(wsgi_request_data(server, out, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_request_data(NULL, out, &data), WSGI_E_NULL);
    pthread_mutex_lock(&lock);
    CHECK_INT(say(server, out, "done"), WSGI_OK);
    CHECK_INT(now(&freed), 0);
    pthread_mutex_unlock(&lock);
    WAIT_FOR(now(&freed) == 1);
    CHECK_INT(wsgi_request_data(server, out, &data), WSGI_GONE);
    CHECK_INT(wsgi_request_set_data(server, out, &first, count), WSGI_GONE);
    CHECK_INT(wsgi_request_set_data(NULL, out, &first, count), WSGI_E_NULL);
    CHECK_INT(first, 3);
    client_close(&client);
    end_host(&host);
    CHECK_INT(freed, 1);
}

static void data_goes_with_its_connection(void) {
    host host = begin("2");
    client client = ask(&host, "/later");
    CHECK_INT(wsgi_connection_set_data(server, out, &freed, count_and_call), WSGI_OK);
    CHECK_INT(wsgi_connection_set_data(NULL, out, &released, count), WSGI_E_NULL);
    CHECK_INT(released, 1);
    CHECK_INT(say(server, out, "done"), WSGI_OK);
    reply reply = client_reply(&client, 0);
    reply_free(&reply);
    reply = client_fetch(&client, "/connection");
    CHECK_STR(reply.body, "kept");
    reply_free(&reply);
    CHECK_INT(now(&freed), 0);
    client_close(&client);
    WAIT_FOR(now(&freed) == 1);
    end_host(&host);
    CHECK_INT(freed, 1);
}

/* What is out when the server stops is given back by it. */
static void a_stop_gives_data_back(void) {
    wsgi_server *made = new_server(app, NULL);
    server = made;
    set(made, "shutdown_timeout", "0.1");
    freed = released = 0;
    host host = start_host(made);
    client client = ask(&host, "/later");
    CHECK_INT(wsgi_connection_set_data(server, out, &freed, count), WSGI_OK);
    CHECK_INT(wsgi_request_set_data(server, out, &released, count), WSGI_OK);
    CHECK_INT(wsgi_server_stop(made, NULL), WSGI_OK);
    CHECK_INT(freed, 1);
    CHECK_INT(released, 1);
    CHECK_INT(wsgi_server_free(made), WSGI_OK);
    client_close(&client);
}

static void a_deadline_ends_a_detached_request(void) {
    host host = begin("1");
    client client = ask(&host, "/later");
    CHECK_INT(wsgi_request_set_deadline(NULL, out, 1), WSGI_E_NULL);
    CHECK_INT(wsgi_request_set_deadline(server, out, -1), WSGI_E_STATE);
    CHECK_INT(wsgi_request_set_data(server, out, &freed, count_and_call), WSGI_OK);
    CHECK_INT(wsgi_request_set_deadline(server, out, 50), WSGI_OK);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 503);
    CHECK(reply_has(&reply, "Connection", "close"));
    reply_free(&reply);
    expect_closed(&client);
    client_close(&client);
    CHECK_INT(say(server, out, "late"), WSGI_GONE);
    CHECK_INT(wsgi_request_set_deadline(server, out, 50), WSGI_GONE);
    WAIT_FOR(now(&freed) == 1);

    /* one that has begun is cut; one whose deadline was taken back is not */
    client = ask(&host, "/later");
    CHECK_INT(start(out, NULL), WSGI_OK);
    CHECK_INT(wsgi_write(server, out, "begun", 5, 0), WSGI_OK);
    CHECK_INT(wsgi_request_set_deadline(server, out, 50), WSGI_OK);
    reply = client_reply(&client, 0);
    CHECK_INT(reply.complete, 0);
    reply_free(&reply);
    client_close(&client);
    CHECK_INT(wsgi_write(server, out, "late", 4, 0), WSGI_GONE);

    client = ask(&host, "/later");
    CHECK_INT(wsgi_request_set_deadline(server, out, 500), WSGI_OK);
    CHECK_INT(wsgi_request_set_deadline(server, out, 0), WSGI_OK);
    double until = seconds_now() + 0.7;
    WAIT_FOR(seconds_now() > until);
    CHECK_INT(say(server, out, "in time"), WSGI_OK);
    reply = client_reply(&client, 0);
    CHECK_STR(reply.body, "in time");
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
}

static void a_deadline_passes_an_application_in_its_call(void) {
    host host = begin("1");
    client client = ask(&host, "/call");
    CHECK_INT(wsgi_request_set_deadline(server, out, 50), WSGI_OK);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 503);
    reply_free(&reply);
    __atomic_store_n(&go_on, 1, __ATOMIC_SEQ_CST);
    expect_closed(&client);
    client_close(&client);
    expect(host.address, "/now", 200, "now");
    end_host(&host);
}

static void a_wait_for_the_client_ends_at_the_deadline(void) {
    host host = begin("2");
    static const char head[] = "POST /read HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n"
                               "Expect: 100-continue\r\n\r\n";
    client client = client_open(host.address);
    client_send(&client, head, sizeof head - 1);
    WAIT_FOR(now(&arrived));
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 503);
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
}

/* A second thread beside one that is in a call: each says so, and gives back what it was given. */
static void a_second_thread_finds_it_busy(void) {
    static const char head[] = "POST /busy HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n"
                               "Expect: 100-continue\r\n\r\n";
    host host = begin("1");
    client client = client_open(host.address);
    wsgi_str part = {"x", 1}, value;
    wsgi_view view = {0};
    void *data;
    char text[64];
    view.struct_size = sizeof view;
    client_send(&client, head, sizeof head - 1);
    WAIT_FOR(now(&arrived) && wsgi_request_aborted(server, out) == WSGI_BUSY);
    CHECK_INT(wsgi_request_set_data(server, out, &freed, count), WSGI_BUSY);
    CHECK_INT(wsgi_connection_set_data(server, out, &freed, count), WSGI_BUSY);
    CHECK_INT(wsgi_request_on_abort(server, out, on_abort, &freed, count), WSGI_BUSY);
    CHECK_INT(wsgi_write_owned(server, out, "x", 1, count, &freed), WSGI_BUSY);
    CHECK_INT(freed, 4);
    CHECK_INT(wsgi_request_data(server, out, &data), WSGI_BUSY);
    CHECK_INT(wsgi_connection_data(server, out, &data), WSGI_BUSY);
    CHECK_INT(wsgi_request_set_deadline(server, out, 1000), WSGI_BUSY);
    CHECK_INT(wsgi_request_view(server, out, &view), WSGI_BUSY);
    CHECK_INT(wsgi_request_header(server, out, str("Host"), &value), WSGI_BUSY);
    CHECK_INT(wsgi_request_get(server, out, WSGI_KEY_HTTP_HOST, &value), WSGI_BUSY);
    CHECK_INT(wsgi_request_peer_addr(server, out, text, sizeof text, NULL), WSGI_BUSY);
    CHECK_INT(wsgi_request_id(server, out, text, sizeof text, NULL), WSGI_BUSY);
    CHECK_INT(wsgi_writev(server, out, &part, 1, 0), WSGI_BUSY);
    CHECK_INT(wsgi_flush(server, out, 0), WSGI_BUSY);
    CHECK_INT(wsgi_inform(server, out, str("102"), NULL, 0), WSGI_BUSY);
    CHECK_INT(wsgi_add_trailer(server, out, str("A"), str("1")), WSGI_BUSY);
    CHECK_INT(wsgi_respond_flat(server, out, "200 OK", 6, "", 0), WSGI_BUSY);
    client_send(&client, "x", 1);
    reply reply = client_reply(&client, 0);
    CHECK_STR(reply.body, "read");
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
}

static void a_client_that_leaves_is_told(void) {
    host host = begin("1");
    client client = ask(&host, "/later");
    CHECK_INT(wsgi_request_on_abort(NULL, out, on_abort, &aborted, count), WSGI_E_NULL);
    CHECK_INT(wsgi_request_on_abort(server, out, NULL, &released, count), WSGI_E_NULL);
    CHECK_INT(aborted, 1);
    CHECK_INT(released, 1);
    aborted = released = 0;
    CHECK_INT(wsgi_request_on_abort(server, out, on_abort, &released, count), WSGI_OK);
    CHECK_INT(wsgi_request_on_abort(server, out, on_abort, &aborted, NULL), WSGI_OK);
    WAIT_FOR(now(&released) == 1); /* freed, not called */
    CHECK_INT(shutdown(client.fd, SHUT_WR), 0);
    WAIT_FOR(now(&aborted) == 1);
    CHECK_INT(wsgi_request_aborted(server, out), 1);
    CHECK_INT(wsgi_request_on_abort(server, out, on_abort, &aborted, count), WSGI_OK);
    WAIT_FOR(now(&aborted) == 3); /* called at once, and freed */
    CHECK_INT(say(server, out, "done"), WSGI_OK);
    client_close(&client);
    CHECK_INT(wsgi_request_on_abort(server, out, on_abort, &aborted, count), WSGI_GONE);
    CHECK_INT(now(&aborted), 4);

    /* a request that ends in peace: freed, not called */
    client = ask(&host, "/later");
    CHECK_INT(wsgi_request_on_abort(server, out, on_abort, &freed, count), WSGI_OK);
    CHECK_INT(say(server, out, "done"), WSGI_OK);
    WAIT_FOR(now(&freed) == 1);
    client_close(&client);
    end_host(&host);
}

/* All workers are in calls: the service thread tells, so that they can be called off. */
static void it_is_told_when_no_worker_is_free(void) {
    host host = begin("1");
    client client = ask(&host, "/stuck");
    CHECK_INT(wsgi_request_on_abort(server, out, on_abort, &aborted, NULL), WSGI_OK);
    client_reset(&client);
    WAIT_FOR(now(&aborted) == 1);
    CHECK_INT(wsgi_abort(server, out), WSGI_OK);
    CHECK_INT(wsgi_request_set_deadline(server, out, 1), WSGI_E_STATE);
    __atomic_store_n(&go_on, 1, __ATOMIC_SEQ_CST);
    end_host(&host);
}

static void buffers_are_released_once(void) {
    host host = begin("1");
    client slow = client_open(host.address);
    for (int i = 0; i < LARGE; i++) large[i] = (char)('a' + i % 23);
    client_get(&slow, "/owned");
    /* nobody reads, and the only thread is free all the same */
    expect(host.address, "/now", 200, "now");
    CHECK_INT(now(&released), 3);
    reply reply = client_reply(&slow, 0);
    CHECK_INT(reply.length, 15 + LARGE);
    CHECK(memcmp(reply.body, "smallsmallsmall", 15) == 0);
    CHECK(memcmp(reply.body + 15, large, LARGE) == 0);
    CHECK_INT(reply.complete, 1);
    reply_free(&reply);
    WAIT_FOR(now(&released) == 4);
    client_close(&slow);

    /* a client that leaves in the middle */
    slow = client_open(host.address);
    client_get(&slow, "/owned");
    WAIT_FOR(now(&released) == 7);
    client_reset(&slow);
    WAIT_FOR(now(&released) == 8);
    end_host(&host);
}

/* What was parked goes on while the request is out, and the next write comes behind it. */
static void parked_bytes_go_on_by_themselves(void) {
    host host = begin("1");
    client client = ask(&host, "/later");
    CHECK_INT(wsgi_write_owned(server, out, "early", 5, count, &released), WSGI_E_STATE);
    CHECK_INT(released, 1);
    CHECK_INT(start(out, "16777220"), WSGI_OK);
    CHECK_INT(wsgi_write_owned(server, out, large, LARGE, count, &released), WSGI_OK);
    CHECK_INT(now(&released), 1);
    CHECK(client_need(&client, LARGE)); /* no call of ours is needed for that */
    WAIT_FOR(now(&released) == 2);
    CHECK_INT(wsgi_write_owned(server, out, "end.", 4, count, &released), WSGI_OK);
    CHECK_INT(wsgi_write_owned(server, out, "more", 4, count, &released), WSGI_E_LENGTH);
    CHECK_INT(now(&released), 4);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.length, LARGE + 4);
    CHECK_STR(reply.body + LARGE, "end.");
    reply_free(&reply);
    client_close(&client);
    CHECK_INT(wsgi_write_owned(server, out, "gone", 4, count, &released), WSGI_GONE);
    CHECK_INT(wsgi_write_owned(NULL, out, "null", 4, count, &released), WSGI_E_NULL);
    CHECK_INT(wsgi_write_owned(server, out, NULL, 4, count, &released), WSGI_E_NULL);
    CHECK_INT(now(&released), 7);
    end_host(&host);
}

int main(void) {
    static const test tests[] = {
        {"data goes with its request", data_goes_with_its_request},
        {"data goes with its connection", data_goes_with_its_connection},
        {"a stop gives data back", a_stop_gives_data_back},
        {"a deadline ends a detached request", a_deadline_ends_a_detached_request},
        {"a deadline passes an application in its call",
         a_deadline_passes_an_application_in_its_call},
        {"a wait for the client ends at the deadline", a_wait_for_the_client_ends_at_the_deadline},
        {"a second thread finds it busy", a_second_thread_finds_it_busy},
        {"a client that leaves is told", a_client_that_leaves_is_told},
        {"it is told when no worker is free", it_is_told_when_no_worker_is_free},
        {"buffers are released once", buffers_are_released_once},
        {"parked bytes go on by themselves", parked_bytes_go_on_by_themselves},
    };
    large = malloc(LARGE);
    CHECK(large != NULL);
    int code = run_tests(tests, COUNT(tests));
    free(large);
    return code;
}
