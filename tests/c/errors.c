/* What the functions say to misuse: NULL, a wrong state, options and addresses that cannot be. */
#include "client.h"
#include "host.h"

static const wsgi_request NO_REQUEST = 0x123456789abcdefULL;

static int32_t hello(void *user_data, wsgi_request request, const wsgi_environ *environ,
                     const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    return say(environ->server, request, "hello");
}

/* The error belongs to this status, says something, and is freed. */
static void check_error(wsgi_status status, wsgi_error *error, const char *part) {
    CHECK(error != NULL);
    CHECK_INT(wsgi_error_status(error), status);
    CHECK_CONTAINS(wsgi_error_message(error), part);
    wsgi_error_free(error);
}

static void null_is_an_error(void) {
    wsgi_worker *worker = NULL;
    wsgi_error *error = NULL;
    wsgi_event event = {0};
    wsgi_environ environ = {0};
    const wsgi_header *trailers = NULL;
    char buffer[8];
    size_t length = 77;
    event.struct_size = sizeof event;
    environ.struct_size = sizeof environ;

    CHECK_INT(wsgi_server_new("127.0.0.1:0", hello, NULL, NULL, NULL, &error), WSGI_E_NULL);
    check_error(WSGI_E_NULL, error, "server");
    CHECK_INT(wsgi_server_option_info(0, NULL), WSGI_E_NULL);

    CHECK_INT(wsgi_server_set(NULL, "numthreads", "1", NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_get(NULL, "numthreads", buffer, sizeof buffer, &length), WSGI_E_NULL);
    CHECK_INT(wsgi_server_prepare(NULL, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_serve(NULL, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_start(NULL, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_start_background(NULL, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_stop(NULL, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_signal_stop(NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_wait(NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_listen(NULL, "127.0.0.1:0", NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_listen_fd(NULL, 0, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_listener_count(NULL), 0);
    CHECK_INT(wsgi_server_bound_addr(NULL, buffer, sizeof buffer, &length), WSGI_E_NULL);
    CHECK_INT(wsgi_server_bound_addr_at(NULL, 0, buffer, sizeof buffer, &length), WSGI_E_NULL);
    CHECK_INT(length, 77); /* outputs are written on success only */

    CHECK_INT(wsgi_request_environ(NULL, NO_REQUEST, &environ), WSGI_E_NULL);
    CHECK_INT(wsgi_request_read(NULL, NO_REQUEST, buffer, sizeof buffer, 0), WSGI_E_NULL);
    CHECK_INT(wsgi_request_readline(NULL, NO_REQUEST, buffer, sizeof buffer), WSGI_E_NULL);
    CHECK_INT(wsgi_request_trailers(NULL, NO_REQUEST, &trailers, &length), WSGI_E_NULL);
    CHECK_INT(wsgi_request_detach(NULL, NO_REQUEST), WSGI_E_NULL);
    CHECK_INT(wsgi_request_aborted(NULL, NO_REQUEST), WSGI_E_NULL);
    CHECK_INT(wsgi_start_response(NULL, NO_REQUEST, str("200 OK"), NULL, 0, 0), WSGI_E_NULL);
    CHECK_INT(wsgi_write(NULL, NO_REQUEST, "x", 1, 0), WSGI_E_NULL);
    CHECK_INT(wsgi_finish(NULL, NO_REQUEST), WSGI_E_NULL);
    CHECK_INT(wsgi_respond(NULL, NO_REQUEST, str("200 OK"), NULL, 0, "x", 1), WSGI_E_NULL);
    CHECK_INT(wsgi_abort(NULL, NO_REQUEST), WSGI_E_NULL);

    CHECK_INT(wsgi_worker_new(NULL, &worker, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_worker_next(NULL, &event, 1, 0), WSGI_E_NULL);
    CHECK_INT(wsgi_worker_wake(NULL), WSGI_E_NULL);
    CHECK_INT(length, 77);
    wsgi_error_free(NULL);
}

static void null_dispatchers_are_errors(void) {
    wsgi_path_info_dispatcher *dispatcher = NULL;
    wsgi_error *error = NULL;
    wsgi_environ environ = {0};
    wsgi_responder responder = {0};
    CHECK_INT(wsgi_path_info_dispatcher_new(NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_path_info_dispatcher_add(NULL, "/", hello, NULL, NULL, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_path_info_dispatcher_remove(NULL, "/", NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_path_info_dispatcher_app(NULL, NO_REQUEST, &environ, &responder), WSGI_E_NULL);
    wsgi_path_info_dispatcher_free(NULL);

    CHECK_INT(wsgi_path_info_dispatcher_new(&dispatcher), WSGI_OK);
    CHECK_INT(wsgi_path_info_dispatcher_add(dispatcher, NULL, hello, NULL, NULL, &error),
              WSGI_E_NULL);
    check_error(WSGI_E_NULL, error, "prefix");
    CHECK_INT(wsgi_path_info_dispatcher_add(dispatcher, "/", NULL, NULL, NULL, &error),
              WSGI_E_NULL);
    check_error(WSGI_E_NULL, error, "app");
    CHECK_INT(wsgi_path_info_dispatcher_remove(dispatcher, NULL, &error), WSGI_E_NULL);
    check_error(WSGI_E_NULL, error, "prefix");
    CHECK_INT(wsgi_path_info_dispatcher_app(dispatcher, NO_REQUEST, NULL, &responder),
              WSGI_E_NULL);
    CHECK_INT(wsgi_path_info_dispatcher_app(dispatcher, NO_REQUEST, &environ, NULL), WSGI_E_NULL);
    /* nothing fits, and there is nobody to say so to */
    CHECK_INT(wsgi_path_info_dispatcher_app(dispatcher, NO_REQUEST, &environ, &responder),
              WSGI_E_NULL);
    wsgi_path_info_dispatcher_free(dispatcher);
}

static void null_arguments_of_a_server_are_errors(void) {
    wsgi_server *server = new_server(hello, NULL);
    wsgi_error *error = NULL;
    CHECK_INT(wsgi_server_set(server, NULL, "1", &error), WSGI_E_NULL);
    check_error(WSGI_E_NULL, error, "name");
    CHECK_INT(wsgi_server_set(server, "numthreads", NULL, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_get(server, NULL, NULL, 0, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_worker_new(server, NULL, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

static void unknown_options_are_named(void) {
    wsgi_server *server = new_server(hello, NULL);
    wsgi_error *error = NULL;
    char buffer[64];
    wsgi_status status = wsgi_server_set(server, "numthread", "10", &error);
    CHECK_INT(status, WSGI_E_OPTION);
    check_error(status, error, "numthread");
    CHECK_INT(wsgi_server_get(server, "numthread", buffer, sizeof buffer, NULL), WSGI_E_OPTION);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

/* A binding can check a number by itself, and knows what it may set while it serves. */
static void option_info_has_bounds_as_numbers(void) {
    wsgi_option_info info = {0};
    info.struct_size = sizeof info;
    for (size_t i = 0; i < wsgi_server_option_count(); i++) {
        CHECK_INT(wsgi_server_option_info(i, &info), WSGI_OK);
        int number = !strcmp(info.type, "number") || !strcmp(info.type, "seconds");
        if (number ? info.minimum >= info.maximum : info.minimum != 0 || info.maximum != 0)
            FAIL("%s is from %g to %g", info.name, info.minimum, info.maximum);
        if (!strcmp(info.name, "numthreads")) {
            CHECK(info.minimum == 0 && info.maximum == 10000);
            CHECK_INT(info.while_running, 0);
        }
        if (!strcmp(info.name, "max_request_body_size")) CHECK(info.maximum > 1e300);
        if (!strcmp(info.name, "statistics")) CHECK_INT(info.while_running, 1);
    }
}

/* No option takes a value that holds a line end; the message says what it takes instead. */
static void bad_values_name_the_option_and_what_it_accepts(void) {
    wsgi_server *server = new_server(hello, NULL);
    wsgi_option_info info = {0};
    info.struct_size = sizeof info;
    CHECK(wsgi_server_option_count() >= 16);
    for (size_t i = 0; i < wsgi_server_option_count(); i++) {
        wsgi_error *error = NULL;
        CHECK_INT(wsgi_server_option_info(i, &info), WSGI_OK);
        CHECK(info.name && info.type && info.default_value && info.accepts && info.help);
        wsgi_status status = wsgi_server_set(server, info.name, "no\r\nvalue: 1", &error);
        if (status != WSGI_E_OPTION) FAIL("%s took a line end", info.name);
        CHECK_CONTAINS(wsgi_error_message(error), info.name);
        CHECK_CONTAINS(wsgi_error_message(error), info.accepts);
        wsgi_error_free(error);
    }
    CHECK(wsgi_server_option_info(wsgi_server_option_count(), &info) < 0);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

static void numbers_out_of_range_are_refused(void) {
    static const char *const refused[][2] = {
        {"numthreads", "10001"}, {"numthreads", "-1"},  {"numthreads", "ten"},
        {"numthreads", ""},    {"numthreads", "1x"},  {"numthreads", "99999999999999999999"},
        {"numthreads", " 10"}, {"timeout", "-5"},     {"timeout", "soon"},
        {"timeout", "nan"},    {"nodelay", "maybe"},  {"max_request_body_size", "-2"},
    };
    wsgi_server *server = new_server(hello, NULL);
    for (size_t i = 0; i < COUNT(refused); i++) {
        wsgi_status status = wsgi_server_set(server, refused[i][0], refused[i][1], NULL);
        if (status != WSGI_E_OPTION) FAIL("%s took '%s'", refused[i][0], refused[i][1]);
    }
    char value[16];
    CHECK_INT(wsgi_server_get(server, "numthreads", value, sizeof value, NULL), WSGI_OK);
    CHECK_STR(value, "10"); /* a refused value changes nothing */
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

static void each_option_takes_its_default(void) {
    wsgi_server *server = new_server(hello, NULL);
    wsgi_option_info info = {0};
    info.struct_size = sizeof info;
    for (size_t i = 0; i < wsgi_server_option_count(); i++) {
        char value[512] = "", again[512] = "";
        size_t length = 0;
        CHECK_INT(wsgi_server_option_info(i, &info), WSGI_OK);
        if (wsgi_server_get(server, info.name, value, sizeof value, &length) != WSGI_OK)
            FAIL("%s cannot be read", info.name);
        CHECK_INT(length, strlen(value));
        if (wsgi_server_set(server, info.name, value, NULL) != WSGI_OK)
            FAIL("%s does not take its own value '%s'", info.name, value);
        CHECK_INT(wsgi_server_get(server, info.name, again, sizeof again, &length), WSGI_OK);
        CHECK_STR(again, value);
    }
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

/* The address is refused at the latest when it is needed, and the message names it. */
static void bad_addresses_are_named(void) {
    static const char *const bad[] = {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999",
                                      "127.0.0.1:-1", "127.0.0.1:http", "::1:80", "[::1:80",
                                      ":8070", "192.0.2.1:0"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        wsgi_server *server = NULL;
        wsgi_error *error = NULL;
        wsgi_status status = wsgi_server_new(bad[i], hello, NULL, NULL, &server, &error);
        if (status == WSGI_OK) status = wsgi_server_prepare(server, &error);
        if (status != WSGI_E_BIND && status != WSGI_E_OPTION)
            FAIL("'%s' gave %s", bad[i], wsgi_status_name(status));
        check_error(status, error, bad[i]);
        if (server) CHECK_INT(wsgi_server_free(server), WSGI_OK);
    }
}

static int listening_socket(char address[64]) {
    struct sockaddr_in at = {0};
    socklen_t length = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    CHECK_INT(listen(fd, 1), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&at, &length), 0);
    snprintf(address, 64, "127.0.0.1:%d", ntohs(at.sin_port));
    return fd;
}

static void a_busy_port_is_named_and_can_be_tried_again(void) {
    char address[64];
    wsgi_server *server = NULL;
    wsgi_error *error = NULL;
    int holder = listening_socket(address);
    CHECK_INT(wsgi_server_new(address, hello, NULL, NULL, &server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_start(server, &error), WSGI_E_BIND);
    check_error(WSGI_E_BIND, error, address);
    close(holder);
    host host = start_host(server);
    CHECK_STR(host.address, address);
    expect(host.address, "/", 200, "hello");
    end_host(&host);
}

static void wrong_states_are_errors(void) {
    char buffer[64];
    wsgi_server *server = new_server(hello, NULL);
    wsgi_worker *worker = NULL;
    wsgi_error *error = NULL;
    CHECK_INT(wsgi_server_serve(server, &error), WSGI_E_STATE);
    check_error(WSGI_E_STATE, error, "prepare");
    CHECK_INT(wsgi_server_bound_addr(server, buffer, sizeof buffer, NULL), WSGI_E_STATE);

    host host = start_host(server);
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_E_STATE);
    CHECK_INT(wsgi_server_start(server, NULL), WSGI_E_STATE);
    CHECK_INT(wsgi_server_start_background(server, NULL), WSGI_E_STATE);
    CHECK_INT(wsgi_worker_new(server, &worker, NULL), WSGI_E_STATE); /* it has an application */
    CHECK(worker == NULL);

    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK); /* it is stopped: so be it */
    CHECK_INT(wsgi_server_wait(server), WSGI_OK);
    end_host(&host);
}

static void a_handle_that_never_was_is_gone(void) {
    static const wsgi_request handles[] = {0, 1, 0x123456789abcdefULL, UINT64_MAX};
    host host = new_host(hello, NULL, "1");
    wsgi_environ environ = {0};
    const wsgi_header *trailers = NULL;
    size_t count = 0;
    char buffer[8];
    environ.struct_size = sizeof environ;
    for (size_t i = 0; i < COUNT(handles); i++) {
        wsgi_request handle = handles[i];
        CHECK_INT(wsgi_request_environ(host.server, handle, &environ), WSGI_GONE);
        CHECK_INT(wsgi_request_read(host.server, handle, buffer, sizeof buffer, 0), WSGI_GONE);
        CHECK_INT(wsgi_request_read(host.server, handle, buffer, sizeof buffer, 2), WSGI_E_OPTION);
        CHECK_INT(wsgi_request_readline(host.server, handle, buffer, sizeof buffer), WSGI_GONE);
        CHECK_INT(wsgi_request_trailers(host.server, handle, &trailers, &count), WSGI_GONE);
        CHECK_INT(wsgi_request_detach(host.server, handle), WSGI_GONE);
        CHECK_INT(wsgi_request_aborted(host.server, handle), WSGI_GONE);
        CHECK_INT(wsgi_start_response(host.server, handle, str("200 OK"), NULL, 0, 0), WSGI_GONE);
        CHECK_INT(wsgi_write(host.server, handle, "x", 1, 0), WSGI_GONE);
        CHECK_INT(wsgi_write(host.server, handle, "x", 1, WSGI_NONBLOCK), WSGI_GONE);
        CHECK_INT(wsgi_write(host.server, handle, "x", 1, 2), WSGI_E_OPTION);
        CHECK_INT(wsgi_finish(host.server, handle), WSGI_GONE);
        CHECK_INT(say(host.server, handle, "x"), WSGI_GONE);
        CHECK_INT(wsgi_abort(host.server, handle), WSGI_GONE);
    }
    expect(host.address, "/", 200, "hello");
    end_host(&host);
}

int main(void) {
    static const test tests[] = {
        {"NULL is an error", null_is_an_error},
        {"NULL dispatchers are errors", null_dispatchers_are_errors},
        {"NULL arguments of a server are errors", null_arguments_of_a_server_are_errors},
        {"unknown options are named", unknown_options_are_named},
        {"bad values name the option and what it accepts",
         bad_values_name_the_option_and_what_it_accepts},
        {"option info has bounds as numbers", option_info_has_bounds_as_numbers},
        {"numbers out of range are refused", numbers_out_of_range_are_refused},
        {"each option takes its default", each_option_takes_its_default},
        {"bad addresses are named", bad_addresses_are_named},
        {"a busy port is named and can be tried again",
         a_busy_port_is_named_and_can_be_tried_again},
        {"wrong states are errors", wrong_states_are_errors},
        {"a handle that never was is gone", a_handle_that_never_was_is_gone},
    };
    return run_tests(tests, COUNT(tests));
}
