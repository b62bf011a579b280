/* Answers without WSGI: the handler `gateway` gets the bare request, and no environ is made for it.
 * For what needs no header of the request this is the shortest way.
 *
 *     gateway [--port N]
 */
#define _POSIX_C_SOURCE 200809L

#include "signals.h"

#include <wsgiserver.h>

#include <stdio.h>
#include <string.h>

static wsgi_server *running;
static long answered;

/* Called on worker threads, several at once. What it returns is what an application returns. */
static int32_t count(void *user_data, void *thread_data, wsgi_server *server,
                     wsgi_request request) {
    (void)thread_data;
    wsgi_str status = {"200 OK", 6};
    wsgi_header headers[] = {{{"Content-Type", 12}, {"text/plain", 10}}};
    char body[64];
    long number = __atomic_add_fetch((long *)user_data, 1, __ATOMIC_RELAXED);
    int length = snprintf(body, sizeof body, "You are number %ld\n", number);
    return wsgi_respond(server, request, status, headers, 1, body, (size_t)length);
}

static int fail(wsgi_error *error) {
    fprintf(stderr, "gateway: %s\n", wsgi_error_message(error));
    wsgi_error_free(error);
    free_without_signals(running);
    return 1;
}

int main(int argc, char **argv) {
    int port_given = argc == 3 && strcmp(argv[1], "--port") == 0;
    if (argc != 1 && !port_given) {
        fprintf(stderr, "usage: gateway [--port N]\n");
        return 2;
    }
    wsgi_error *error = NULL;
    wsgi_handlers handlers = {0};
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%s", port_given ? argv[2] : "8070");
    handlers.struct_size = sizeof handlers; /* tells the library which version this was built for */
    handlers.gateway = count;
    /* No application: the gateway takes its place. */
    if (wsgi_server_new(address, NULL, NULL, NULL, &running, &error) < 0 ||
        wsgi_server_set_handlers(running, &handlers, &answered, NULL, &error) < 0 ||
        wsgi_server_prepare(running, &error) < 0)
        return fail(error);
    stop_on_signals(running);
    wsgi_server_bound_addr(running, address, sizeof address, NULL);
    printf("Counting visitors on http://%s/\n", address);
    fflush(stdout);
    if (wsgi_server_serve(running, &error) < 0) return fail(error);
    return free_without_signals(running) < 0;
}
