/* Bodies by lines, and the fields behind a chunked body. */
#include "client.h"
#include "host.h"

enum { KIB = 1024, LINES_MOST = 256 * KIB };

/* What an application that reads to the end saw: "LENGTH LENGTH ... = LAST STATUS". */
typedef struct seen {
    char text[LINES_MOST];
    size_t length;
} seen;

static void note(seen *seen, const char *format, long long number) {
    int count =
        snprintf(seen->text + seen->length, sizeof seen->text - seen->length, format, number);
    CHECK(count > 0 && seen->length + (size_t)count < sizeof seen->text);
    seen->length += (size_t)count;
}

static size_t room; /* that the application gives to each readline */

static int32_t by_lines(void *user_data, wsgi_request request, const wsgi_environ *environ,
                        const wsgi_responder *responder) {
    static char line[LINES_MOST];
    seen *seen = calloc(1, sizeof *seen);
    int64_t got;
    (void)user_data, (void)responder;
    CHECK(seen != NULL && room <= sizeof line);
    CHECK_INT(wsgi_request_readline(environ->server, request, NULL, 0), 0);
    CHECK_INT(wsgi_request_readline(environ->server, request, NULL, 1), WSGI_E_NULL);
    while ((got = wsgi_request_readline(environ->server, request, line, room)) > 0) {
        const char *end = memchr(line, '\n', (size_t)got);
        CHECK((size_t)got <= room);
        CHECK(end == NULL || end == line + got - 1); /* nothing behind the line's end */
        note(seen, "%lld ", got);
    }
    note(seen, "= %lld", got);
    if (got == 0) CHECK_INT(wsgi_request_readline(environ->server, request, line, room), 0);
    int32_t result = say(environ->server, request, seen->text);
    free(seen);
    return result;
}

static void send_chunked(client *client, const char *body, size_t length, size_t size,
                         const char *trailers) {
    char line[64];
    const char *head = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
    client_send(client, head, strlen(head));
    for (size_t at = 0, piece; at < length; at += piece) {
        piece = length - at < size ? length - at : size;
        int count = snprintf(line, sizeof line, "%zx\r\n", piece);
        client_send(client, line, (size_t)count);
        client_send(client, body + at, piece);
        client_send(client, "\r\n", 2);
    }
    client_send(client, "0\r\n", 3);
    client_send(client, trailers, strlen(trailers));
    client_send(client, "\r\n", 2);
}

static void send_known(client *client, const char *body, size_t length) {
    char head[128];
    int count = snprintf(head, sizeof head,
                         "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %zu\r\n\r\n", length);
    client_send(client, head, (size_t)count);
    client_send(client, body, length);
}

static void check_seen(client *client, const char *expected) {
    reply reply = client_reply(client, 0);
    CHECK_INT(reply.status, 200);
    CHECK_STR(reply.body, expected);
    reply_free(&reply);
}

static void lines_come_one_by_one(void) {
    static const struct {
        const char *body;
        size_t room;
        const char *seen;
    } cases[] = {
        {"", 100, "= 0"},
        {"\n", 100, "1 = 0"},
        {"one\n\nthree", 100, "4 1 5 = 0"},
        {"one\n\nthree", 1, "1 1 1 1 1 1 1 1 1 1 = 0"},
        {"abcd\nabc\nab\n", 4, "4 1 4 3 = 0"},
        {"no end", 100, "6 = 0"},
    };
    host host = new_host(by_lines, NULL, "2");
    client client = client_open(host.address);
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length = strlen(cases[i].body);
        room = cases[i].room;
        send_known(&client, cases[i].body, length);
        check_seen(&client, cases[i].seen);
        for (size_t size = 1; size < 5; size++) {
            send_chunked(&client, cases[i].body, length, size, "");
            check_seen(&client, cases[i].seen);
        }
    }
    client_close(&client);
    end_host(&host);
}

/* Longer than what is read ahead and than the library's buffer. */
static void long_bodies_by_lines(void) {
    static const size_t lengths[] = {1, 70 * KIB, 2, 16 * KIB, 1, 100 * KIB, 3};
    static char body[LINES_MOST];
    char expected[256] = "";
    size_t length = 0;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        memset(body + length, 'x', lengths[i] - 1);
        length += lengths[i];
        body[length - 1] = '\n';
        snprintf(expected + strlen(expected), 16, "%zu ", lengths[i]);
    }
    strcat(expected, "= 0");
    host host = new_host(by_lines, NULL, "2");
    client client = client_open(host.address);
    room = LINES_MOST;
    send_known(&client, body, length);
    check_seen(&client, expected);
    send_chunked(&client, body, length, 10000, "");
    check_seen(&client, expected);
    client_close(&client);
    end_host(&host);
}

static void a_line_cut_short_is_no_line(void) {
    static char body[200 * KIB];
    char expected[64];
    host host = new_host(by_lines, NULL, "2");
    client client = client_open(host.address);
    memset(body, 'x', sizeof body);
    body[99] = '\n';
    room = LINES_MOST;
    const char *head = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n";
    client_send(&client, head, strlen(head));
    client_send(&client, body, sizeof body);
    CHECK_INT(shutdown(client.fd, SHUT_WR), 0);
    snprintf(expected, sizeof expected, "100 = %d", WSGI_E_CLIENT);
    check_seen(&client, expected);
    client_close(&client);
    end_host(&host);
}

static int32_t show_trailers(void *user_data, wsgi_request request, const wsgi_environ *environ,
                             const wsgi_responder *responder) {
    char body[256], text[512] = "";
    const wsgi_header *trailers = NULL, *again = NULL;
    size_t count = 77;
    (void)user_data, (void)responder;
    wsgi_server *server = environ->server;
    CHECK_INT(wsgi_request_trailers(server, request, &trailers, &count), WSGI_E_STATE);
    CHECK(trailers == NULL && count == 77); /* outputs are written on success only */
    while (wsgi_request_read(server, request, body, 3, 0) > 0) {
    }
    CHECK_INT(wsgi_request_trailers(server, request, NULL, &count), WSGI_E_NULL);
    CHECK_INT(wsgi_request_trailers(server, request, &trailers, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_request_trailers(server, request, &trailers, &count), WSGI_OK);
    CHECK_INT(wsgi_request_trailers(server, request, &again, &count), WSGI_OK);
    CHECK(again == trailers);
    for (size_t i = 0; i < count; i++) {
        CHECK_INT(strlen(trailers[i].name.ptr), trailers[i].name.len);
        CHECK_INT(strlen(trailers[i].value.ptr), trailers[i].value.len);
        strcat(strcat(strcat(text, trailers[i].name.ptr), "="), trailers[i].value.ptr);
        strcat(text, ";");
    }
    return say(server, request, text);
}

static void trailers_come_behind_the_body(void) {
    host host = new_host(show_trailers, NULL, "2");
    client client = client_open(host.address);
    for (int i = 0; i < 2; i++) {
        send_chunked(&client, "body", 4, 2, "X-Sum: 12\r\nx-empty:\r\nX-Sum:  b \r\n");
        check_seen(&client, "X-Sum=12;x-empty=;X-Sum=b;");
        send_chunked(&client, "body", 4, 4, "");
        check_seen(&client, "");
        send_known(&client, "body", 4);
        check_seen(&client, "");
    }
    client_close(&client);
    end_host(&host);
}

int main(void) {
    static const test tests[] = {
        {"lines come one by one", lines_come_one_by_one},
        {"long bodies by lines", long_bodies_by_lines},
        {"a line cut short is no line", a_line_cut_short_is_no_line},
        {"trailers come behind the body", trailers_come_behind_the_body},
    };
    return run_tests(tests, COUNT(tests));
}
