/* Request bodies: whole ones come back as they were sent, cut ones are never taken for whole. */
#include "client.h"
#include "host.h"

enum { KIB = 1024, MIB = 1024 * KIB };

/* How the last read of a body ended: 0 at its end, else a status. 1: none has ended yet. */
static volatile int64_t read_ended = 1;

/* Reads the body in pieces of a size that fits nothing, then sends it back. */
static int32_t echo(void *user_data, wsgi_request request, const wsgi_environ *environ,
                    const wsgi_responder *responder) {
    size_t capacity = 2 * MIB, length = 0;
    char *body = malloc(capacity);
    int64_t got;
    (void)user_data, (void)responder;
    CHECK(body != NULL);
    while ((got = wsgi_request_read(environ->server, request, body + length, 1021, 0)) > 0) {
        CHECK(got <= 1021);
        length += (size_t)got;
        CHECK(length + 1021 <= capacity);
    }
    /* at its end a body stays there */
    if (got == 0) CHECK_INT(wsgi_request_read(environ->server, request, body, 1, 0), 0);
    read_ended = got;
    wsgi_header type = {{"Content-Type", 12}, {"application/octet-stream", 24}};
    int32_t result = (int32_t)got;
    if (got == 0)
        result = wsgi_respond(environ->server, request, str("200 OK"), &type, 1, body, length);
    free(body);
    return result;
}

static char pattern(size_t i) {
    return (char)('a' + (i * 7 + i / 26) % 26);
}

/* Sends a body in pieces with the head as its own first piece. */
static void send_body(client *client, size_t length, size_t piece) {
    char head[128], *body = malloc(length + 1);
    CHECK(body != NULL);
    for (size_t i = 0; i < length; i++) body[i] = pattern(i);
    int head_length =
        snprintf(head, sizeof head,
                 "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: %zu\r\n\r\n", length);
    client_send(client, head, (size_t)head_length);
    for (size_t at = 0; at < length; at += piece)
        client_send(client, body + at, length - at < piece ? length - at : piece);
    free(body);
}

static void check_echo(client *client, size_t length) {
    reply reply = client_reply(client, 0);
    CHECK_INT(reply.status, 200);
    CHECK_INT(reply.complete, 1);
    CHECK_INT(reply.length, length);
    for (size_t i = 0; i < length; i++)
        if (reply.body[i] != pattern(i)) FAIL("byte %zu of %zu is wrong", i, length);
    reply_free(&reply);
}

static void bodies_of_every_size_come_back(void) {
    static const size_t lengths[] = {0, 1, 1020, 1021, 1022, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1,
                                     MIB};
    static const size_t pieces[] = {MIB, 1460, 16 * KIB + 1};
    host host = new_host(echo, NULL, "2");
    for (size_t p = 0; p < COUNT(pieces); p++) {
        client client = client_open(host.address); /* all on one connection: the framing is exact */
        for (size_t i = 0; i < COUNT(lengths); i++) {
            send_body(&client, lengths[i], pieces[p]);
            check_echo(&client, lengths[i]);
        }
        client_close(&client);
    }
    end_host(&host);
}

static void small_bodies_byte_by_byte(void) {
    host host = new_host(echo, NULL, "2");
    client client = client_open(host.address);
    send_body(&client, 300, 1);
    check_echo(&client, 300);
    send_body(&client, 2, 1);
    check_echo(&client, 2);
    client_close(&client);
    end_host(&host);
}

/* A body longer than what is read ahead: the application runs, and its read fails. */
static void a_large_body_cut_short_fails_the_read(void) {
    void (*const ways[])(client *) = {client_close, client_reset};
    host host = new_host(echo, NULL, "2");
    for (size_t i = 0; i < COUNT(ways) + 1; i++) {
        client client = client_open(host.address);
        char head[] = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1048576\r\n\r\n";
        char part[200 * KIB] = {0};
        read_ended = 1;
        client_send(&client, head, sizeof head - 1);
        client_send(&client, part, sizeof part);
        if (i < COUNT(ways)) {
            ways[i](&client);
        } else { /* half-closed: it still hears that something is wrong, then the end */
            CHECK_INT(shutdown(client.fd, SHUT_WR), 0);
            reply reply = client_reply(&client, 0);
            CHECK(reply.status == 0 || reply.status == 400);
            reply_free(&reply);
            expect_closed(&client);
            client_close(&client);
        }
        WAIT_FOR(read_ended != 1);
        CHECK_INT(read_ended, WSGI_E_CLIENT);
    }
    end_host(&host);
}

/* A body within the read-ahead need not reach the application at all; as a whole one never. */
static void a_small_body_cut_short_is_never_whole(void) {
    static const char cut[] = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf";
    host host = new_host(echo, NULL, "2");
    read_ended = 1;
    for (int i = 0; i < 50; i++) {
        client client = client_open(host.address);
        client_send(&client, cut, sizeof cut - 1);
        CHECK_INT(shutdown(client.fd, SHUT_WR), 0);
        reply reply = client_reply(&client, 0);
        CHECK(reply.status == 0 || reply.status == 400);
        reply_free(&reply);
        expect_closed(&client);
        client_close(&client);
        CHECK(read_ended == 1 || read_ended == WSGI_E_CLIENT);
    }
    end_host(&host);
}

static int32_t answer_unread(void *user_data, wsgi_request request, const wsgi_environ *environ,
                             const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    return say(environ->server, request, "unread");
}

/* What the application leaves unread is never taken for the next request. */
static void an_unread_body_is_no_request(void) {
    static const char both[] =
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 42\r\n\r\n"
        "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n\r\n\r\n"
        "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    host host = new_host(answer_unread, NULL, "2");
    client client = client_open(host.address);
    client_send(&client, both, sizeof both - 1);
    CHECK_INT(shutdown(client.fd, SHUT_WR), 0);
    for (int i = 0; i < 2; i++) {
        reply reply = client_reply(&client, 0);
        CHECK_INT(reply.status, 200);
        CHECK_STR(reply.body, "unread");
        reply_free(&reply);
    }
    expect_closed(&client);
    client_close(&client);
    end_host(&host);
}

int main(void) {
    static const test tests[] = {
        {"bodies of every size come back", bodies_of_every_size_come_back},
        {"small bodies byte by byte", small_bodies_byte_by_byte},
        {"a large body cut short fails the read", a_large_body_cut_short_fails_the_read},
        {"a small body cut short is never whole", a_small_body_cut_short_is_never_whole},
        {"an unread body is no request", an_unread_body_is_no_request},
    };
    return run_tests(tests, COUNT(tests));
}
