/* Starts one of the example applications on 127.0.0.1.
 *
 *     serve APPLICATION PORT [--bind ADDR ...] [--name VALUE ...]
 *
 * Port 0 takes a free one. `--bind ADDR` listens there instead (`[::]:80`, `unix:/path`, `@name`),
 * and on each further one that is given. `--name VALUE` sets the server's option of that name (dashes stand for
 * underscores); `--threads` is short for `--numthreads`. It prints `listening on URL` for each
 * address once it accepts, and ends with 0 when SIGTERM or SIGINT has stopped it and its requests are answered.
 * What it does not know makes it exit with 2 and say what it does know. */
#define _POSIX_C_SOURCE 200809L

#include "applications.h"
#include "signals.h"

#include <stdio.h>
#include <stdlib.h>

enum { FAILED = 1, USAGE = 2 };

static const application *const applications[] = {&hello_application, &fixture_application};
static const size_t application_count = sizeof applications / sizeof *applications;

static wsgi_server *server;

static void on_error(void *user_data, int32_t level, uint32_t code, const char *text,
                     size_t length);
static int configure(int argc, char **argv);
static int run(const application *chosen);
static const application *application_named(const char *name);
static int valid_port(const char *port);
static int report(wsgi_error *error, int code);

int main(int argc, char **argv) {
    const application *chosen = argc > 1 ? application_named(argv[1]) : NULL;
    if (chosen == NULL) {
        if (argc > 1) fprintf(stderr, "serve: unknown application '%s'\n", argv[1]);
        fprintf(stderr, "usage: serve APPLICATION PORT [--bind ADDR ...] [--name VALUE ...]\napplications:\n");
        for (size_t i = 0; i < application_count; i++)
            fprintf(stderr, "  %-10s %s\n", applications[i]->name, applications[i]->help);
        return USAGE;
    }
    if (argc < 3 || !valid_port(argv[2])) {
        fprintf(stderr, "serve: the port is a number from 0 to 65535\n");
        return USAGE;
    }

    char address[32];
    wsgi_error *error = NULL;
    snprintf(address, sizeof address, "127.0.0.1:%s", argv[2]);
    if (wsgi_server_new(address, chosen->app, NULL, NULL, &server, &error) < 0)
        return report(error, FAILED);
    /* the library itself prints nothing */
    wsgi_handlers handlers = {0};
    handlers.struct_size = sizeof handlers;
    handlers.error_log = on_error;
    if (wsgi_server_set_handlers(server, &handlers, NULL, NULL, &error) < 0)
        return report(error, FAILED);
    int code = configure(argc - 3, argv + 3);
    if (code == 0) code = run(chosen);
    if (free_without_signals(server) < 0 && code == 0) code = FAILED;
    return code;
}

static void on_error(void *user_data, int32_t level, uint32_t code, const char *text,
                     size_t length) {
    (void)user_data;
    fprintf(stderr, "serve: level %d, code %u: %.*s\n", (int)level, (unsigned)code, (int)length, text);
}

static void list_options(void) {
    wsgi_option_info info = {0};
    info.struct_size = sizeof info;
    fprintf(stderr, "options (--threads is numthreads):\n");
    for (size_t i = 0; i < wsgi_server_option_count(); i++) {
        if (wsgi_server_option_info(i, &info) < 0) continue;
        fprintf(stderr, "  %-24s %s (default: %s)\n", info.name, info.help, info.default_value);
    }
}

/* The option's name for a command line argument: "--max-threads" is "max_threads". */
static int option_name(const char *argument, char *name, size_t capacity) {
    if (strncmp(argument, "--", 2) != 0 || argument[2] == '\0') return 0;
    if (strcmp(argument, "--threads") == 0) argument = "--numthreads";
    if (strlen(argument + 2) >= capacity) return 0;
    strcpy(name, argument + 2);
    for (char *at = name; *at; at++)
        if (*at == '-') *at = '_';
    return 1;
}

/* The first address takes the place of 127.0.0.1:PORT, the others come beside it. */
static wsgi_status listen_on(const char *address, wsgi_error **error) {
    static int given;
    return given++ ? wsgi_server_listen(server, address, error)
                   : wsgi_server_set(server, "bind_addr", address, error);
}

static int configure(int argc, char **argv) {
    for (int i = 0; i < argc; i += 2) {
        char name[64];
        wsgi_error *error = NULL;
        if (!option_name(argv[i], name, sizeof name)) {
            fprintf(stderr, "serve: unknown argument '%s'\n", argv[i]);
            list_options();
            return USAGE;
        }
        if (i + 1 == argc) {
            fprintf(stderr, "serve: %s needs a value\n", argv[i]);
            return USAGE;
        }
        if (strcmp(name, "bind") == 0) {
            if (listen_on(argv[i + 1], &error) < 0) return report(error, USAGE);
        } else if (wsgi_server_set(server, name, argv[i + 1], &error) < 0) {
            report(error, USAGE);
            list_options();
            return USAGE;
        }
    }
    return 0;
}

/* A UNIX socket has no URL: its address says what it is. */
static void print_addresses(void) {
    char address[256], certificate[256];
    /* What does not fit is there all the same. */
    size_t length = 0;
    wsgi_server_get(server, "certificate", certificate, sizeof certificate, &length);
    for (size_t i = 0; i < wsgi_server_listener_count(server); i++) {
        if (wsgi_server_bound_addr_at(server, i, address, sizeof address, NULL) < 0) continue;
        int is_unix = address[0] == '@' || strncmp(address, "unix:", 5) == 0;
        printf("listening on %s%s\n", is_unix ? "" : length > 0 ? "https://" : "http://", address);
    }
    fflush(stdout);
}

static int run(const application *chosen) {
    wsgi_error *error = NULL;
    stop_on_signals(server);
    if (wsgi_server_start_background(server, &error) < 0) return report(error, FAILED);
    print_addresses();

    wsgi_status status = wsgi_server_wait(server);
    if (chosen->finish) chosen->finish();
    /* an application that asks for the end (WSGI_INTERRUPT) gets a normal one */
    return status < 0 && status != WSGI_E_INTERRUPTED ? FAILED : 0;
}

static const application *application_named(const char *name) {
    for (size_t i = 0; i < application_count; i++)
        if (strcmp(applications[i]->name, name) == 0) return applications[i];
    return NULL;
}

static int valid_port(const char *port) {
    size_t digits = strspn(port, "0123456789");
    return digits > 0 && digits <= 5 && port[digits] == '\0' && atoi(port) <= 65535;
}

static int report(wsgi_error *error, int code) {
    fprintf(stderr, "serve: %s\n", wsgi_error_message(error));
    wsgi_error_free(error);
    return code;
}
