/* Answers later: each request is put aside until its time has come, and one timer thread answers all
 * of them. A thousand that wait hold no thread.
 *
 *     later [--port N]
 *
 * GET /MILLISECONDS is answered after so many (at most a minute). */
#define _POSIX_C_SOURCE 200809L

#include "signals.h"

#include <wsgiserver.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LONGEST = 60000 };

typedef struct waiting {
    wsgi_request request;
    struct timespec due;
    struct waiting *next;
} waiting;

static wsgi_server *server;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static waiting *first; /* the one whose time comes first */
static int finishing;

static int is_before(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static void put(waiting *one) {
    pthread_mutex_lock(&lock);
    waiting **place = &first;
    while (*place && !is_before(&one->due, &(*place)->due)) place = &(*place)->next;
    one->next = *place;
    *place = one;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

/* Any thread may answer. WSGI_GONE: the client has left or the server has stopped meanwhile, and
 * there is nothing to do. */
static void answer(wsgi_request request) {
    static const char head[] = "200 OK\r\nContent-Type: text/plain\r\n";
    wsgi_respond_flat(server, request, head, sizeof head - 1, "It is time.\n", 12);
}

static void *answer_when_due(void *unused) {
    (void)unused;
    pthread_mutex_lock(&lock);
    while (!finishing) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        if (first == NULL) {
            pthread_cond_wait(&changed, &lock);
        } else if (is_before(&now, &first->due)) {
            pthread_cond_timedwait(&changed, &lock, &first->due);
        } else {
            waiting *one = first;
            first = one->next;
            pthread_mutex_unlock(&lock); /* no lock of ours is held while the library is called */
            answer(one->request);
            free(one);
            pthread_mutex_lock(&lock);
        }
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static int32_t put_aside(void *user_data, wsgi_request request, const wsgi_environ *environ,
                         const wsgi_responder *responder) {
    wsgi_str path = {NULL, 0};
    (void)user_data, (void)environ, (void)responder;
    wsgi_request_get(server, request, WSGI_KEY_PATH_INFO, &path); /* followed by a NUL */
    char *end = NULL;
    long milliseconds = path.len > 1 ? strtol(path.ptr + 1, &end, 10) : -1;
    if (milliseconds < 0 || milliseconds > LONGEST || *end != '\0') {
        static const char head[] = "404 Not Found\r\nContent-Type: text/plain\r\n";
        return wsgi_respond_flat(server, request, head, sizeof head - 1, "/MILLISECONDS\n", 14);
    }
    waiting *one = malloc(sizeof *one);
    if (one == NULL) return -1; /* the client gets 500 */
    one->request = request;
    clock_gettime(CLOCK_REALTIME, &one->due);
    one->due.tv_sec += milliseconds / 1000;
    one->due.tv_nsec += milliseconds % 1000 * 1000000;
    if (one->due.tv_nsec >= 1000000000) one->due.tv_sec++, one->due.tv_nsec -= 1000000000;

    /* First detach, then let another thread see the request. Should the timer thread ever miss it,
     * the library answers 503 in its place. */
    wsgi_status status = wsgi_request_set_deadline(server, request, milliseconds + 10000);
    if (status >= 0) status = wsgi_request_detach(server, request);
    if (status < 0) {
        free(one);
        return status;
    }
    put(one);
    return WSGI_DETACHED;
}

static int fail(wsgi_error *error) {
    fprintf(stderr, "later: %s\n", wsgi_error_message(error));
    wsgi_error_free(error);
    free_without_signals(server);
    return 1;
}

int main(int argc, char **argv) {
    wsgi_error *error = NULL;
    pthread_t timer;
    char address[64];
    int port_given = argc == 3 && strcmp(argv[1], "--port") == 0;
    if (argc != 1 && !port_given) {
        fprintf(stderr, "usage: later [--port N]\n");
        return 2;
    }
    snprintf(address, sizeof address, "127.0.0.1:%.5s", port_given ? argv[2] : "8070");
    if (wsgi_server_new(address, put_aside, NULL, NULL, &server, &error) < 0 ||
        wsgi_server_set(server, "numthreads", "2", &error) < 0 ||
        wsgi_server_prepare(server, &error) < 0)
        return fail(error);
    stop_on_signals(server);
    pthread_create(&timer, NULL, answer_when_due, NULL);
    wsgi_server_bound_addr(server, address, sizeof address, NULL);
    printf("Serving on http://%s/\n", address);
    fflush(stdout);
    wsgi_status served = wsgi_server_serve(server, &error);

    /* The timer thread may use the server until it is freed, so it ends before that. */
    pthread_mutex_lock(&lock);
    finishing = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(timer, NULL);
    for (waiting *one = first, *next; one; one = next) next = one->next, free(one);
    if (served < 0) return fail(error);
    return free_without_signals(server) < 0;
}
