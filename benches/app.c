/* A program of libwsgiserver for the scenarios with slow calls. "/" answers at once, "/sleep/N"
   sleeps N microseconds first, "/large/N" answers N bytes; for "/file/", "/stream/", "/upload" and "/echo" see
   app_bodies.c.
   usage: app PORT [--pull] [--folder F] [--name VALUE ...]
   F is where the files are; names are server options, and --threads is numthreads.
   With --pull no application is given: two threads pull requests and answer them, except that
   /sleep/ is passed on to as many threads as --threads says, which sleep and answer. */
#define _POSIX_C_SOURCE 200809L
#include "../examples/c/signals.h"
#include "app_bodies.h"
#include "app_pull.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LARGEST = 16 * 1024 * 1024, FAILED = 1, USAGE = 2 };

static wsgi_server *server;
static char large[LARGEST];

static int32_t application(void *user_data, wsgi_request request, const wsgi_environ *environ,
                           const wsgi_responder *responder);
static int configure(int argc, char **argv, bool pull, unsigned *threads);
static int run(bool pull, unsigned threads);
static int report(wsgi_error *error, int code);

int main(int argc, char **argv) {
    bool pull = argc > 2 && strcmp(argv[2], "--pull") == 0;
    int skipped = pull ? 3 : 2;
    unsigned threads = 10;
    char address[32];
    wsgi_error *error = NULL;
    int code;

    if (argc < 2) {
        fprintf(stderr, "usage: app PORT [--pull] [--name VALUE ...]\n");
        return USAGE;
    }
    memset(large, 'x', sizeof large);
    snprintf(address, sizeof address, "127.0.0.1:%.5s", argv[1]);
    if (wsgi_server_new(address, pull ? NULL : application, NULL, NULL, &server, &error) < 0) {
        return report(error, FAILED);
    }
    code = configure(argc - skipped, argv + skipped, pull, &threads);
    if (code == 0) {
        code = run(pull, threads);
    }
    free_without_signals(server);
    return code;
}

struct answer_body route(wsgi_str path, long *sleep_us) {
    struct answer_body body = {"Hello, world!", 13};
    const char *text = path.ptr == NULL ? "" : path.ptr; /* NUL-terminated, as is all of environ */

    *sleep_us = 0;
    if (strncmp(text, "/sleep/", 7) == 0) {
        long asked = strtol(text + 7, NULL, 10);
        *sleep_us = asked > 0 && asked <= 10000000 ? asked : 0;
    } else if (strncmp(text, "/large/", 7) == 0) {
        long asked = strtol(text + 7, NULL, 10);
        body.bytes = large;
        body.length = asked > 0 && asked <= LARGEST ? (size_t)asked : 0;
    }
    return body;
}

wsgi_str path_info(const wsgi_environ *environ) {
    wsgi_str none = {NULL, 0};

    for (size_t i = environ->server_count + environ->connection_count; i < environ->count; i++) {
        const wsgi_pair *pair = &environ->pairs[i];
        if (pair->key.len == 9 && memcmp(pair->key.ptr, "PATH_INFO", 9) == 0) {
            return pair->value;
        }
    }
    return none;
}

void sleep_us(long microseconds) {
    struct timespec pause = {microseconds / 1000000, microseconds % 1000000 * 1000};

    if (microseconds > 0) {
        nanosleep(&pause, NULL);
    }
}

static int32_t application(void *user_data, wsgi_request request, const wsgi_environ *environ,
                           const wsgi_responder *responder) {
    long pause;
    struct answer_body body = route(path_info(environ), &pause);
    char length[24];
    wsgi_str status = {"200 OK", 6};
    wsgi_header headers[] = {
        {{"Content-Type", 12}, {"text/plain", 10}},
        {{"Content-Length", 14}, {length, 0}},
    };
    wsgi_status result;

    (void)user_data;
    if (answer_with_body(path_info(environ), request, environ, &result)) {
        return result < 0 ? result : WSGI_DONE;
    }
    sleep_us(pause);
    headers[1].value.len = (size_t)snprintf(length, sizeof length, "%zu", body.length);
    result = responder->start_response(responder->context, status, headers, 2, 0);
    if (result >= 0) {
        result = responder->write(responder->context, body.bytes, body.length);
    }
    return result < 0 ? result : WSGI_DONE;
}

static int configure(int argc, char **argv, bool pull, unsigned *threads) {
    for (int i = 0; i < argc; i += 2) {
        char name[64];
        wsgi_error *error = NULL;

        if (i + 1 == argc || strncmp(argv[i], "--", 2) != 0) {
            fprintf(stderr, "app: not an option with a value: %s\n", argv[i]);
            return USAGE;
        }
        if (strcmp(argv[i], "--folder") == 0) {
            set_folder(argv[i + 1]);
            continue;
        }
        if (pull && strcmp(argv[i], "--threads") == 0) {
            *threads = (unsigned)atoi(argv[i + 1]);
            continue;
        }
        snprintf(name, sizeof name, "%s",
                 strcmp(argv[i], "--threads") == 0 ? "numthreads" : argv[i] + 2);
        for (char *at = name; *at != '\0'; at++) {
            *at = *at == '-' ? '_' : *at;
        }
        if (wsgi_server_set(server, name, argv[i + 1], &error) < 0) {
            return report(error, USAGE);
        }
    }
    return 0;
}

static int run(bool pull, unsigned threads) {
    char address[64];
    wsgi_error *error = NULL;
    struct pull_threads *pulling = NULL;
    wsgi_status status;

    stop_on_signals(server);
    if (wsgi_server_start_background(server, &error) < 0) {
        return report(error, FAILED);
    }
    if (pull && (pulling = pull_start(server, threads)) == NULL) {
        return FAILED;
    }
    if (wsgi_server_bound_addr(server, address, sizeof address, NULL) < 0) {
        return FAILED;
    }
    printf("listening on http://%s\n", address);
    fflush(stdout);
    status = wsgi_server_wait(server);
    if (pulling != NULL) {
        pull_join(pulling);
    }
    return status < 0 ? FAILED : 0;
}

static int report(wsgi_error *error, int code) {
    fprintf(stderr, "app: %s\n", wsgi_error_message(error));
    wsgi_error_free(error);
    return code;
}
