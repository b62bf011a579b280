/* What a server calls beside its application: hooks on its threads, each with data of its own, a
 * line on stdout for each request, and the error log on stderr.
 *
 *     hooks [--port N] [--threads N]
 *
 * Each worker thread opens something of its own once, and uses it without a lock for all its
 * requests: here a counter, in earnest an interpreter or the connection to a database. */
#define _POSIX_C_SOURCE 200809L

#include "signals.h"

#include <wsgiserver.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct worker {
    uint32_t index;
    long requests;
} worker;

static wsgi_server *running;

/* Before the thread's first request. What is written to reason is what the start fails with. */
static int32_t thread_start(void *user_data, uint32_t index, void **thread_data, char *reason,
                            size_t capacity) {
    (void)user_data;
    worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL) {
        snprintf(reason, capacity, "no memory");
        return -1;
    }
    worker->index = index;
    *thread_data = worker;
    return 0;
}

/* After its last one, on the same thread. */
static void thread_stop(void *user_data, uint32_t index, void *thread_data) {
    (void)user_data;
    worker *worker = thread_data;
    fprintf(stderr, "thread %u has answered %ld\n", (unsigned)index, worker->requests);
    free(worker);
}

static int32_t app(void *user_data, wsgi_request request, const wsgi_environ *environ,
                   const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    worker *worker = environ->thread_data;
    wsgi_str status = {"200 OK", 6};
    wsgi_header headers[] = {{{"Content-Type", 12}, {"text/plain", 10}}};
    char body[64];
    worker->requests++; /* nobody else has this one */
    if (worker->requests == 3) {
        const char text[] = "this is the third";
        wsgi_request_log(environ->server, request, WSGI_LEVEL_WARNING, text, sizeof text - 1);
    }
    int length = snprintf(body, sizeof body, "thread %u, request %ld\n", (unsigned)worker->index,
                          worker->requests);
    return wsgi_respond(environ->server, request, status, headers, 1, body, (size_t)length);
}

/* From the client, so it is not to be trusted: quotes and control characters are replaced. */
static void put(char *line, size_t capacity, wsgi_str text) {
    size_t length = text.len < capacity ? text.len : capacity - 1;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        line[i] = c < ' ' || c == '"' || c == 127 ? '?' : (char)c;
    }
    line[length] = '\0';
}

/* A line in the Combined Log Format. One call of stdio, so that lines stay whole. */
static void access_log(void *user_data, const wsgi_access_record *record) {
    (void)user_data;
    char method[32], target[512], protocol[16], referer[256], agent[256], when[40];
    time_t arrived = (time_t)(record->arrived_ns / 1000000000u);
    struct tm parts;
    gmtime_r(&arrived, &parts);
    strftime(when, sizeof when, "%d/%b/%Y:%H:%M:%S +0000", &parts);
    put(method, sizeof method, record->method);
    put(target, sizeof target, record->target);
    put(protocol, sizeof protocol, record->protocol);
    put(referer, sizeof referer, record->referer);
    put(agent, sizeof agent, record->user_agent);
    printf("%.*s - - [%s] \"%s %s %s\" %d %llu \"%s\" \"%s\"\n", (int)record->remote_addr.len,
           record->remote_addr.ptr, when, method, target, protocol, record->status,
           (unsigned long long)record->sent, referer, agent);
    fflush(stdout);
}

static void error_log(void *user_data, int32_t level, uint32_t code, const char *text,
                      size_t length) {
    (void)user_data, (void)length;
    fprintf(stderr, "level %d, code %u: %s\n", (int)level, (unsigned)code, text);
}

static int fail(wsgi_error *error) {
    fprintf(stderr, "hooks: %s\n", wsgi_error_message(error));
    wsgi_error_free(error);
    free_without_signals(running);
    return 1;
}

int main(int argc, char **argv) {
    const char *port = "8070", *threads = "4";
    for (int i = 1; i < argc; i += 2) {
        int is_port = strcmp(argv[i], "--port") == 0;
        if (i + 1 == argc || (!is_port && strcmp(argv[i], "--threads") != 0)) {
            fprintf(stderr, "usage: hooks [--port N] [--threads N]\n");
            return 2;
        }
        *(is_port ? &port : &threads) = argv[i + 1];
    }
    wsgi_error *error = NULL;
    wsgi_handlers handlers = {0};
    char address[64];
    handlers.struct_size = sizeof handlers; /* tells the library which version this was built for */
    handlers.thread_start = thread_start;
    handlers.thread_stop = thread_stop;
    handlers.app = app;
    handlers.error_log = error_log;
    handlers.access_log = access_log;
    snprintf(address, sizeof address, "127.0.0.1:%s", port);
    if (wsgi_server_new(address, NULL, NULL, NULL, &running, &error) < 0 ||
        wsgi_server_set(running, "numthreads", threads, &error) < 0 ||
        wsgi_server_set_handlers(running, &handlers, NULL, NULL, &error) < 0 ||
        wsgi_server_prepare(running, &error) < 0)
        return fail(error);
    stop_on_signals(running);
    wsgi_server_bound_addr(running, address, sizeof address, NULL);
    printf("Serving on http://%s/\n", address);
    fflush(stdout);
    if (wsgi_server_serve(running, &error) < 0) return fail(error);
    return free_without_signals(running) < 0;
}
