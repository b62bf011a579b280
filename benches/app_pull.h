/* What the two halves of `app` share. */
#ifndef BENCH_APP_PULL_H
#define BENCH_APP_PULL_H

#include <wsgiserver.h>

#include <stddef.h>

struct answer_body {
    const char *bytes;
    size_t length;
};

/* What a path is answered with, and how long a call for it sleeps first. */
struct answer_body route(wsgi_str path, long *sleep_us);
wsgi_str path_info(const wsgi_environ *environ);
void sleep_us(long microseconds);

struct pull_threads;

/* Starts two pulling threads and `sleepers` threads for slow requests; NULL if that fails. */
struct pull_threads *pull_start(wsgi_server *server, unsigned sleepers);

/* Waits for them to end, which they do once the server has stopped. */
void pull_join(struct pull_threads *threads);

#endif
