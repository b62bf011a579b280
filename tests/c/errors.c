/* Options and addresses that cannot be, and what is said of them; misuse*.c have the rest. */
#include "client.h"
#include "host.h"

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

int main(void) {
    static const test tests[] = {
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
    };
    return run_tests(tests, COUNT(tests));
}
