/* A detached request: the callback returns at once, another thread answers later. */
#define _POSIX_C_SOURCE 200809L

#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* A thread may only use the server while there is one, so the program waits for them at its end. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static size_t running;
static int finishing;

typedef struct later {
    wsgi_server *server;
    wsgi_request request;
    struct timespec due;
} later;

static struct timespec after(unsigned long milliseconds) {
    struct timespec due;
    clock_gettime(CLOCK_REALTIME, &due);
    due.tv_sec += (time_t)(milliseconds / 1000);
    due.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (due.tv_nsec >= 1000000000) due.tv_sec++, due.tv_nsec -= 1000000000;
    return due;
}

static void *answer_when_due(void *argument) {
    later *later = argument;
    wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    pthread_mutex_lock(&lock);
    while (!finishing && pthread_cond_timedwait(&changed, &lock, &later->due) != ETIMEDOUT) {
    }
    pthread_mutex_unlock(&lock);

    /* WSGI_GONE if the client has left or the server has stopped meanwhile: nothing to do then */
    wsgi_respond(later->server, later->request, text("200 OK"), &type, 1, "OK", 2);
    free(later);

    pthread_mutex_lock(&lock);
    running--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* Returns 0 when a thread has taken the request over. */
static int hand_over(later *later) {
    pthread_t thread;
    pthread_mutex_lock(&lock);
    int failed = pthread_create(&thread, NULL, answer_when_due, later);
    if (!failed) {
        running++;
        pthread_detach(thread);
    }
    pthread_mutex_unlock(&lock);
    return failed;
}

int32_t answer_detached(const call *call) {
    later *later = malloc(sizeof *later);
    if (later == NULL) return -1;
    later->server = call->environ->server;
    later->request = call->request;
    later->due = after(call->number);

    /* first detach, then let another thread see the request */
    wsgi_status status = wsgi_request_detach(later->server, later->request);
    if (status < 0) {
        free(later);
        return status;
    }
    if (hand_over(later) != 0) {
        wsgi_abort(later->server, later->request);
        free(later);
    }
    return WSGI_DETACHED;
}

void finish_detached(void) {
    pthread_mutex_lock(&lock);
    finishing = 1;
    pthread_cond_broadcast(&changed);
    while (running > 0) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}
