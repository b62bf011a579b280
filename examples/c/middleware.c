/* Middleware: applications that wrap another one. Each calls the next with a responder of its own,
 * and so sees, and may change, what passes through. Two of them here, around one application:
 *
 *     counting -> shouting -> greeting
 *
 *     middleware [--port N]
 *     curl -i http://127.0.0.1:8070/?you
 *
 * `shouting` adds a header and turns the body into capitals; `counting` says on standard output what
 * was answered. Neither knows what it wraps, so any number of them may be put around any application
 * that answers through its responder. What an application says past it, with wsgi_respond, wsgi_write
 * or wsgi_request_hijack, goes past the middleware too.
 */
#define _POSIX_C_SOURCE 200809L

#include "applications.h"
#include "run.h"

#include <ctype.h>
#include <stdlib.h>

/* What is wrapped; the user data of the middleware. */
typedef struct wrapped {
    wsgi_app_fn app;
    void *user_data;
} wrapped;

/* One call: the context of the middleware's own responder. It lives as long as the call, like the
 * responder that was given to the middleware. */
typedef struct call {
    const wsgi_responder *next;
    char code[4];
    unsigned long long bytes;
} call;

/* Calls what is wrapped with these two functions in place of the responder's own. */
static int32_t call_wrapped(const wrapped *inner, call *call, wsgi_request request,
                            const wsgi_environ *environ, const wsgi_responder *functions) {
    wsgi_responder responder = *functions;
    responder.struct_size = sizeof responder; /* what the application finds is what is set here */
    responder.context = call;
    return inner->app(inner->user_data, request, environ, &responder);
}

static wsgi_status shouting_start(void *context, wsgi_str status, const wsgi_header *headers,
                                  size_t count, int32_t restart) {
    static const wsgi_header shouted = {{"X-Volume", 8}, {"11", 2}};
    const wsgi_responder *next = ((call *)context)->next;
    wsgi_header *more = malloc((count + 1) * sizeof *more);
    if (more == NULL) return WSGI_E_SYSTEM;
    if (count > 0) memcpy(more, headers, count * sizeof *more);
    more[count] = shouted;
    wsgi_status result = next->start_response(next->context, status, more, count + 1, restart);
    free(more);
    return result;
}

/* The length stays the same, so a Content-Length of the application is still right. Middleware that
 * changes it has to leave that header out; the body then goes in chunks. */
static wsgi_status shouting_write(void *context, const void *data, size_t length) {
    const wsgi_responder *next = ((call *)context)->next;
    const unsigned char *from = data;
    char piece[4096];
    while (length > 0) {
        size_t size = length < sizeof piece ? length : sizeof piece;
        for (size_t i = 0; i < size; i++) piece[i] = (char)toupper(from[i]);
        wsgi_status result = next->write(next->context, piece, size);
        if (result < 0) return result; /* the client has left: the application is to know */
        from += size, length -= size;
    }
    return WSGI_OK;
}

static int32_t shouting(void *user_data, wsgi_request request, const wsgi_environ *environ,
                        const wsgi_responder *responder) {
    static const wsgi_responder functions = {0, NULL, shouting_start, shouting_write};
    call call = {responder, "", 0};
    return call_wrapped(user_data, &call, request, environ, &functions);
}

static wsgi_status counting_start(void *context, wsgi_str status, const wsgi_header *headers,
                                  size_t count, int32_t restart) {
    call *call = context;
    wsgi_status result =
        call->next->start_response(call->next->context, status, headers, count, restart);
    /* After a restart the later status counts: the earlier one was not sent. */
    if (result == WSGI_OK) snprintf(call->code, sizeof call->code, "%.3s", status.ptr);
    return result;
}

static wsgi_status counting_write(void *context, const void *data, size_t length) {
    call *call = context;
    wsgi_status result = call->next->write(call->next->context, data, length);
    if (result == WSGI_OK) call->bytes += length;
    return result;
}

static int32_t counting(void *user_data, wsgi_request request, const wsgi_environ *environ,
                        const wsgi_responder *responder) {
    static const wsgi_responder functions = {0, NULL, counting_start, counting_write};
    call call = {responder, "---", 0};
    int32_t result = call_wrapped(user_data, &call, request, environ, &functions);
    printf("%s %s: %s, %llu bytes%s\n", environ_get(environ, "REQUEST_METHOD").ptr,
           environ_get(environ, "PATH_INFO").ptr, call.code, call.bytes,
           result < 0 ? ", and failed" : "");
    fflush(stdout);
    return result; /* the middleware decides what the server is told; here, what it was told */
}

/* The application at the bottom: it takes any responder. */
static int32_t greeting(void *user_data, wsgi_request request, const wsgi_environ *environ,
                        const wsgi_responder *responder) {
    static const wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    wsgi_str name = environ_get(environ, "QUERY_STRING");
    void *context = responder->context;
    (void)user_data, (void)request;

    wsgi_status result = responder->start_response(context, text("200 OK"), &type, 1, 0);
    if (result == WSGI_OK && name.len == 0) /* nothing was sent yet, so it may think again */
        result = responder->start_response(context, text("404 Not Found"), &type, 1, 1);
    if (result == WSGI_OK) result = responder->write(context, "hello, ", 7);
    if (result == WSGI_OK && name.len > 0) result = responder->write(context, name.ptr, name.len);
    if (result == WSGI_OK) result = responder->write(context, "\n", 1);
    return result;
}

int main(int argc, char **argv) {
    wrapped application = {greeting, NULL}, middleware = {shouting, &application};
    int port_given = argc == 3 && strcmp(argv[1], "--port") == 0;
    if (argc != 1 && !port_given) {
        fprintf(stderr, "usage: middleware [--port N]\n");
        return 2;
    }
    return run("middleware", port_given ? argv[2] : "8070", counting, &middleware, NULL);
}
