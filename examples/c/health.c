/* A health check that turns unready before the server stops, so that whoever spreads the clients
 * (a load balancer, Kubernetes) sends no more of them in time.
 *
 *     health [--port N] [--grace SECONDS]
 *
 * SIGTERM or Ctrl-C: /health answers 503 from then on and everything else is served as before, for
 * so many seconds (5). Then the server stops, and tells how many requests it had to cut.
 */
#define _POSIX_C_SOURCE 200809L

#include <wsgiserver.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STR(text) { text, sizeof text - 1 }

static wsgi_server *server;
static int leaving;

static int32_t answer(void *user_data, wsgi_request request, const wsgi_environ *environ,
                      const wsgi_responder *responder) {
    (void)user_data, (void)environ;
    wsgi_str ready = STR("200 OK"), unready = STR("503 Service Unavailable"), path;
    wsgi_header headers[] = {{STR("Content-Type"), STR("text/plain")}};
    wsgi_status status = wsgi_request_get(server, request, WSGI_KEY_PATH_INFO, &path);
    if (status < 0) return status;
    int is_health = path.len == 7 && memcmp(path.ptr, "/health", 7) == 0;
    /* wsgi_server_ready is no longer true once the server stops or takes no more connections. */
    int is_ready = !__atomic_load_n(&leaving, __ATOMIC_RELAXED) && wsgi_server_ready(server);
    int is_bad = is_health && !is_ready;
    responder->start_response(responder->context, is_bad ? unready : ready, headers, 1, 0);
    return is_bad ? responder->write(responder->context, "leaving\n", 8)
                  : responder->write(responder->context, "ready\n", 6);
}

static int fail(wsgi_error *error) {
    fprintf(stderr, "health: %s\n", wsgi_error_message(error));
    wsgi_error_free(error);
    wsgi_server_free(server);
    return 1;
}

int main(int argc, char **argv) {
    const char *port = "8070";
    int grace = 5, signal_number;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--port") == 0) {
            port = argv[i + 1];
        } else if (i + 1 < argc && strcmp(argv[i], "--grace") == 0) {
            grace = atoi(argv[i + 1]);
        } else {
            fprintf(stderr, "usage: health [--port N] [--grace SECONDS]\n");
            return 2;
        }
    }
    wsgi_error *error = NULL;
    char address[64];
    sigset_t signals;
    /* Before any thread is made: this one alone gets them, when it asks. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    snprintf(address, sizeof address, "127.0.0.1:%s", port);
    if (wsgi_server_new(address, answer, NULL, NULL, &server, &error) < 0 ||
        /* Connections that are kept may bring one more request each, whose answer ends them. */
        wsgi_server_set(server, "quiesce_timeout", "2", &error) < 0 ||
        wsgi_server_start_background(server, &error) < 0)
        return fail(error);
    wsgi_server_bound_addr(server, address, sizeof address, NULL);
    printf("Look at http://%s/health\n", address);
    fflush(stdout);

    sigwait(&signals, &signal_number);
    __atomic_store_n(&leaving, 1, __ATOMIC_RELAXED);
    printf("Leaving in %d s\n", grace);
    fflush(stdout);
    struct timespec wait = {grace, 0};
    nanosleep(&wait, NULL);
    uint32_t cut = 0;
    wsgi_server_stop(server, &cut);
    printf("%u requests were cut\n", (unsigned)cut);
    return wsgi_server_free(server) < 0;
}
