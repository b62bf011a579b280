/* What every test program here begins with; include it first. A failed check prints where and ends
 * the program with 1; a program that hangs is ended by its deadline. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Seconds that one program may take, and that one fact may be waited for. */
enum { PROGRAM_DEADLINE = 120, FACT_DEADLINE = 20 };

#define FAIL(...)                                                                                  \
    do {                                                                                           \
        fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, __func__);                              \
        fprintf(stderr, __VA_ARGS__);                                                              \
        fputc('\n', stderr);                                                                       \
        exit(1);                                                                                   \
    } while (0)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) FAIL("not so: %s", #condition);                                          \
    } while (0)

#define CHECK_INT(actual, expected)                                                                \
    do {                                                                                           \
        long long actual_ = (long long)(actual), expected_ = (long long)(expected);                \
        if (actual_ != expected_)                                                                  \
            FAIL("%s is %lld, expected %s (%lld)", #actual, actual_, #expected, expected_);        \
    } while (0)

#define CHECK_STR(actual, expected)                                                                \
    do {                                                                                           \
        const char *actual_ = (actual), *expected_ = (expected);                                   \
        if (actual_ == NULL || strcmp(actual_, expected_) != 0)                                    \
            FAIL("%s is \"%s\", expected \"%s\"", #actual, shown(actual_), expected_);           \
    } while (0)

#define CHECK_CONTAINS(actual, part)                                                               \
    do {                                                                                           \
        const char *actual_ = (actual), *part_ = (part);                                           \
        if (actual_ == NULL || strstr(actual_, part_) == NULL)                                     \
            FAIL("%s is \"%s\", which lacks \"%s\"", #actual, shown(actual_), part_);             \
    } while (0)

/* Waits for a fact that another thread or the kernel brings about. */
#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        double until_ = seconds_now() + FACT_DEADLINE;                                             \
        while (!(condition)) {                                                                     \
            if (seconds_now() > until_) FAIL("never came about: %s", #condition);                  \
            give_way();                                                                            \
        }                                                                                          \
    } while (0)

#define COUNT(array) (sizeof(array) / sizeof *(array))

static inline const char *shown(const char *string) {
    return string ? string : "(null)";
}

/* A tool that checks memory runs the program, and has memory and descriptors of its own. */
static inline int is_watched(void) {
    return getenv("WSGISERVER_WATCHED") != NULL;
}

static inline double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline void give_way(void) {
    struct timespec millisecond = {0, 1000000};
    nanosleep(&millisecond, NULL);
}

typedef struct test {
    const char *name;
    void (*run)(void);
} test;

static inline void *nothing_to_do(void *unused) {
    return unused;
}

/* A tool that watches threads has one of its own from the first one on. */
static inline void begin_being_watched(void) {
    pthread_t thread;
    if (is_watched() && pthread_create(&thread, NULL, nothing_to_do, NULL) == 0)
        pthread_join(thread, NULL);
}

/* Runs the tests in order; SIGALRM's default action ends a program that hangs. */
static inline int run_tests(const test *tests, size_t count) {
    begin_being_watched();
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, "  %s\n", tests[i].name);
        alarm(PROGRAM_DEADLINE);
        tests[i].run();
    }
    return 0;
}

#endif
