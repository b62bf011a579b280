/* `fixture`: the application that wire tests talk to.
 *
 * Any path, any method:
 *     a request with a body      200 and that body, read to its end
 *     a request without          200 `OK`; for POST an empty body
 *     /echo                      one `Name: value` line for each header as the application saw it
 *     /204, /304                 those
 *
 * Paths for tests of one thing; these do not read the request's body:
 *     /environ                   one `KEY: value` line for each pair of the environ
 *     /sleep/N                   `OK` after N milliseconds
 *     /detach/N                  the same from another thread, the request detached
 *     /large/N                   N bytes of `x` in one call
 *     /stream/N                  N pieces of 1 KiB, no Content-Length
 *     /close                     `OK` with `Connection: close` from the application
 *     /restart                   start_response again with restart, before anything is sent
 *     /inform                    100 and 103 with a Link before `OK`
 *     /trailers                  the body `sum` in a chunk, X-Sum behind it
 *     /interrupt                 returns WSGI_INTERRUPT, without an answer
 *     /error, /error-after-head, /error-after-end
 *                                returns -1 before, in the middle of and after its answer
 *     /short, /long              declares 10 bytes and writes 4; declares 4 and writes 10
 *     /bad-header                a header that the server must refuse
 *     /hop-by-hop                headers that the server leaves out: Transfer-Encoding: gzip,
 *                                Connection: keep-alive and Keep-Alive: timeout=99
 *     /twice, /none, /write-first
 *                                start_response twice; never; write before it
 *
 * A header `X-Fixture: /path` chooses the route instead of the path, so that any target can be
 * looked at with /environ. */
#define _POSIX_C_SOURCE 200809L

#include "fixture.h"

#include <stdlib.h>
#include <time.h>

enum { WINDOW = 64 * 1024, PIECE = 1024, LARGEST = 1 << 30 };

typedef struct route {
    const char *path; /* one that ends with a slash is followed by a number */
    int32_t (*handle)(const call *call);
} route;

static int32_t echo_body(const call *call);
static int32_t echo_headers(const call *call);
static int32_t show_environ(const call *call);
static int32_t sleep_first(const call *call);
static int32_t answer_large(const call *call);
static int32_t answer_stream(const call *call);
static int32_t answer_close(const call *call);
static int32_t answer_restart(const call *call);
static int32_t answer_204(const call *call);
static int32_t answer_304(const call *call);
static int32_t inform(const call *call);
static int32_t answer_trailers(const call *call);
static int32_t interrupt(const call *call);

static const route routes[] = {
    {"/echo", echo_headers},           {"/204", answer_204},
    {"/304", answer_304},              {"/environ", show_environ},
    {"/sleep/", sleep_first},          {"/detach/", answer_detached},
    {"/large/", answer_large},         {"/stream/", answer_stream},
    {"/close", answer_close},          {"/restart", answer_restart},
    {"/interrupt", interrupt},         {"/error", fail_at_once},
    {"/error-after-head", fail_after_head}, {"/error-after-end", fail_after_end},
    {"/short", declare_too_much},      {"/long", declare_too_little},
    {"/bad-header", give_bad_header},  {"/hop-by-hop", give_hop_by_hop},
    {"/twice", start_twice},           {"/none", never_start},
    {"/write-first", write_first},     {"/inform", inform},
    {"/trailers", answer_trailers},
};

static const route *find_route(wsgi_str path, unsigned long *number);

static int32_t fixture(void *user_data, wsgi_request request, const wsgi_environ *environ,
                       const wsgi_responder *responder) {
    call call = {request, environ, responder, 0};
    wsgi_str path = environ_get(environ, "HTTP_X_FIXTURE");
    (void)user_data;
    if (path.ptr == NULL) path = environ_get(environ, "PATH_INFO");
    const route *found = find_route(path, &call.number);
    return found ? found->handle(&call) : echo_body(&call);
}

const application fixture_application = {
    "fixture", fixture, finish_detached, "what the wire tests talk to; see examples/c/fixture.c"};

static const route *find_route(wsgi_str path, unsigned long *number) {
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const route *route = &routes[i];
        size_t length = strlen(route->path);
        int numbered = route->path[length - 1] == '/';
        if (path.len < length || memcmp(path.ptr, route->path, length) != 0) continue;
        if (!numbered && path.len == length) return route;
        if (!numbered || path.len == length || path.len > length + 10) continue;
        char *end = NULL; /* values of the environ are NUL-terminated */
        *number = strtoul(path.ptr + length, &end, 10);
        if (end == path.ptr + path.len && *number <= LARGEST) return route;
    }
    return NULL;
}

int32_t answer(const call *call, const char *status, const void *body, size_t length) {
    wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    wsgi_status result = wsgi_respond(call->environ->server, call->request, text(status), &type, 1,
                                      body, length);
    return result < 0 ? result : WSGI_DONE;
}

wsgi_status start(const call *call, const char *content_length) {
    wsgi_header headers[2] = {{{"Content-Type", 12}, {"text/plain", 10}}};
    size_t count = 1;
    if (content_length) {
        headers[count].name = text("Content-Length");
        headers[count++].value = text(content_length);
    }
    return call->responder->start_response(call->responder->context, text("200 OK"), headers, count,
                                           0);
}

static wsgi_status put(const call *call, const void *data, size_t length) {
    return call->responder->write(call->responder->context, data, length);
}

/* Reads until the buffer is full or the body ends: the length, or a negative status. */
static int64_t fill(const call *call, char *buffer, size_t capacity) {
    size_t filled = 0;
    while (filled < capacity) {
        int64_t got = wsgi_request_read(call->environ->server, call->request, buffer + filled,
                                        capacity - filled, 0);
        if (got < 0) return got;
        if (got == 0) break;
        filled += (size_t)got;
    }
    return (int64_t)filled;
}

/* A body that fits in the window is answered in one piece; a longer one as it is read, so that
 * one of any size needs no more memory than that. */
static int32_t echo_body(const call *call) {
    char window[WINDOW];
    wsgi_str method = environ_get(call->environ, "REQUEST_METHOD");
    int64_t got = fill(call, window, sizeof window);
    if (got < 0) return (int32_t)got;
    if (got == 0 && !(method.len == 4 && memcmp(method.ptr, "POST", 4) == 0))
        return answer(call, "200 OK", "OK", 2);
    if (got < WINDOW) return answer(call, "200 OK", window, (size_t)got);

    wsgi_status status = start(call, NULL);
    while (status >= 0 && got > 0) {
        status = put(call, window, (size_t)got);
        if (status < 0) break;
        got = wsgi_request_read(call->environ->server, call->request, window, sizeof window, 0);
    }
    if (status < 0) return status;
    return got < 0 ? (int32_t)got : WSGI_DONE;
}

/* "HTTP_X_FORWARDED_FOR" is written as "X-Forwarded-For". */
static size_t write_name(char *out, wsgi_str name) {
    int first = 1;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i] == '_' ? '-' : name.ptr[i];
        out[i] = !first && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        first = c == '-';
    }
    return name.len;
}

/* The header that a pair came from; a NULL pointer if it came from none. */
static wsgi_str header_name(wsgi_str key) {
    wsgi_str none = {NULL, 0};
    if (key.len > 5 && memcmp(key.ptr, "HTTP_", 5) == 0) {
        wsgi_str rest = {key.ptr + 5, key.len - 5};
        return rest;
    }
    return key.len > 8 && memcmp(key.ptr, "CONTENT_", 8) == 0 ? key : none;
}

static int32_t answer_lines(const call *call, int headers_only) {
    size_t capacity = 1, length = 0;
    for (size_t i = 0; i < call->environ->count; i++)
        capacity += call->environ->pairs[i].key.len + call->environ->pairs[i].value.len + 3;
    char *lines = malloc(capacity);
    if (lines == NULL) return -1;
    for (size_t i = 0; i < call->environ->count; i++) {
        const wsgi_pair *pair = &call->environ->pairs[i];
        wsgi_str name = headers_only ? header_name(pair->key) : pair->key;
        if (name.ptr == NULL) continue;
        if (headers_only)
            length += write_name(lines + length, name);
        else
            memcpy(lines + length, name.ptr, name.len), length += name.len;
        memcpy(lines + length, ": ", 2);
        memcpy(lines + length + 2, pair->value.ptr, pair->value.len);
        length += pair->value.len + 2;
        lines[length++] = '\n';
    }
    int32_t result = answer(call, "200 OK", lines, length);
    free(lines);
    return result;
}

static int32_t echo_headers(const call *call) {
    char rest[4096];
    int64_t got;
    do /* a body that is cut short or malformed is an error here too */
        got = wsgi_request_read(call->environ->server, call->request, rest, sizeof rest, 0);
    while (got > 0);
    return got < 0 ? (int32_t)got : answer_lines(call, 1);
}

static int32_t show_environ(const call *call) {
    return answer_lines(call, 0);
}

static int32_t sleep_first(const call *call) {
    struct timespec pause = {(time_t)(call->number / 1000), (long)(call->number % 1000) * 1000000};
    while (nanosleep(&pause, &pause) < 0) {
    }
    return answer(call, "200 OK", "OK", 2);
}

static int32_t answer_large(const call *call) {
    char *body = malloc(call->number + 1);
    if (body == NULL) return -1;
    memset(body, 'x', call->number);
    int32_t result = answer(call, "200 OK", body, call->number);
    free(body);
    return result;
}

static int32_t answer_stream(const call *call) {
    char piece[PIECE];
    memset(piece, 'x', sizeof piece);
    wsgi_status status = start(call, NULL);
    for (unsigned long i = 0; i < call->number && status >= 0; i++)
        status = put(call, piece, sizeof piece);
    return status < 0 ? status : WSGI_DONE;
}

static int32_t answer_close(const call *call) {
    wsgi_header headers[] = {{{"Content-Type", 12}, {"text/plain", 10}},
                             {{"Connection", 10}, {"close", 5}}};
    wsgi_status status = wsgi_respond(call->environ->server, call->request, text("200 OK"), headers,
                                      2, "OK", 2);
    return status < 0 ? status : WSGI_DONE;
}

static int32_t answer_restart(const call *call) {
    wsgi_header first = {{"X-First", 7}, {"1", 1}};
    wsgi_header second = {{"X-Second", 8}, {"2", 1}};
    const wsgi_responder *to = call->responder;
    wsgi_status status = to->start_response(to->context, text("200 OK"), &first, 1, 0);
    if (status < 0) return status;
    status = to->start_response(to->context, text("503 Service Unavailable"), &second, 1, 1);
    if (status < 0) return status;
    status = put(call, "later", 5);
    return status < 0 ? status : WSGI_DONE;
}

static int32_t answer_204(const call *call) {
    wsgi_status status = wsgi_respond(call->environ->server, call->request, text("204 No Content"),
                                      NULL, 0, NULL, 0);
    return status < 0 ? status : WSGI_DONE;
}

static int32_t answer_304(const call *call) {
    wsgi_header tag = {{"ETag", 4}, {"\"fixture\"", 9}};
    wsgi_status status = wsgi_respond(call->environ->server, call->request,
                                      text("304 Not Modified"), &tag, 1, NULL, 0);
    return status < 0 ? status : WSGI_DONE;
}

static int32_t inform(const call *call) {
    wsgi_server *server = call->environ->server;
    wsgi_header link = {{"Link", 4}, {"</style.css>; rel=preload", 25}};
    wsgi_status status = wsgi_inform(server, call->request, text("100 Continue"), NULL, 0);
    if (status >= 0)
        status = wsgi_inform(server, call->request, text("103 Early Hints"), &link, 1);
    return status < 0 ? status : answer(call, "200 OK", "OK", 2);
}

static int32_t answer_trailers(const call *call) {
    wsgi_server *server = call->environ->server;
    wsgi_status status = start(call, NULL);
    if (status >= 0) status = put(call, "sum", 3);
    if (status >= 0) status = wsgi_add_trailer(server, call->request, text("X-Sum"), text("3"));
    return status < 0 ? status : WSGI_DONE;
}

static int32_t interrupt(const call *call) {
    (void)call;
    return WSGI_INTERRUPT;
}
