/* The example that every reader of the original knows: one application, ten threads, port 8070.
 *
 *     demo [--port N]
 */
#define _POSIX_C_SOURCE 200809L

#include "signals.h"

#include <wsgiserver.h>

#include <stdio.h>
#include <string.h>

static wsgi_server *server;

/* An application gets the request as `environ` (key and value pairs) and answers through the
 * responder: first the status and the headers, then the body in as many pieces as it likes. It may
 * run on several threads at once, and it may block: the other threads go on serving. */
static int32_t my_crazy_app(void *user_data, wsgi_request request, const wsgi_environ *environ,
                            const wsgi_responder *responder) {
    static const char body[] = "Hello world!";
    wsgi_str status = {"200 OK", 6};
    wsgi_header headers[] = {{{"Content-type", 12}, {"text/plain", 10}}};
    (void)user_data, (void)request, (void)environ;

    wsgi_status result = responder->start_response(responder->context, status, headers, 1, 0);
    if (result < 0) return result; /* a negative value makes the server answer 500 */
    result = responder->write(responder->context, body, sizeof body - 1);
    return result < 0 ? result : WSGI_DONE;
}

static int fail(const char *address, wsgi_error *error) {
    fprintf(stderr, "demo: cannot serve on %s: %s%s\n", address, wsgi_error_message(error),
            wsgi_error_status(error) == WSGI_E_BIND ? " (another port: --port N)" : "");
    wsgi_error_free(error);
    free_without_signals(server);
    return 1;
}

int main(int argc, char **argv) {
    wsgi_error *error = NULL;
    char address[64];
    int port_given = argc == 3 && strcmp(argv[1], "--port") == 0;
    if (argc != 1 && !port_given) {
        fprintf(stderr, "usage: demo [--port N]\n");
        return 2;
    }
    snprintf(address, sizeof address, "127.0.0.1:%s", port_given ? argv[2] : "8070");

    /* No user data here, so nothing to free with it. Options have names: try "numthreads". */
    if (wsgi_server_new(address, my_crazy_app, NULL, NULL, &server, &error) < 0 ||
        wsgi_server_set(server, "numthreads", "10", &error) < 0)
        return fail(address, error);
    stop_on_signals(server);

    /* `prepare` binds the port and starts the threads; `serve` accepts until it is stopped. */
    if (wsgi_server_prepare(server, &error) < 0) return fail(address, error);
    wsgi_server_bound_addr(server, address, sizeof address, NULL);
    printf("Serving on http://%s/ with 10 threads. Now type, in another terminal:\n\n"
           "    curl -i http://%s/\n\nCtrl-C stops the server.\n",
           address, address);
    fflush(stdout);
    if (wsgi_server_serve(server, &error) < 0) return fail(address, error);
    return free_without_signals(server) < 0;
}
