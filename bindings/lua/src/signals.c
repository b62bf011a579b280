#define _POSIX_C_SOURCE 200809L
#include "signals.h"

#include <signal.h>
#include <stddef.h>

enum { MOST = 16 };

/* Handlers know nothing but what is global. Slots are changed under the lock, with the signals
 * blocked on this thread; a handler on another thread sees an old or a new pointer, and a server is
 * only closed after its slot was emptied. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static shared *volatile servers[MOST];
static int count;
static const int numbers[] = {SIGINT, SIGTERM};
static struct sigaction before[2];

static void on_signal(int number) {
    (void)number;
    for (int i = 0; i < MOST; i++) {
        shared *server = servers[i];
        if (server == NULL) continue;
        wsgi_server_signal_stop(server->handle);
        mailbox_ring(&server->mailbox);
    }
}

static void change_handlers(int install) {
    struct sigaction ours;
    sigemptyset(&ours.sa_mask);
    ours.sa_handler = on_signal;
    ours.sa_flags = 0;
    for (int i = 0; i < 2; i++)
        if (install)
            sigaction(numbers[i], &ours, &before[i]);
        else
            sigaction(numbers[i], &before[i], NULL);
}

static int put(shared *old, shared *new) {
    sigset_t blocked, previous;
    int done = -1;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &previous);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MOST && done != 0; i++) {
        if (servers[i] != old) continue;
        servers[i] = new;
        done = 0;
        if (new != NULL && count++ == 0) change_handlers(1);
        if (new == NULL && --count == 0) change_handlers(0);
    }
    pthread_mutex_unlock(&lock);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    return done;
}

int signals_take(shared *server) {
    if (server->has_signals) return 0;
    server->has_signals = put(NULL, server) == 0;
    return server->has_signals ? 0 : -1;
}

void signals_release(shared *server) {
    if (server->has_signals) put(server, NULL);
    server->has_signals = 0;
}
