/* Ctrl-C and SIGTERM end a program's server once its requests are answered. The library installs
 * no signal handlers by itself. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <wsgiserver.h>

#include <signal.h>

static wsgi_server *stopped_by_signals;

/* This one call of the library is safe inside a handler. */
static inline void on_signal(int number) {
    (void)number;
    wsgi_server_signal_stop(stopped_by_signals);
}

static inline void handle_signals(void (*handler)(int)) {
    struct sigaction action = {0};
    action.sa_handler = handler;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static inline void stop_on_signals(wsgi_server *server) {
    stopped_by_signals = server;
    handle_signals(on_signal);
}

/* A second Ctrl-C may come at any time, and no handler may use a server that is freed. */
static inline wsgi_status free_without_signals(wsgi_server *server) {
    handle_signals(SIG_IGN);
    return wsgi_server_free(server);
}

#endif
