/* The classic: one blocking thread for each connection. "/" answers at once, "/sleep/N" sleeps
   N microseconds first.
   usage: thread_per_connection PORT */
#define _GNU_SOURCE
#include "answer.h"
#include "listen.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

enum { REQUEST_BYTES = 16384, STACK_BYTES = 128 * 1024 };

static void *serve(void *argument);

int main(int argc, char **argv) {
    pthread_attr_t attributes;
    int listener;

    if (argc != 2) {
        fprintf(stderr, "usage: thread_per_connection PORT\n");
        return 2;
    }
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    listener = listen_on(argv[1], 0);
    for (;;) {
        pthread_t thread;
        int yes = 1;
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0) {
            if (errno == EINTR || errno == ECONNABORTED) {
                continue;
            }
            perror("accept");
            return 1;
        }
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (pthread_create(&thread, &attributes, serve, (void *)(intptr_t)connection) != 0) {
            close(connection);
        }
    }
}

static void sleep_as_asked(const char *head) {
    static const char prefix[] = "GET /sleep/";

    if (strncmp(head, prefix, sizeof prefix - 1) == 0) {
        long microseconds = strtol(head + sizeof prefix - 1, NULL, 10);
        if (microseconds > 0 && microseconds <= 10000000) {
            struct timespec pause = {microseconds / 1000000, microseconds % 1000000 * 1000};
            nanosleep(&pause, NULL);
        }
    }
}

/* Answers the heads that are whole; returns how many bytes they took, or -1 if sending failed. */
static ssize_t answer_heads(int connection, char *request, size_t filled) {
    struct answer answer = {.length = 0};
    size_t taken = 0;

    for (;;) {
        char *end = memmem(request + taken, filled - taken, "\r\n\r\n", 4);
        if (end == NULL) {
            return (ssize_t)taken;
        }
        sleep_as_asked(request + taken);
        answer_renew(&answer, "thread-per-connection");
        if (send(connection, answer.bytes, answer.length, MSG_NOSIGNAL) != (ssize_t)answer.length) {
            return -1;
        }
        taken = (size_t)(end + 4 - request);
    }
}

static void *serve(void *argument) {
    int connection = (int)(intptr_t)argument;
    char request[REQUEST_BYTES + 1];
    size_t filled = 0;

    for (;;) {
        ssize_t taken;
        ssize_t received = recv(connection, request + filled, REQUEST_BYTES - filled, 0);
        if (received <= 0) {
            break;
        }
        filled += (size_t)received;
        request[filled] = '\0';
        taken = answer_heads(connection, request, filled);
        if (taken < 0) {
            break;
        }
        filled -= (size_t)taken;
        memmove(request, request + taken, filled);
    }
    close(connection);
    return NULL;
}
