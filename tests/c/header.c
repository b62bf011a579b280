/* The header as a C99 program sees it: it compiles, it can be included twice, its structs have the
 * sizes that bindings rely on (LP64), its constants keep their numbers, its functions are there. */
#define _GNU_SOURCE
#include <wsgiserver.h>
#include <wsgiserver.h>

#include "check.h"

#include <stddef.h>

/* A false condition makes an array of negative size. */
#define STATIC_CHECK(name, condition) typedef char static_check_##name[(condition) ? 1 : -1]

STATIC_CHECK(str_size, sizeof(wsgi_str) == 16);
STATIC_CHECK(str_len, offsetof(wsgi_str, len) == 8);
STATIC_CHECK(header_size, sizeof(wsgi_header) == 32);
STATIC_CHECK(header_value, offsetof(wsgi_header, value) == 16);
STATIC_CHECK(pair_size, sizeof(wsgi_pair) == 40);
STATIC_CHECK(pair_key_id, offsetof(wsgi_pair, key_id) == 32);
STATIC_CHECK(environ_size, sizeof(wsgi_environ) >= 48); /* sized structs may grow at the end */
STATIC_CHECK(environ_struct_size, offsetof(wsgi_environ, struct_size) == 0);
STATIC_CHECK(environ_server, offsetof(wsgi_environ, server) == 8);
STATIC_CHECK(environ_pairs, offsetof(wsgi_environ, pairs) == 16);
STATIC_CHECK(environ_count, offsetof(wsgi_environ, count) == 24);
STATIC_CHECK(environ_server_count, offsetof(wsgi_environ, server_count) == 32);
STATIC_CHECK(environ_connection_count, offsetof(wsgi_environ, connection_count) == 40);
STATIC_CHECK(responder_size, sizeof(wsgi_responder) >= 32);
STATIC_CHECK(responder_struct_size, offsetof(wsgi_responder, struct_size) == 0);
STATIC_CHECK(responder_context, offsetof(wsgi_responder, context) == 8);
STATIC_CHECK(responder_start, offsetof(wsgi_responder, start_response) == 16);
STATIC_CHECK(responder_write, offsetof(wsgi_responder, write) == 24);
STATIC_CHECK(event_size, sizeof(wsgi_event) >= 24);
STATIC_CHECK(event_struct_size, offsetof(wsgi_event, struct_size) == 0);
STATIC_CHECK(event_kind, offsetof(wsgi_event, kind) == 8);
STATIC_CHECK(event_request, offsetof(wsgi_event, request) == 16);
STATIC_CHECK(option_info_size, sizeof(wsgi_option_info) >= 48);
STATIC_CHECK(option_info_struct_size, offsetof(wsgi_option_info, struct_size) == 0);
STATIC_CHECK(option_info_name, offsetof(wsgi_option_info, name) == 8);
STATIC_CHECK(option_info_type, offsetof(wsgi_option_info, type) == 16);
STATIC_CHECK(option_info_default, offsetof(wsgi_option_info, default_value) == 24);
STATIC_CHECK(option_info_accepts, offsetof(wsgi_option_info, accepts) == 32);
STATIC_CHECK(option_info_help, offsetof(wsgi_option_info, help) == 40);
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
};

typedef void (*any_function)(void);

/* That each is declared and can be linked; a missing one is an error before anything runs. */
static const any_function functions[] = {
    (any_function)wsgi_version,
    (any_function)wsgi_abi_version,
    (any_function)wsgi_status_name,
    (any_function)wsgi_error_status,
    (any_function)wsgi_error_message,
    (any_function)wsgi_error_free,
    (any_function)wsgi_server_new,
    (any_function)wsgi_server_set,
    (any_function)wsgi_server_get,
    (any_function)wsgi_server_option_count,
    (any_function)wsgi_server_option_info,
    (any_function)wsgi_server_prepare,
    (any_function)wsgi_server_serve,
    (any_function)wsgi_server_start,
    (any_function)wsgi_server_start_background,
    (any_function)wsgi_server_stop,
    (any_function)wsgi_server_signal_stop,
    (any_function)wsgi_server_wait,
    (any_function)wsgi_server_bound_addr,
    (any_function)wsgi_server_free,
    (any_function)wsgi_request_environ,
    (any_function)wsgi_request_read,
    (any_function)wsgi_request_readline,
    (any_function)wsgi_request_trailers,
    (any_function)wsgi_request_detach,
    (any_function)wsgi_request_aborted,
    (any_function)wsgi_start_response,
    (any_function)wsgi_write,
    (any_function)wsgi_finish,
    (any_function)wsgi_respond,
    (any_function)wsgi_abort,
    (any_function)wsgi_worker_new,
    (any_function)wsgi_worker_next,
    (any_function)wsgi_worker_wake,
    (any_function)wsgi_worker_free,
    (any_function)wsgi_path_info_dispatcher_new,
    (any_function)wsgi_path_info_dispatcher_add,
    (any_function)wsgi_path_info_dispatcher_remove,
    (any_function)wsgi_path_info_dispatcher_app,
    (any_function)wsgi_path_info_dispatcher_free,
};

static void statuses_keep_their_numbers_and_names(void) {
    for (size_t i = 0; i < COUNT(statuses); i++) {
        CHECK_INT(statuses[i].status, statuses[i].number);
        CHECK_STR(wsgi_status_name(statuses[i].status), statuses[i].name);
    }
    CHECK(wsgi_status_name(-9999) != NULL); /* unknown ones have a name too */
}

static void functions_are_there(void) {
    for (size_t i = 0; i < COUNT(functions); i++) CHECK(functions[i] != NULL);
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
        {"functions are there", functions_are_there},
        {"versions are sensible", versions_are_sensible},
    };
    return run_tests(tests, COUNT(tests));
}
