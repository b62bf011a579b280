/* What a pull server's workers are told beside requests: that a read or a write that did not wait may
 * go on, that a client has left, that an answer is out. */
#include "pull.h"

#include <poll.h>

enum { PIECE = 256 * 1024 };

static host new_pull(const char *option, const char *value) {
    wsgi_server *server = new_server(NULL, NULL);
    if (option) set(server, option, value);
    return start_host(server);
}

static void post(client *client, size_t length) {
    char head[128];
    snprintf(head, sizeof head, "POST /body HTTP/1.1\r\nHost: test\r\nContent-Length: %zu\r\n\r\n",
             length);
    client_send(client, head, strlen(head));
}

static void a_body_is_read_as_it_comes(void) {
    char body[64];
    host host = new_pull("preread", "0");
    wsgi_worker *worker = new_worker(host.server);
    client client = client_open(host.address);
    post(&client, 6);
    wsgi_request request = next_request(worker);
    CHECK_INT(wsgi_request_read(host.server, request, body, sizeof body, WSGI_NONBLOCK), WSGI_AGAIN);
    CHECK_INT(wsgi_request_read(host.server, request, body, sizeof body, WSGI_NONBLOCK), WSGI_AGAIN);
    expect_no_event(worker);
    client_send(&client, "abc", 3);
    CHECK(expect_event(worker, WSGI_EVENT_READABLE).request == request);
    expect_no_event(worker); /* one for each WSGI_AGAIN, and one at a time */
    CHECK_INT(wsgi_request_read(host.server, request, body, sizeof body, WSGI_NONBLOCK), 3);
    CHECK_INT(wsgi_request_read(host.server, request, body, sizeof body, WSGI_NONBLOCK), WSGI_AGAIN);
    client_send(&client, "def", 3);
    expect_event(worker, WSGI_EVENT_READABLE);
    CHECK_INT(wsgi_request_read(host.server, request, body + 3, 3, WSGI_NONBLOCK), 3);
    CHECK(memcmp(body, "abcdef", 6) == 0);
    CHECK_INT(wsgi_request_read(host.server, request, body, sizeof body, WSGI_NONBLOCK), 0);
    CHECK_INT(say(host.server, request, "read"), WSGI_OK);
    reply reply = client_reply(&client, 0);
    CHECK_STR(reply.body, "read");
    reply_free(&reply);
    client_close(&client);
    end_pull(&host, worker);
}

/* What comes before the read that finds nothing counts too, and a blocking read in between. */
static void a_body_in_chunks_with_waiting_reads_between(void) {
    static const char head[] =
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    char body[64];
    host host = new_pull("preread", "0");
    wsgi_worker *worker = new_worker(host.server);
    client client = client_open(host.address);
    client_send(&client, head, sizeof head - 1);
    wsgi_request request = next_request(worker);
    CHECK_INT(wsgi_request_read(host.server, request, body, sizeof body, WSGI_NONBLOCK), 3);
    CHECK_INT(wsgi_request_read(host.server, request, body, sizeof body, WSGI_NONBLOCK), WSGI_AGAIN);
    client_send(&client, "2\r\nde\r\n", 7);
    expect_event(worker, WSGI_EVENT_READABLE);
    CHECK_INT(wsgi_request_read(host.server, request, body, sizeof body, 0), 2);
    client_send(&client, "1\r\nf\r\n", 6);
    CHECK_INT(wsgi_request_read(host.server, request, body, sizeof body, 0), 1);
    CHECK_INT(wsgi_request_read(host.server, request, body, sizeof body, WSGI_NONBLOCK), WSGI_AGAIN);
    client_send(&client, "0\r\n\r\n", 5);
    expect_event(worker, WSGI_EVENT_READABLE);
    CHECK_INT(wsgi_request_read(host.server, request, body, sizeof body, WSGI_NONBLOCK), 0);
    CHECK_INT(say(host.server, request, "read"), WSGI_OK);
    client_close(&client);
    end_pull(&host, worker);
}

static void a_body_that_ends_too_early_is_readable(void) {
    char body[64];
    host host = new_pull("preread", "0");
    wsgi_worker *worker = new_worker(host.server);
    client client = client_open(host.address);
    post(&client, 6);
    wsgi_request request = next_request(worker);
    CHECK_INT(wsgi_request_read(host.server, request, body, sizeof body, WSGI_NONBLOCK), WSGI_AGAIN);
    CHECK_INT(shutdown(client.fd, SHUT_WR), 0);
    expect_event(worker, WSGI_EVENT_READABLE);
    CHECK_INT(wsgi_request_read(host.server, request, body, sizeof body, WSGI_NONBLOCK),
              WSGI_E_CLIENT);
    CHECK_INT(wsgi_abort(host.server, request), WSGI_OK);
    CHECK_INT(wsgi_request_read(host.server, request, body, sizeof body, WSGI_NONBLOCK), WSGI_GONE);
    client_close(&client);
    end_pull(&host, worker);
}

static void a_body_that_does_not_come_is_too_slow(void) {
    char body[64];
    wsgi_server *server = new_server(NULL, NULL);
    set(server, "preread", "0");
    set(server, "body_timeout", "0.1");
    host host = start_host(server);
    wsgi_worker *worker = new_worker(server);
    client client = client_open(host.address);
    post(&client, 6);
    wsgi_request request = next_request(worker);
    CHECK_INT(wsgi_request_read(server, request, body, sizeof body, WSGI_NONBLOCK), WSGI_AGAIN);
    expect_event(worker, WSGI_EVENT_READABLE);
    CHECK_INT(wsgi_request_read(server, request, body, sizeof body, WSGI_NONBLOCK), WSGI_E_CLIENT);
    CHECK_INT(wsgi_abort(server, request), WSGI_OK);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 408);
    reply_free(&reply);
    client_close(&client);
    end_pull(&host, worker);
}

/* Writes until the client's side is full; the number of pieces taken. */
static size_t write_until_full(host *host, wsgi_request request, const char *piece) {
    size_t count = 0;
    int32_t status;
    while ((status = wsgi_write(host->server, request, piece, PIECE, WSGI_NONBLOCK)) == WSGI_OK)
        count++;
    CHECK_INT(status, WSGI_AGAIN);
    return count;
}

static void a_stream_goes_on_when_there_is_room(void) {
    char *piece = malloc(PIECE);
    size_t written = 0;
    host host = new_pull(NULL, NULL);
    wsgi_worker *worker = new_worker(host.server);
    client client = client_open(host.address);
    memset(piece, 'x', PIECE);
    client_get(&client, "/");
    wsgi_request request = next_request(worker);
    CHECK_INT(start(host.server, request), WSGI_OK);
    written += write_until_full(&host, request, piece);
    CHECK(written > 0);
    expect_no_event(worker);
    for (int round = 0; round < 2; round++) {
        wsgi_event event = {0};
        while (event.kind == 0) {
            client_receive(&client);
            event = next_within(worker, 0);
        }
        CHECK_INT(event.kind, WSGI_EVENT_WRITABLE);
        CHECK(event.request == request);
        written += write_until_full(&host, request, piece);
    }
    CHECK_INT(wsgi_finish(host.server, request), WSGI_OK);
    while (client.length < written * PIECE) {
        next_within(worker, 0);
        if (client_receive(&client) == 0) break;
    }
    while (next_within(worker, 0).kind != 0) {
    }
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.complete, 1);
    CHECK_INT(reply.length, written * PIECE);
    reply_free(&reply);
    free(piece);
    client_close(&client);
    end_pull(&host, worker);
}

/* What was taken goes out by itself, though the host has nothing more to say for now. */
static void what_is_kept_goes_out_while_the_host_waits(void) {
    enum { BIG = 16 * 1024 * 1024 };
    char *big = malloc(BIG);
    host host = new_pull(NULL, NULL);
    wsgi_worker *worker = new_worker(host.server);
    client client = client_open(host.address);
    memset(big, 'x', BIG);
    client_get(&client, "/");
    wsgi_request request = next_request(worker);
    CHECK_INT(start(host.server, request), WSGI_OK);
    CHECK_INT(wsgi_write(host.server, request, big, BIG, WSGI_NONBLOCK), WSGI_OK);
    CHECK_INT(wsgi_write(host.server, request, "y", 1, WSGI_NONBLOCK), WSGI_AGAIN);
    wsgi_event event = {0};
    while (client.length < BIG) {
        CHECK(client_receive(&client) > 0);
        wsgi_event now = next_within(worker, 0);
        if (now.kind != 0) event = now;
    }
    if (event.kind == 0) event = expect_event(worker, WSGI_EVENT_WRITABLE);
    CHECK_INT(event.kind, WSGI_EVENT_WRITABLE);
    CHECK_INT(wsgi_write(host.server, request, "y", 1, WSGI_NONBLOCK), WSGI_OK);
    CHECK_INT(wsgi_finish(host.server, request), WSGI_OK);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.length, BIG + 1);
    reply_free(&reply);
    free(big);
    client_close(&client);
    end_pull(&host, worker);
}

static void a_client_that_does_not_read_is_too_slow(void) {
    char *piece = malloc(PIECE);
    wsgi_server *server = new_server(NULL, NULL);
    set(server, "write_timeout", "0.1");
    host host = start_host(server);
    wsgi_worker *worker = new_worker(server);
    client client = client_open(host.address);
    memset(piece, 'x', PIECE);
    client_get(&client, "/");
    wsgi_request request = next_request(worker);
    CHECK_INT(start(server, request), WSGI_OK);
    int32_t status = WSGI_OK;
    while (status == WSGI_OK || status == WSGI_AGAIN) {
        /* The kernel may take some more at first. */
        if (status == WSGI_AGAIN) expect_event(worker, WSGI_EVENT_WRITABLE);
        status = wsgi_write(server, request, piece, PIECE, WSGI_NONBLOCK);
    }
    CHECK_INT(status, WSGI_E_CLIENT);
    CHECK_INT(wsgi_write(server, request, piece, PIECE, WSGI_NONBLOCK), WSGI_GONE);
    free(piece);
    client_close(&client);
    end_pull(&host, worker);
}

static void a_client_that_leaves_is_told(void) {
    host host = new_pull(NULL, NULL);
    wsgi_worker *worker = new_worker(host.server), *other = new_worker(host.server);
    client client = client_open(host.address);
    client_get(&client, "/");
    wsgi_request request = next_request(worker);
    CHECK_INT(wsgi_request_watch(host.server, request, WSGI_WATCH_ABORTED), WSGI_OK);
    expect_no_event(worker);
    CHECK_INT(shutdown(client.fd, SHUT_WR), 0);
    wsgi_event event = expect_event(other, WSGI_EVENT_ABORTED); /* any worker */
    CHECK(event.request == request);
    CHECK_INT(event.code, 1);
    CHECK_INT(wsgi_request_watch(host.server, request, WSGI_WATCH_ABORTED), WSGI_OK);
    expect_no_event(worker); /* half-closed: that was told */
    client_reset(&client);
    CHECK_INT(expect_event(worker, WSGI_EVENT_ABORTED).code, 2);
    expect_no_event(worker);
    CHECK_INT(wsgi_abort(host.server, request), WSGI_OK);
    CHECK_INT(wsgi_request_watch(host.server, request, WSGI_WATCH_ABORTED), WSGI_GONE);
    CHECK_INT(wsgi_worker_free(other), WSGI_OK);
    end_pull(&host, worker);
}

/* It happened before anybody asked. */
static void who_asks_late_is_told_all_the_same(void) {
    host host = new_pull(NULL, NULL);
    wsgi_worker *worker = new_worker(host.server);
    client client = client_open(host.address);
    client_get(&client, "/");
    wsgi_request request = next_request(worker);
    CHECK_INT(shutdown(client.fd, SHUT_WR), 0);
    WAIT_FOR(wsgi_request_aborted(host.server, request) == 1);
    CHECK_INT(wsgi_request_watch(host.server, request, WSGI_WATCH_ABORTED), WSGI_OK);
    CHECK_INT(expect_event(worker, WSGI_EVENT_ABORTED).code, 1);
    CHECK_INT(say(host.server, request, "still there"), WSGI_OK);
    reply reply = client_reply(&client, 0);
    CHECK_STR(reply.body, "still there");
    reply_free(&reply);
    client_close(&client);
    end_pull(&host, worker);
}

/* An event of a request that was answered meanwhile is not given out. */
static void what_is_stale_is_not_told(void) {
    host host = new_pull(NULL, NULL);
    wsgi_worker *worker = new_worker(host.server);
    client client = client_open(host.address);
    client_get(&client, "/");
    wsgi_request request = next_request(worker);
    CHECK_INT(shutdown(client.fd, SHUT_WR), 0);
    WAIT_FOR(wsgi_request_aborted(host.server, request) == 1);
    CHECK_INT(wsgi_request_watch(host.server, request, WSGI_WATCH_ABORTED), WSGI_OK);
    CHECK_INT(say(host.server, request, "answered"), WSGI_OK);
    expect_no_event(worker);
    client_close(&client);
    end_pull(&host, worker);
}

static void released_is_told_when_the_last_byte_is_out(void) {
    enum { BIG = 16 * 1024 * 1024 };
    char *big = malloc(BIG);
    wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    host host = new_pull(NULL, NULL);
    wsgi_worker *worker = new_worker(host.server);
    client client = client_open(host.address);
    memset(big, 'x', BIG);

    client_get(&client, "/small"); /* sent at once, told at once */
    wsgi_request request = next_request(worker);
    CHECK_INT(wsgi_request_watch(host.server, request, WSGI_WATCH_RELEASED), WSGI_OK);
    expect_no_event(worker);
    CHECK_INT(say(host.server, request, "small"), WSGI_OK);
    wsgi_event event = expect_event(worker, WSGI_EVENT_RELEASED);
    CHECK(event.request == request);
    CHECK_INT(event.code, 0);
    reply small = client_reply(&client, 0);
    reply_free(&small);

    client_get(&client, "/big");
    request = next_request(worker);
    CHECK_INT(wsgi_request_watch(host.server, request, WSGI_WATCH_RELEASED | WSGI_WATCH_ABORTED),
              WSGI_OK);
    CHECK_INT(wsgi_respond(host.server, request, str("200 OK"), &type, 1, big, BIG), WSGI_OK);
    CHECK_INT(say(host.server, request, "again"), WSGI_GONE);
    expect_no_event(worker);
    while (client.length < BIG) {
        CHECK(client_receive(&client) > 0);
        event = next_within(worker, 0);
        if (event.kind != 0) break;
    }
    if (event.kind == 0) event = expect_event(worker, WSGI_EVENT_RELEASED);
    CHECK_INT(event.kind, WSGI_EVENT_RELEASED);
    CHECK(event.request == request);
    CHECK_INT(event.code, 0);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.length, BIG);
    reply_free(&reply);

    client_get(&client, "/cut");
    request = next_request(worker);
    CHECK_INT(wsgi_request_watch(host.server, request, WSGI_WATCH_RELEASED), WSGI_OK);
    CHECK_INT(wsgi_respond(host.server, request, str("200 OK"), &type, 1, big, BIG), WSGI_OK);
    client_reset(&client);
    CHECK_INT(expect_event(worker, WSGI_EVENT_RELEASED).code, WSGI_E_CLIENT);
    free(big);
    end_pull(&host, worker);
}

static void a_stop_is_told_to_who_asked(void) {
    wsgi_server *server = new_server(NULL, NULL);
    set(server, "shutdown_timeout", "20");
    host host = start_host(server);
    wsgi_worker *worker = new_worker(server);
    client client = client_open(host.address);
    wsgi_event event = {0};
    client_get(&client, "/long-poll");
    wsgi_request request = next_request(worker);
    CHECK_INT(wsgi_request_watch(server, request, WSGI_WATCH_ABORTED), WSGI_OK);
    CHECK_INT(wsgi_server_signal_stop(server), WSGI_OK);
    event = expect_event(worker, WSGI_EVENT_ABORTED);
    CHECK_INT(event.code, 3);
    CHECK_INT(wsgi_request_watch(server, request, WSGI_WATCH_ABORTED), WSGI_OK);
    expect_no_event(worker); /* once is enough */
    CHECK_INT(say(server, request, "closing time"), WSGI_OK);
    reply reply = client_reply(&client, 0);
    CHECK_STR(reply.body, "closing time");
    reply_free(&reply);
    client_close(&client);
    end_pull(&host, worker);
}

/* Two may be out; the third waits for one of them to end. */
static void no_more_than_max_in_flight_are_given_out(void) {
    client clients[3];
    wsgi_event events[4] = {{0}};
    host host = new_pull("max_in_flight", "2");
    wsgi_worker *worker = new_worker(host.server);
    wsgi_request out[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = client_open(host.address);
        client_get(&clients[i], "/");
    }
    out[0] = next_request(worker);
    out[1] = next_request(worker);
    expect_no_event(worker);
    CHECK_INT(say(host.server, out[1], "second"), WSGI_OK);
    out[2] = next_request(worker);
    CHECK_INT(say(host.server, out[0], "first"), WSGI_OK);
    CHECK_INT(say(host.server, out[2], "third"), WSGI_OK);
    for (int i = 0; i < 3; i++) {
        reply reply = client_reply(&clients[i], 0);
        CHECK_INT(reply.status, 200);
        reply_free(&reply);
        client_get(&clients[i], "/");
    }
    /* Several at once keep to it as well. */
    size_t count = 0;
    events[0].struct_size = sizeof events[0];
    while (count < 2) {
        int32_t more = wsgi_worker_next(worker, events + count, 4 - count, 1000);
        if (more > 0) count += (size_t)more;
        if (count < 4) events[count].struct_size = sizeof events[0];
    }
    CHECK_INT(count, 2);
    CHECK_INT(wsgi_abort(host.server, events[0].request), WSGI_OK);
    CHECK_INT(wsgi_abort(host.server, events[1].request), WSGI_OK);
    CHECK_INT(wsgi_abort(host.server, next_request(worker)), WSGI_OK);
    for (int i = 0; i < 3; i++) client_close(&clients[i]);
    end_pull(&host, worker);
}

static void what_has_no_place_in_the_queue_is_refused(void) {
    wsgi_server *server = new_server(NULL, NULL);
    set(server, "max_in_flight", "1");
    set(server, "accepted_queue_size", "0");
    host host = start_host(server);
    wsgi_worker *worker = new_worker(server);
    client first = client_open(host.address), second = client_open(host.address);
    client_get(&first, "/");
    wsgi_request request = next_request(worker);
    client_get(&second, "/");
    expect_no_event(worker);
    reply reply = client_reply(&second, 0);
    CHECK_INT(reply.status, 503);
    reply_free(&reply);
    CHECK_INT(say(server, request, "first"), WSGI_OK);
    client_close(&first);
    client_close(&second);
    end_pull(&host, worker);
}

/* One thread, whose own poll says when the worker has something to do. */
static void a_hosts_own_loop_drives_a_worker(void) {
    enum { CLIENTS = 40, ROUNDS = 5 };
    client clients[CLIENTS];
    host host = new_pull(NULL, NULL);
    wsgi_worker *worker = new_worker(host.server);
    int fd = -1, answered = 0;
    CHECK_INT(wsgi_server_event_fd(host.server, &fd), WSGI_OK);
    for (int i = 0; i < CLIENTS; i++) clients[i] = client_open(host.address);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CLIENTS; i++) client_get(&clients[i], "/");
        for (answered = 0; answered < CLIENTS;) {
            struct pollfd wait = {fd, POLLIN, 0};
            CHECK_INT(poll(&wait, 1, FACT_DEADLINE * 1000), 1);
            /* One at a time: the descriptor stays readable while there is more. */
            wsgi_event event = next_within(worker, 0);
            if (event.kind == 0) continue;
            CHECK_INT(event.kind, WSGI_EVENT_REQUEST);
            CHECK_INT(say(host.server, event.request, "polled"), WSGI_OK);
            answered++;
        }
        for (int i = 0; i < CLIENTS; i++) {
            reply reply = client_reply(&clients[i], 0);
            CHECK_STR(reply.body, "polled");
            reply_free(&reply);
        }
    }
    for (int i = 0; i < CLIENTS; i++) client_close(&clients[i]);
    CHECK_INT(wsgi_server_signal_stop(host.server), WSGI_OK);
    for (;;) { /* the end makes it readable as well */
        struct pollfd wait = {fd, POLLIN, 0};
        wsgi_event event = {0};
        event.struct_size = sizeof event;
        CHECK_INT(poll(&wait, 1, FACT_DEADLINE * 1000), 1);
        if (wsgi_worker_next(worker, &event, 1, 0) == WSGI_E_STOPPING) break;
    }
    end_pull(&host, worker);
}

static void a_detached_request_has_its_time(void) {
    host host = new_pull("detached_timeout", "0.1");
    wsgi_worker *worker = new_worker(host.server);
    client client = client_open(host.address);
    client_get(&client, "/");
    wsgi_request request = next_request(worker);
    CHECK_INT(wsgi_request_watch(host.server, request, WSGI_WATCH_RELEASED), WSGI_OK);
    CHECK_INT(wsgi_request_detach(host.server, request), WSGI_OK);
    CHECK_INT(wsgi_request_detach(host.server, request), WSGI_E_STATE);
    CHECK(expect_event(worker, WSGI_EVENT_RELEASED).request == request);
    CHECK_INT(say(host.server, request, "late"), WSGI_GONE);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 503);
    reply_free(&reply);
    client_close(&client);
    end_pull(&host, worker);
}

static int32_t answer_at_once(void *data, wsgi_request request, const wsgi_environ *environ,
                              const wsgi_responder *responder) {
    char body[8];
    int fd;
    (void)data, (void)responder;
    wsgi_server *server = environ->server;
    CHECK_INT(wsgi_request_watch(server, request, WSGI_WATCH_ABORTED), WSGI_E_STATE);
    CHECK_INT(wsgi_server_event_fd(server, &fd), WSGI_E_STATE);
    CHECK_INT(wsgi_request_read(server, request, body, sizeof body, WSGI_NONBLOCK), 0);
    CHECK_INT(start(server, request), WSGI_OK);
    CHECK_INT(wsgi_write(server, request, "called", 6, WSGI_NONBLOCK), WSGI_OK);
    return WSGI_DONE;
}

static void misuse_has_a_status(void) {
    int fd = 7;
    host called = new_host(answer_at_once, NULL, "1");
    expect(called.address, "/", 200, "called");
    end_host(&called);

    wsgi_server *server = new_server(NULL, NULL);
    CHECK_INT(wsgi_server_event_fd(server, &fd), WSGI_E_STATE);
    host host = start_host(server);
    wsgi_worker *worker = new_worker(server);
    wsgi_event event = {0};
    CHECK_INT(wsgi_server_event_fd(NULL, &fd), WSGI_E_NULL);
    CHECK_INT(wsgi_server_event_fd(server, NULL), WSGI_E_NULL);
    CHECK_INT(fd, 7);
    event.struct_size = sizeof event - 1;
    CHECK_INT(wsgi_worker_next(worker, &event, 1, 0), WSGI_E_STATE);
    event.struct_size = sizeof event + 1;
    CHECK_INT(wsgi_worker_next(worker, &event, 1, 0), WSGI_E_STATE);
    CHECK_INT(wsgi_request_watch(NULL, 1, WSGI_WATCH_ABORTED), WSGI_E_NULL);
    CHECK_INT(wsgi_request_watch(server, 1, WSGI_WATCH_ABORTED), WSGI_GONE);
    CHECK_INT(wsgi_request_watch(server, 1, 0), WSGI_E_OPTION);
    CHECK_INT(wsgi_request_watch(server, 1, 4), WSGI_E_OPTION);
    end_pull(&host, worker);
}

/* A host with a newer header: its structs are longer, and stand further apart. */
static void longer_events_stand_further_apart(void) {
    struct { wsgi_event event; uint64_t newer; } events[3] = {{{0}, 1}, {{0}, 2}, {{0}, 3}};
    client clients[2];
    host host = new_pull(NULL, NULL);
    wsgi_worker *worker = new_worker(host.server);
    int32_t count = 0;
    for (int i = 0; i < 2; i++) {
        clients[i] = client_open(host.address);
        client_get(&clients[i], "/");
    }
    while (count < 2) {
        events[count].event.struct_size = sizeof events[0];
        int32_t more = wsgi_worker_next(worker, &events[count].event, 3 - (size_t)count, 1000);
        if (more > 0) count += more;
    }
    for (int i = 0; i < 3; i++) CHECK_INT(events[i].newer, i + 1);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(events[i].event.kind, WSGI_EVENT_REQUEST);
        CHECK_INT(say(host.server, events[i].event.request, "newer"), WSGI_OK);
        client_close(&clients[i]);
    }
    end_pull(&host, worker);
}

int main(void) {
    static const test tests[] = {
        {"a body is read as it comes", a_body_is_read_as_it_comes},
        {"a body in chunks with waiting reads between",
         a_body_in_chunks_with_waiting_reads_between},
        {"a body that ends too early is readable", a_body_that_ends_too_early_is_readable},
        {"a body that does not come is too slow", a_body_that_does_not_come_is_too_slow},
        {"a stream goes on when there is room", a_stream_goes_on_when_there_is_room},
        {"what is kept goes out while the host waits",
         what_is_kept_goes_out_while_the_host_waits},
        {"a client that does not read is too slow", a_client_that_does_not_read_is_too_slow},
        {"a client that leaves is told", a_client_that_leaves_is_told},
        {"who asks late is told all the same", who_asks_late_is_told_all_the_same},
        {"what is stale is not told", what_is_stale_is_not_told},
        {"released is told when the last byte is out",
         released_is_told_when_the_last_byte_is_out},
        {"a stop is told to who asked", a_stop_is_told_to_who_asked},
        {"no more than max_in_flight are given out", no_more_than_max_in_flight_are_given_out},
        {"what has no place in the queue is refused",
         what_has_no_place_in_the_queue_is_refused},
        {"a host's own loop drives a worker", a_hosts_own_loop_drives_a_worker},
        {"a detached request has its time", a_detached_request_has_its_time},
        {"misuse has a status", misuse_has_a_status},
        {"longer events stand further apart", longer_events_stand_further_apart},
    };
    return run_tests(tests, COUNT(tests));
}
