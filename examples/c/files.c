/* Serves a folder, so that a browser can look at it.
 *
 *     files FOLDER [--port N] [--by-hand]
 *
 * GET and HEAD; index.html or a list for a folder; a part of a file (Range), and nothing for a
 * client that has it already (ETag, If-Modified-Since). `--by-hand` follows names without the
 * kernel's help, as on systems that lack openat2: safe as well, but no symbolic link is followed. */
#define _GNU_SOURCE

#define _POSIX_C_SOURCE 200809L

#include "files.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FAILED = 1, USAGE = 2 };

static wsgi_server *server;
static folder served = {-1, 0};

static int usage(void) {
    fprintf(stderr, "usage: files FOLDER [--port N] [--by-hand]\n");
    return USAGE;
}

static int fail(const char *address, wsgi_error *error) {
    fprintf(stderr, "files: cannot serve on %s: %s\n", address, wsgi_error_message(error));
    wsgi_error_free(error);
    free_without_signals(server);
    return FAILED;
}

int main(int argc, char **argv) {
    const char *name = NULL, *port = "8070";
    char address[64];
    wsgi_error *error = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--by-hand") == 0)
            served.by_hand = 1;
        else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc)
            port = argv[++i];
        else if (argv[i][0] != '-' && name == NULL)
            name = argv[i];
        else
            return usage();
    }
    if (name == NULL) return usage();
    served.fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (served.fd < 0) {
        fprintf(stderr, "files: cannot open the folder %s: %s\n", name, strerror(errno));
        return FAILED;
    }

    snprintf(address, sizeof address, "127.0.0.1:%.5s", port);
    if (wsgi_server_new(address, serve_files, &served, NULL, &server, &error) < 0)
        return fail(address, error);
    stop_on_signals(server);
    if (wsgi_server_prepare(server, &error) < 0) return fail(address, error);
    wsgi_server_bound_addr(server, address, sizeof address, NULL);
    printf("listening on http://%s/\n", address);
    fflush(stdout);
    if (wsgi_server_serve(server, &error) < 0) return fail(address, error);
    wsgi_status status = free_without_signals(server);
    close(served.fd);
    return status < 0 ? FAILED : 0;
}
