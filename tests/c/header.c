/* The header as a C99 program sees it: it compiles, it can be included twice, its structs have the
 * layout that Rust gives them, its constants keep their numbers. */
#define _GNU_SOURCE
#include <wsgiserver.h>
#include <wsgiserver.h>

#include "check.h"

#include <stddef.h>

/* A false condition makes an array of negative size. */
#define STATIC_CHECK(name, condition) typedef char static_check_##name[(condition) ? 1 : -1]
#define STRUCT(name, size) STATIC_CHECK(name, sizeof(name) == (size));
#define FIELD(type, name, offset, size)                            \
    STATIC_CHECK(type##_##name, offsetof(type, name) == (offset)); \
    STATIC_CHECK(type##_##name##_size, sizeof(((type *)0)->name) == (size));
#include "layout.h"

STATIC_CHECK(request_size, sizeof(wsgi_request) == 8);
STATIC_CHECK(status_size, sizeof(wsgi_status) == 4);
STATIC_CHECK(status_signed, (wsgi_status)-1 < 0);

static const struct {
    wsgi_status status;
    wsgi_status number;
    const char *name;
} statuses[] = {
    {WSGI_OK, 0, "WSGI_OK"},
    {WSGI_AGAIN, -1, "WSGI_AGAIN"},
    {WSGI_GONE, -2, "WSGI_GONE"},
    {WSGI_BUSY, -3, "WSGI_BUSY"},
    {WSGI_E_NULL, -10, "WSGI_E_NULL"},
    {WSGI_E_STATE, -11, "WSGI_E_STATE"},
    {WSGI_E_OPTION, -12, "WSGI_E_OPTION"},
    {WSGI_E_BIND, -13, "WSGI_E_BIND"},
    {WSGI_E_SYSTEM, -14, "WSGI_E_SYSTEM"},
    {WSGI_E_HEADER, -15, "WSGI_E_HEADER"},
    {WSGI_E_LENGTH, -16, "WSGI_E_LENGTH"},
    {WSGI_E_CLIENT, -17, "WSGI_E_CLIENT"},
    {WSGI_E_MAX_SIZE_EXCEEDED, -18, "WSGI_E_MAX_SIZE_EXCEEDED"},
    {WSGI_E_BODY, -19, "WSGI_E_BODY"},
    {WSGI_E_PANIC, -20, "WSGI_E_PANIC"},
    {WSGI_E_FORKED, -21, "WSGI_E_FORKED"},
    {WSGI_E_STOPPING, -22, "WSGI_E_STOPPING"},
    {WSGI_E_INTERRUPTED, -23, "WSGI_E_INTERRUPTED"},
    {WSGI_E_THREAD_START, -26, "WSGI_E_THREAD_START"},
    {WSGI_E_SSL, -27, "WSGI_E_SSL"},
    {WSGI_E_NO_SSL, -28, "WSGI_E_NO_SSL"},
    {WSGI_E_FATAL_SSL_ALERT, -29, "WSGI_E_FATAL_SSL_ALERT"},
};

static void statuses_keep_their_numbers_and_names(void) {
    for (size_t i = 0; i < COUNT(statuses); i++) {
        CHECK_INT(statuses[i].status, statuses[i].number);
        CHECK_STR(wsgi_status_name(statuses[i].status), statuses[i].name);
    }
    CHECK(wsgi_status_name(-9999) != NULL); /* unknown ones have a name too */
}

static void versions_are_sensible(void) {
    int major = -1, minor = -1, patch = -1;
    CHECK_INT(sscanf(wsgi_version(), "%d.%d.%d", &major, &minor, &patch), 3);
    CHECK(wsgi_abi_version() > 0);
}

static void kinds_and_results_keep_their_numbers(void) {
    CHECK_INT(WSGI_DONE, 0);
    CHECK_INT(WSGI_DETACHED, 1);
    CHECK_INT(WSGI_INTERRUPT, 2);
    CHECK_INT(WSGI_EVENT_REQUEST, 1);
}

int main(void) {
    static const test tests[] = {
        {"statuses keep their numbers and names", statuses_keep_their_numbers_and_names},
        {"kinds and results keep their numbers", kinds_and_results_keep_their_numbers},
        {"versions are sensible", versions_are_sensible},
    };
    return run_tests(tests, COUNT(tests));
}
