/* The server under `./dev soak`: the fixture over TCP, a UNIX socket and TLS, in one process that
 * replaces, restarts and changes its servers while clients are there.
 *
 *     soak_host FOLDER [--name VALUE ...]
 *
 * FOLDER holds server.pem and server.key; the UNIX socket is made there. It prints one line
 * `listening on http://127.0.0.1:PORT https://127.0.0.1:PORT unix:PATH`, then obeys its input, one
 * command a line, each answered by `ok` or `failed ...`:
 *
 *     replace    a new server takes each listening socket over, the old one is drained: nothing is lost
 *     restart    each server stops, and starts again on the same socket
 *     reload     certificates are read again
 *     grow N, shrink N
 *     end        all servers stop; the process ends with 0 if nothing was left over
 */
#define _POSIX_C_SOURCE 200809L

#include "../examples/c/applications.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { TCP, TLS, UNIX, KINDS };
/* Clients of an old server have so long to hear that it closes; they are never idle for longer. */
enum { DRAIN_SECONDS = 12 };

typedef struct face {
    int listener; /* stays open for the whole run, each server has a duplicate */
    wsgi_server *server;
} face;

static face faces[KINDS];
static char certificate[512], private_key[512];
static char **options;
static int option_count;

static int open_listeners(const char *folder);
static int start(int kind, wsgi_server **server);
static int begin(int kind, wsgi_server *server, wsgi_error **error);
static int obey(const char *command, size_t number);
static int end(void);

int main(int argc, char **argv) {
    if (argc < 2 || argc % 2) {
        fprintf(stderr, "usage: soak_host FOLDER [--name VALUE ...]\n");
        return 2;
    }
    snprintf(certificate, sizeof certificate, "%s/server.pem", argv[1]);
    snprintf(private_key, sizeof private_key, "%s/server.key", argv[1]);
    options = argv + 2;
    option_count = argc - 2;
    if (open_listeners(argv[1]) < 0) return perror("soak_host: listen"), 1;
    for (int kind = 0; kind < KINDS; kind++)
        if (start(kind, &faces[kind].server) < 0) return 1;

    char address[256];
    const char *schemes[KINDS] = {"http://", "https://", ""};
    printf("listening on");
    for (int kind = 0; kind < KINDS; kind++) {
        wsgi_server_bound_addr(faces[kind].server, address, sizeof address, NULL);
        printf(" %s%s", schemes[kind], address);
    }
    printf("\n");
    fflush(stdout);

    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        char command[32] = "";
        size_t number = 0;
        sscanf(line, "%31s %zu", command, &number);
        if (strcmp(command, "end") == 0) break;
        if (obey(command, number) == 0) printf("ok\n");
        fflush(stdout);
    }
    return end();
}

static int failed(const char *what, wsgi_error *error) {
    printf("failed %s: %s\n", what, error ? wsgi_error_message(error) : "see its status");
    fflush(stdout);
    wsgi_error_free(error);
    return -1;
}

static int listening(int domain, const struct sockaddr *address, socklen_t length) {
    int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, address, length) < 0 || listen(fd, 1024) < 0) return -1;
    return fd;
}

static int open_listeners(const char *folder) {
    struct sockaddr_in loopback = {.sin_family = AF_INET};
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    snprintf(path.sun_path, sizeof path.sun_path, "%s/soak.sock", folder);
    unlink(path.sun_path);
    for (int kind = 0; kind < KINDS; kind++) {
        faces[kind].listener =
            kind == UNIX ? listening(AF_UNIX, (struct sockaddr *)&path, sizeof path)
                         : listening(AF_INET, (struct sockaddr *)&loopback, sizeof loopback);
        if (faces[kind].listener < 0) return -1;
    }
    return 0;
}

static void on_error(void *user_data, int32_t level, uint32_t code, const char *line,
                     size_t length) {
    (void)user_data;
    if (level >= WSGI_LEVEL_ERROR)
        fprintf(stderr, "soak_host: code %u: %.*s\n", (unsigned)code, (int)length, line);
}

static int configure(int kind, wsgi_server *server, wsgi_error **error) {
    wsgi_handlers handlers = {0};
    handlers.struct_size = sizeof handlers;
    handlers.error_log = on_error;
    if (wsgi_server_set_handlers(server, &handlers, NULL, NULL, error) < 0) return -1;
    for (int i = 0; i < option_count; i += 2) {
        char name[64];
        snprintf(name, sizeof name, "%s", options[i] + 2);
        for (char *at = name; *at; at++)
            if (*at == '-') *at = '_';
        if (wsgi_server_set(server, name, options[i + 1], error) < 0) return -1;
    }
    if (kind == TLS && (wsgi_server_set(server, "certificate", certificate, error) < 0 ||
                        wsgi_server_set(server, "private_key", private_key, error) < 0))
        return -1;
    return begin(kind, server, error);
}

/* Each run takes a descriptor of its own. */
static int begin(int kind, wsgi_server *server, wsgi_error **error) {
    int fd = dup(faces[kind].listener);
    if (fd < 0) return -1;
    if (wsgi_server_listen_fd(server, fd, error) < 0) return close(fd), -1;
    return wsgi_server_start_background(server, error) < 0 ? -1 : 0;
}

static int start(int kind, wsgi_server **server) {
    wsgi_error *error = NULL;
    *server = NULL;
    if (wsgi_server_new(NULL, fixture_application.app, NULL, NULL, server, &error) < 0)
        return failed("new", error);
    if (configure(kind, *server, &error) < 0) {
        wsgi_server_free(*server);
        *server = NULL;
        return failed("start", error);
    }
    return 0;
}

/* The old servers drain together, so that three take no longer than one. */
static int replace(void) {
    wsgi_server *old[KINDS];
    int code = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        wsgi_server *new = NULL;
        if (start(kind, &new) < 0) return -1;
        old[kind] = faces[kind].server;
        faces[kind].server = new;
        if (wsgi_server_quiesce(old[kind]) < 0) code = failed("quiesce", NULL);
    }
    struct timespec drain = {.tv_sec = DRAIN_SECONDS};
    while (nanosleep(&drain, &drain) < 0) continue;
    for (int kind = 0; kind < KINDS; kind++) {
        uint32_t cut = 0;
        if (wsgi_server_stop(old[kind], &cut) < 0 || cut > 0) code = failed("stop", NULL);
        if (wsgi_server_free(old[kind]) < 0) code = failed("free", NULL);
    }
    return code;
}

static int restart(void) {
    for (int kind = 0; kind < KINDS; kind++) {
        wsgi_error *error = NULL;
        if (wsgi_server_stop(faces[kind].server, NULL) < 0) return failed("stop", NULL);
        if (begin(kind, faces[kind].server, &error) < 0) return failed("start again", error);
    }
    return 0;
}

static int obey(const char *command, size_t number) {
    if (strcmp(command, "replace") == 0) return replace();
    if (strcmp(command, "restart") == 0) return restart();
    for (int kind = 0; kind < KINDS; kind++) {
        wsgi_server *server = faces[kind].server;
        wsgi_error *error = NULL;
        wsgi_status status = WSGI_OK;
        if (strcmp(command, "reload") == 0) {
            if (kind == TLS) status = wsgi_server_reload_ssl(server, &error);
        } else if (strcmp(command, "grow") == 0) {
            status = wsgi_server_grow(server, number, NULL);
        } else if (strcmp(command, "shrink") == 0) {
            status = wsgi_server_shrink(server, number, NULL);
        } else {
            return failed("no such command", NULL);
        }
        if (status < 0) return failed(command, error);
    }
    return 0;
}

static int end(void) {
    int code = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        uint32_t cut = 0;
        wsgi_status status = wsgi_server_stop(faces[kind].server, &cut);
        if (status < 0 || cut > 0) code = 1;
        if (wsgi_server_free(faces[kind].server) < 0) code = 1;
        close(faces[kind].listener);
    }
    fixture_application.finish();
    return code;
}
