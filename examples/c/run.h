/* What every small server does: serve one application on 127.0.0.1 until Ctrl-C or SIGTERM. */
#ifndef RUN_H
#define RUN_H

#include "signals.h"

#include <wsgiserver.h>

#include <stdio.h>

static wsgi_server *running;

/* Files; with them it is HTTPS. */
static const char *certificate, *private_key;

/* What cannot be is said in one line, which names the address, the option or the prefix. */
static int give_up(const char *program, wsgi_error *error) {
    fprintf(stderr, "%s: %s\n", program, wsgi_error_message(error));
    wsgi_error_free(error);
    free_without_signals(running);
    return 1;
}

/* Serves to the end; gives the program's exit code. The server frees user_data when it is done. */
static inline int run(const char *program, const char *port, wsgi_app_fn app, void *user_data,
               wsgi_free_fn free_user_data) {
    wsgi_error *error = NULL;
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%s", port);
    if (wsgi_server_new(address, app, user_data, free_user_data, &running, &error) < 0 ||
        (certificate && wsgi_server_set(running, "certificate", certificate, &error) < 0) ||
        (private_key && wsgi_server_set(running, "private_key", private_key, &error) < 0) ||
        wsgi_server_prepare(running, &error) < 0)
        return give_up(program, error);
    stop_on_signals(running);
    wsgi_server_bound_addr(running, address, sizeof address, NULL);
    printf("Serving on http%s://%s/\n", certificate ? "s" : "", address);
    fflush(stdout);
    if (wsgi_server_serve(running, &error) < 0) return give_up(program, error);
    return free_without_signals(running) < 0;
}

#endif
