/* The same small answer to every request, by one thread: an application that is called, or a thread
 * that pulls. `call_or_pull 0 call|pull`, port 0 being any free one. */
#define _POSIX_C_SOURCE 200809L
#include "../examples/c/signals.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { EVENTS = 16 };

static wsgi_server *server;

static void answer(wsgi_request request, const wsgi_environ *environ) {
    static const char body[] = "Hello, world!";
    wsgi_str status = {"200 OK", 6};
    wsgi_header headers[] = {{{"Content-Type", 12}, {"text/plain", 10}}};

    for (size_t i = 0; i < environ->count; i++) {
        if (environ->pairs[i].key.len == 9 && memcmp(environ->pairs[i].key.ptr, "PATH_INFO", 9) == 0) {
            wsgi_respond(server, request, status, headers, 1, body, sizeof body - 1);
            return;
        }
    }
}

static int32_t application(void *user_data, wsgi_request request, const wsgi_environ *environ,
                           const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    answer(request, environ);
    return WSGI_DONE;
}

static void *pull(void *unused) {
    wsgi_worker *worker = NULL;
    wsgi_event events[EVENTS] = {{0}};
    wsgi_environ environ = {.struct_size = sizeof environ};
    int32_t count = wsgi_worker_new(server, &worker, NULL);

    (void)unused;
    events[0].struct_size = sizeof events[0];
    while (count >= 0 || count == WSGI_AGAIN) {
        count = wsgi_worker_next(worker, events, EVENTS, -1);
        for (int32_t i = 0; i < count; i++) {
            if (wsgi_request_environ(server, events[i].request, &environ) >= 0) {
                answer(events[i].request, &environ);
            }
        }
    }
    wsgi_worker_free(worker);
    return NULL;
}

int main(int argc, char **argv) {
    char address[64];
    int pulls = argc == 3 && strcmp(argv[2], "pull") == 0;
    pthread_t thread;

    if (argc != 3 || (!pulls && strcmp(argv[2], "call") != 0)) {
        fprintf(stderr, "usage: call_or_pull PORT call|pull\n");
        return 2;
    }
    snprintf(address, sizeof address, "127.0.0.1:%s", argv[1]);
    if (wsgi_server_new(address, pulls ? NULL : application, NULL, NULL, &server, NULL) < 0
        || wsgi_server_set(server, "numthreads", "1", NULL) < 0) {
        return 1;
    }
    stop_on_signals(server);
    if (wsgi_server_start_background(server, NULL) < 0
        || (pulls && pthread_create(&thread, NULL, pull, NULL) != 0)
        || wsgi_server_bound_addr(server, address, sizeof address, NULL) < 0) {
        return 1;
    }
    printf("listening on http://%s\n", address);
    fflush(stdout);
    wsgi_server_wait(server);
    if (pulls) {
        pthread_join(thread, NULL);
    }
    return free_without_signals(server) < 0;
}
