/* The rest of the response: parts in one piece, flush, a head as text, interim answers, trailers. */
#include "client.h"
#include "host.h"

#include <pthread.h>

#define KEEP "Host: test\r\n\r\n"

static wsgi_header plain = {{"Content-Type", 12}, {"text/plain", 10}};
static int let_go; /* an application that waits goes on */
static char megabyte[1 << 20];

static int32_t writes_parts(wsgi_server *server, wsgi_request request) {
    wsgi_str parts[100];
    for (size_t i = 0; i < COUNT(parts); i++) parts[i] = str(i % 10 == 9 ? "\n" : "x");
    wsgi_str null_part[] = {{NULL, 1}}, odd[] = {{"one ", 4}, {NULL, 0}, {"two", 3}};
    CHECK_INT(wsgi_writev(server, request, odd, 3, 0), WSGI_E_STATE);
    CHECK_INT(wsgi_start_response(server, request, str("200 OK"), &plain, 1, 0), WSGI_OK);
    CHECK_INT(wsgi_writev(NULL, request, odd, 3, 0), WSGI_E_NULL);
    CHECK_INT(wsgi_writev(server, request, NULL, 3, 0), WSGI_E_NULL);
    CHECK_INT(wsgi_writev(server, request, null_part, 1, 0), WSGI_E_NULL);
    CHECK_INT(wsgi_writev(server, request, NULL, 0, 0), WSGI_OK);
    CHECK_INT(wsgi_writev(server, request, odd, 3, 0), WSGI_OK);
    CHECK_INT(wsgi_writev(server, request, parts, COUNT(parts), 0), WSGI_OK);
    return WSGI_DONE;
}

/* A hundred parts of ten kilobytes each: more than one system call takes. */
static int32_t writes_large_parts(wsgi_server *server, wsgi_request request) {
    wsgi_str parts[100];
    for (size_t i = 0; i < COUNT(parts); i++) parts[i].ptr = megabyte, parts[i].len = 10000;
    CHECK_INT(wsgi_start_response(server, request, str("200 OK"), &plain, 1, 0), WSGI_OK);
    CHECK_INT(wsgi_writev(server, request, parts, COUNT(parts), 0), WSGI_OK);
    return WSGI_DONE;
}

static int32_t writes_too_much(wsgi_server *server, wsgi_request request) {
    wsgi_str parts[] = {{"abc", 3}, {"def", 3}, {"ghi", 3}};
    wsgi_header length = {{"Content-Length", 14}, {"8", 1}};
    CHECK_INT(wsgi_start_response(server, request, str("200 OK"), &length, 1, 0), WSGI_OK);
    CHECK_INT(wsgi_write(server, request, "_", 1, 0), WSGI_OK);
    CHECK_INT(wsgi_writev(server, request, parts, 3, 0), WSGI_E_LENGTH);
    CHECK_INT(wsgi_writev(server, request, parts, 3, 0), WSGI_E_STATE);
    return WSGI_DONE;
}

static int32_t flushes(wsgi_server *server, wsgi_request request) {
    CHECK_INT(wsgi_flush(NULL, request, 0), WSGI_E_NULL);
    CHECK_INT(wsgi_flush(server, request, 0), WSGI_E_STATE);
    CHECK_INT(wsgi_start_response(server, request, str("200 OK"), &plain, 1, 0), WSGI_OK);
    CHECK_INT(wsgi_flush(server, request, 0), WSGI_OK);
    WAIT_FOR(__atomic_load_n(&let_go, __ATOMIC_SEQ_CST));
    CHECK_INT(wsgi_flush(server, request, 0), WSGI_OK);
    CHECK_INT(wsgi_finish(server, request), WSGI_OK);
    CHECK_INT(wsgi_flush(server, request, 0), WSGI_E_STATE);
    return WSGI_DONE;
}

static wsgi_status flat(wsgi_server *server, wsgi_request request, const char *head) {
    return wsgi_respond_flat(server, request, head, strlen(head), "flat", 4);
}

static int32_t answers_flat(wsgi_server *server, wsgi_request request) {
    CHECK_INT(wsgi_respond_flat(NULL, request, "200", 3, "", 0), WSGI_E_NULL);
    CHECK_INT(wsgi_respond_flat(server, request, NULL, 3, "", 0), WSGI_E_NULL);
    CHECK_INT(wsgi_respond_flat(server, request, "200", 3, NULL, 1), WSGI_E_NULL);
    CHECK_INT(flat(server, request, "OK"), WSGI_E_HEADER);
    CHECK_INT(flat(server, request, "200 OK\nA: 1"), WSGI_E_HEADER);
    CHECK_INT(flat(server, request, "200 OK\r\nA 1"), WSGI_E_HEADER);
    CHECK_INT(flat(server, request, "200 OK\r\n\r\nbody"), WSGI_E_HEADER);
    CHECK_INT(flat(server, request, "201 Created\r\nX-One: 1\r\nTE: x\r\nX-Two:two\r\n"), WSGI_OK);
    CHECK_INT(flat(server, request, "200 OK"), WSGI_E_STATE);
    return WSGI_DONE;
}

static int32_t starts_flat(wsgi_server *server, wsgi_request request) {
    static const char first[] = "200 OK\r\nX-One: 1\r\n", second[] = "404 Not Found\r\nX-Two: 2";
    CHECK_INT(wsgi_start_response_flat(server, request, first, sizeof first - 1, 0), WSGI_OK);
    CHECK_INT(wsgi_start_response_flat(server, request, second, sizeof second - 1, 0), WSGI_E_STATE);
    CHECK_INT(wsgi_start_response_flat(server, request, second, sizeof second - 1, 1), WSGI_OK);
    CHECK_INT(wsgi_write(server, request, "flat", 4, 0), WSGI_OK);
    return WSGI_DONE;
}

static int32_t informs(wsgi_server *server, wsgi_request request) {
    wsgi_header link = {{"Link", 4}, {"</a.css>; rel=preload", 21}};
    wsgi_header split = {{"Link", 4}, {"a\r\nb: c", 7}}, length = {{"Content-Length", 14}, {"1", 1}};
    wsgi_header null_header = {{NULL, 1}, {"", 0}};
    CHECK_INT(wsgi_inform(NULL, request, str("103"), NULL, 0), WSGI_E_NULL);
    CHECK_INT(wsgi_inform(server, request, str("103"), NULL, 1), WSGI_E_NULL);
    CHECK_INT(wsgi_inform(server, request, str("103"), &null_header, 1), WSGI_E_NULL);
    CHECK_INT(wsgi_inform(server, request, str("101 Switching Protocols"), NULL, 0), WSGI_E_HEADER);
    CHECK_INT(wsgi_inform(server, request, str("200 OK"), NULL, 0), WSGI_E_HEADER);
    CHECK_INT(wsgi_inform(server, request, str("103 Early Hints"), &split, 1), WSGI_E_HEADER);
    CHECK_INT(wsgi_inform(server, request, str("103 Early Hints"), &length, 1), WSGI_E_HEADER);
    CHECK_INT(wsgi_inform(server, request, str("100 Continue"), NULL, 0), WSGI_OK);
    CHECK_INT(wsgi_inform(server, request, str("103 Early Hints"), &link, 1), WSGI_OK);
    CHECK_INT(wsgi_start_response(server, request, str("200 OK"), &plain, 1, 0), WSGI_OK);
    CHECK_INT(wsgi_inform(server, request, str("102 Processing"), NULL, 0), WSGI_OK);
    CHECK_INT(wsgi_write(server, request, "done", 4, 0), WSGI_OK);
    CHECK_INT(wsgi_inform(server, request, str("102 Processing"), NULL, 0), WSGI_E_STATE);
    return WSGI_DONE;
}

static wsgi_status trailer(wsgi_server *server, wsgi_request request, const char *name,
                           const char *value) {
    return wsgi_add_trailer(server, request, str(name), str(value));
}

static int32_t adds_trailers(wsgi_server *server, wsgi_request request) {
    wsgi_header headers[] = {{{"Trailer", 7}, {"X-Sum", 5}}};
    wsgi_str null_string = {NULL, 1};
    CHECK_INT(trailer(server, request, "X-Sum", "early"), WSGI_E_STATE);
    CHECK_INT(wsgi_start_response(server, request, str("200 OK"), headers, 1, 0), WSGI_OK);
    CHECK_INT(trailer(NULL, request, "X-Sum", "1"), WSGI_E_NULL);
    CHECK_INT(wsgi_add_trailer(server, request, null_string, str("1")), WSGI_E_NULL);
    CHECK_INT(trailer(server, request, "Content-Length", "1"), WSGI_E_HEADER);
    CHECK_INT(trailer(server, request, "set-cookie", "a=b"), WSGI_E_HEADER);
    CHECK_INT(trailer(server, request, "X Sum", "1"), WSGI_E_HEADER);
    CHECK_INT(trailer(server, request, "X-Sum", "1\r\nX-More: 2"), WSGI_E_HEADER);
    CHECK_INT(trailer(server, request, "X-First", "before the body"), WSGI_OK);
    CHECK_INT(wsgi_write(server, request, "body", 4, 0), WSGI_OK);
    CHECK_INT(trailer(server, request, "X-Sum", "4"), WSGI_OK);
    CHECK_INT(wsgi_finish(server, request), WSGI_OK);
    CHECK_INT(trailer(server, request, "X-Sum", "late"), WSGI_E_STATE);
    return WSGI_DONE;
}

static int32_t app(void *user_data, wsgi_request request, const wsgi_environ *environ,
                   const wsgi_responder *responder) {
    static const struct {
        const char *path;
        int32_t (*answer)(wsgi_server *server, wsgi_request request);
    } routes[] = {{"/parts", writes_parts},     {"/large", writes_large_parts},
                  {"/long", writes_too_much},   {"/flush", flushes},
                  {"/flat", answers_flat},      {"/start-flat", starts_flat},
                  {"/inform", informs},         {"/trailers", adds_trailers}};
    (void)user_data, (void)responder;
    for (size_t i = 0; i < COUNT(routes); i++)
        if (path_is(environ, routes[i].path)) return routes[i].answer(environ->server, request);
    return -1;
}

/* All that comes for a request that closes its connection. */
static char *all_of(const host *host, const char *request) {
    client client = client_open(host->address);
    client_send(&client, request, strlen(request));
    while (client_receive(&client) > 0) {
    }
    return client.data;
}

static void parts_are_one_piece(void) {
    host host = new_host(app, NULL, "1");
    char *data = all_of(&host, "GET /parts HTTP/1.1\r\nConnection: close\r\n" KEEP);
    CHECK_CONTAINS(data, "\r\n\r\n7\r\none two\r\n64\r\nxxxxxxxxx\nxxxxxxxxx\n");
    CHECK_CONTAINS(data, "x\n\r\n0\r\n\r\n");
    free(data);
    reply reply = fetch(host.address, "/large");
    CHECK_INT(reply.length, 1000000);
    CHECK_INT(reply.complete, 1);
    reply_free(&reply);
    expect(host.address, "/long", 200, "_abcdefg");
    end_host(&host);
}

static void flush_sends_the_head(void) {
    host host = new_host(app, NULL, "1");
    client client = client_open(host.address);
    client_get(&client, "/flush");
    while (!(client.length && strstr(client.data, "\r\n\r\n"))) CHECK(client_receive(&client) > 0);
    CHECK_CONTAINS(client.data, "200 OK");
    __atomic_store_n(&let_go, 1, __ATOMIC_SEQ_CST);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.complete, 1);
    CHECK_INT(reply.length, 0);
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
}

static void a_head_as_one_text(void) {
    host host = new_host(app, NULL, "1");
    reply reply = fetch(host.address, "/flat");
    CHECK_INT(reply.status, 201);
    CHECK(reply_has(&reply, "X-One", "1") && reply_has(&reply, "X-Two", "two"));
    CHECK_STR(reply.body, "flat");
    reply_free(&reply);
    reply = fetch(host.address, "/start-flat");
    CHECK_INT(reply.status, 404);
    CHECK(!reply_has(&reply, "X-One", "1") && reply_has(&reply, "X-Two", "2"));
    reply_free(&reply);
    end_host(&host);
}

static void interim_answers(void) {
    host host = new_host(app, NULL, "1");
    char *data = all_of(&host, "GET /inform HTTP/1.1\r\nConnection: close\r\n" KEEP);
    static const char expected[] =
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n";
    CHECK(strncmp(data, expected, sizeof expected - 1) == 0);
    free(data);
    data = all_of(&host, "GET /inform HTTP/1.0\r\n\r\n");
    CHECK(strncmp(data, "HTTP/1.1 200 OK\r\n", 17) == 0);
    free(data);
    /* an explicit 100, once, where the client waits for it */
    data = all_of(&host, "POST /inform HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n"
                         "Connection: close\r\n" KEEP "x");
    CHECK(strncmp(data, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 ", 38) == 0);
    free(data);
    end_host(&host);
}

static void trailers(void) {
    host host = new_host(app, NULL, "1");
    char *data = all_of(&host, "GET /trailers HTTP/1.1\r\nConnection: close\r\n" KEEP);
    CHECK_CONTAINS(data, "\r\nTrailer: X-Sum\r\n");
    CHECK_CONTAINS(data,
                   "\r\n4\r\nbody\r\n0\r\nX-First: before the body\r\nX-Sum: 4\r\n\r\n");
    free(data);
    data = all_of(&host, "GET /trailers HTTP/1.0\r\n\r\n");
    CHECK_STR(strstr(data, "\r\n\r\n"), "\r\n\r\nbody");
    free(data);
    data = all_of(&host, "HEAD /trailers HTTP/1.1\r\nConnection: close\r\n" KEEP);
    CHECK_STR(strstr(data, "\r\n\r\n"), "\r\n\r\n");
    free(data);
    end_host(&host);
}

static void a_request_that_is_gone(void) {
    host host = new_host(app, NULL, "1");
    wsgi_str part = {"x", 1};
    wsgi_request never = 12345;
    CHECK_INT(wsgi_writev(host.server, never, &part, 1, 0), WSGI_GONE);
    CHECK_INT(wsgi_flush(host.server, never, 0), WSGI_GONE);
    CHECK_INT(flat(host.server, never, "200 OK"), WSGI_GONE);
    CHECK_INT(wsgi_start_response_flat(host.server, never, "200 OK", 6, 0), WSGI_GONE);
    CHECK_INT(wsgi_inform(host.server, never, str("103"), NULL, 0), WSGI_GONE);
    CHECK_INT(trailer(host.server, never, "X-Sum", "1"), WSGI_GONE);
    end_host(&host);
}

int main(void) {
    static const test tests[] = {
        {"parts are one piece", parts_are_one_piece},
        {"flush sends the head", flush_sends_the_head},
        {"a head as one text", a_head_as_one_text},
        {"interim answers", interim_answers},
        {"trailers", trailers},
        {"a request that is gone", a_request_that_is_gone},
    };
    return run_tests(tests, COUNT(tests));
}
