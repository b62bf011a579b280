/* The server inside the program's own loop, on one thread: an alarm clock of the program's, what is
 * typed, and the server's requests are waited for together. With numthreads 0 the application is
 * called by wsgi_server_tick and by nobody else, so it needs no locks.
 *
 *     loop [--port N]
 *
 * GET / tells how often the clock has ticked. The end of the standard input, SIGINT or SIGTERM ends
 * it. */
#define _GNU_SOURCE

#define _POSIX_C_SOURCE 200809L

#include "signals.h"

#include <wsgiserver.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { TENTH_OF_A_SECOND = 100 * 1000 * 1000 };

static wsgi_server *server;
static unsigned long clock_ticks, calls;

static int32_t tell(void *user_data, wsgi_request request, const wsgi_environ *environ,
                    const wsgi_responder *responder) {
    static const wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    wsgi_str status = {"200 OK", 6};
    char body[80];
    (void)user_data, (void)responder;
    calls++;
    int length = snprintf(body, sizeof body, "%lu ticks of the clock, %lu calls\n", clock_ticks, calls);
    return wsgi_respond(environ->server, request, status, &type, 1, body, (size_t)length);
}

static int give_up(const char *what) {
    fprintf(stderr, "loop: %s\n", what);
    return 1;
}

static int start_clock(void) {
    struct itimerspec every = {{0, TENTH_OF_A_SECOND}, {0, TENTH_OF_A_SECOND}};
    int clock = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (clock >= 0 && timerfd_settime(clock, 0, &every, NULL) < 0) return -1;
    return clock;
}

static void count_clock_ticks(int clock) {
    uint64_t count;
    if (read(clock, &count, sizeof count) == sizeof count) clock_ticks += count;
}

/* Until the server has stopped: what wsgi_server_tick said at the end. */
static int32_t run(int clock, int requests) {
    enum { REQUESTS, CLOCK, INPUT };
    struct pollfd wanted[] = {{requests, POLLIN, 0}, {clock, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    for (;;) {
        int32_t answered = wsgi_server_tick(server, 0);
        if (answered < 0) return answered;
        if (answered > 0) continue;
        if (poll(wanted, 3, -1) < 0 && errno != EINTR) return WSGI_E_SYSTEM;
        if (wanted[CLOCK].revents) count_clock_ticks(clock);
        if (wanted[INPUT].revents) {
            char line[256];
            if (read(STDIN_FILENO, line, sizeof line) <= 0) {
                wsgi_server_signal_stop(server);
                wanted[INPUT].fd = -1;
            }
        }
    }
}

int main(int argc, char **argv) {
    const char *port = "8070";
    char address[64];
    wsgi_error *error = NULL;
    int32_t requests = -1;
    if (argc == 3 && strcmp(argv[1], "--port") == 0) port = argv[2];
    else if (argc != 1) return give_up("usage: loop [--port N]"), 2;

    snprintf(address, sizeof address, "127.0.0.1:%s", port);
    if (wsgi_server_new(address, tell, NULL, NULL, &server, &error) < 0 ||
        wsgi_server_set(server, "numthreads", "0", &error) < 0 ||
        wsgi_server_prepare(server, &error) < 0) {
        give_up(wsgi_error_message(error));
        wsgi_error_free(error);
        return free_without_signals(server), 1;
    }
    stop_on_signals(server);
    int clock = start_clock();
    if (clock < 0) return give_up(strerror(errno));
    if (wsgi_server_event_fd(server, &requests) < 0) return give_up("no descriptor to wait for");
    wsgi_server_bound_addr(server, address, sizeof address, NULL);
    printf("Serving on http://%s/\n", address);
    fflush(stdout);

    int32_t end = run(clock, requests);
    close(clock);
    if (free_without_signals(server) < 0) return give_up("the server is still in use");
    return end == WSGI_E_STOPPING ? 0 : give_up(wsgi_status_name(end));
}
