/* The pull half of `app`: two threads take requests from the server and answer them at once;
   slow ones go through a bounded queue to threads that may sleep. So a health probe is answered
   however many slow calls are under way. */
#define _POSIX_C_SOURCE 200809L
#include "app_pull.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { PULLERS = 2, MOST_SLEEPERS = 256, MOST_WAITING = 1024, EVENTS = 16 };

struct slow_request {
    wsgi_request request;
    long sleep_us;
};

struct pull_threads {
    wsgi_server *server;
    pthread_t pullers[PULLERS];
    pthread_t sleepers[MOST_SLEEPERS];
    unsigned puller_count, sleeper_count;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct slow_request waiting[MOST_WAITING];
    size_t first, count;
    int ending;
};

static void *pull(void *argument);
static void *answer_slowly(void *argument);
static void handle(struct pull_threads *threads, wsgi_request request);
static int pass_on(struct pull_threads *threads, struct slow_request slow);
static void respond(wsgi_server *server, wsgi_request request, const char *status,
                    struct answer_body body);

struct pull_threads *pull_start(wsgi_server *server, unsigned sleepers) {
    struct pull_threads *threads = calloc(1, sizeof *threads);

    if (threads == NULL || sleepers > MOST_SLEEPERS) {
        free(threads);
        return NULL;
    }
    threads->server = server;
    pthread_mutex_init(&threads->lock, NULL);
    pthread_cond_init(&threads->changed, NULL);
    while (threads->sleeper_count < sleepers
           && pthread_create(&threads->sleepers[threads->sleeper_count], NULL, answer_slowly,
                             threads) == 0) {
        threads->sleeper_count++;
    }
    while (threads->puller_count < PULLERS
           && pthread_create(&threads->pullers[threads->puller_count], NULL, pull, threads) == 0) {
        threads->puller_count++;
    }
    return threads;
}

void pull_join(struct pull_threads *threads) {
    for (unsigned i = 0; i < threads->puller_count; i++) {
        pthread_join(threads->pullers[i], NULL);
    }
    pthread_mutex_lock(&threads->lock);
    threads->ending = 1;
    pthread_cond_broadcast(&threads->changed);
    pthread_mutex_unlock(&threads->lock);
    for (unsigned i = 0; i < threads->sleeper_count; i++) {
        pthread_join(threads->sleepers[i], NULL);
    }
    pthread_cond_destroy(&threads->changed);
    pthread_mutex_destroy(&threads->lock);
    free(threads);
}

static void *pull(void *argument) {
    struct pull_threads *threads = argument;
    wsgi_worker *worker = NULL;
    wsgi_error *error = NULL;
    wsgi_event events[EVENTS];

    if (wsgi_worker_new(threads->server, &worker, &error) < 0) {
        fprintf(stderr, "app: %s\n", wsgi_error_message(error));
        wsgi_error_free(error);
        return NULL;
    }
    for (int i = 0; i < EVENTS; i++) {
        events[i].struct_size = sizeof events[i];
    }
    for (;;) {
        int32_t count = wsgi_worker_next(worker, events, EVENTS, 1000);
        if (count < 0 && count != WSGI_AGAIN) {
            break;
        }
        for (int32_t i = 0; i < count; i++) {
            if (events[i].kind == WSGI_EVENT_REQUEST) {
                handle(threads, events[i].request);
            }
        }
    }
    wsgi_worker_free(worker);
    return NULL;
}

static void handle(struct pull_threads *threads, wsgi_request request) {
    struct answer_body body;
    struct slow_request slow = {request, 0};
    wsgi_environ environ = {.struct_size = sizeof environ};

    if (wsgi_request_environ(threads->server, request, &environ) < 0) {
        return;
    }
    body = route(path_info(&environ), &slow.sleep_us);
    if (slow.sleep_us == 0) {
        respond(threads->server, request, "200 OK", body);
    } else if (!pass_on(threads, slow)) {
        respond(threads->server, request, "503 Service Unavailable", body);
    }
}

static int pass_on(struct pull_threads *threads, struct slow_request slow) {
    int passed = 0;

    pthread_mutex_lock(&threads->lock);
    if (threads->count < MOST_WAITING) {
        threads->waiting[(threads->first + threads->count) % MOST_WAITING] = slow;
        threads->count++;
        passed = 1;
        pthread_cond_signal(&threads->changed);
    }
    pthread_mutex_unlock(&threads->lock);
    return passed;
}

static void *answer_slowly(void *argument) {
    struct pull_threads *threads = argument;
    struct answer_body body = {"Hello, world!", 13};

    pthread_mutex_lock(&threads->lock);
    for (;;) {
        struct slow_request slow;
        while (threads->count == 0 && !threads->ending) {
            pthread_cond_wait(&threads->changed, &threads->lock);
        }
        if (threads->count == 0) {
            break;
        }
        slow = threads->waiting[threads->first];
        threads->first = (threads->first + 1) % MOST_WAITING;
        threads->count--;
        pthread_mutex_unlock(&threads->lock);
        sleep_us(slow.sleep_us);
        respond(threads->server, slow.request, "200 OK", body);
        pthread_mutex_lock(&threads->lock);
    }
    pthread_mutex_unlock(&threads->lock);
    return NULL;
}

static void respond(wsgi_server *server, wsgi_request request, const char *status,
                    struct answer_body body) {
    wsgi_header headers[] = {{{"Content-Type", 12}, {"text/plain", 10}}};
    wsgi_str line = {status, 0};

    while (status[line.len] != '\0') {
        line.len++;
    }
    wsgi_respond(server, request, line, headers, 1, body.bytes, body.length);
}
