/* An application with a status page beside it, which shows what the server does.
 *
 *     status [--port N]
 *
 * Open http://127.0.0.1:8070/status while something asks for http://127.0.0.1:8070/. Prometheus finds
 * the same numbers at /status?format=prometheus.
 */
#define _POSIX_C_SOURCE 200809L

#include "applications.h"
#include "run.h"

#include <string.h>

static int32_t hello(void *user_data, wsgi_request request, const wsgi_environ *environ,
                     const wsgi_responder *responder) {
    wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    (void)user_data, (void)request, (void)environ;
    wsgi_status result =
        responder->start_response(responder->context, text("200 OK"), &type, 1, 0);
    if (result < 0) return result;
    return responder->write(responder->context, "Hello world!\n", 13);
}

/* The page is an application like any other, and could stand behind one that asks for a password.
 * Without user data it tells of the server that it is mounted on. */
static wsgi_status mount(wsgi_path_info_dispatcher *applications, wsgi_error **error) {
    wsgi_status status =
        wsgi_path_info_dispatcher_add(applications, "/", hello, NULL, NULL, error);
    if (status < 0) return status;
    return wsgi_path_info_dispatcher_add(applications, "/status", wsgi_status_page, NULL, NULL,
                                         error);
}

int main(int argc, char **argv) {
    wsgi_path_info_dispatcher *applications = NULL;
    wsgi_error *error = NULL;
    char address[64];
    int port_given = argc == 3 && strcmp(argv[1], "--port") == 0;
    if (argc != 1 && !port_given) {
        fprintf(stderr, "usage: status [--port N]\n");
        return 2;
    }
    snprintf(address, sizeof address, "127.0.0.1:%s", port_given ? argv[2] : "8070");
    if (wsgi_path_info_dispatcher_new(&applications) < 0) return 1;
    if (mount(applications, &error) < 0) {
        wsgi_path_info_dispatcher_free(applications);
        return give_up("status", error);
    }
    /* From here on the dispatcher is the server's. */
    if (wsgi_server_new(address, wsgi_path_info_dispatcher_app, applications,
                        wsgi_path_info_dispatcher_free, &running, &error) < 0 ||
        wsgi_server_set(running, "statistics", "on", &error) < 0 ||
        wsgi_server_prepare(running, &error) < 0)
        return give_up("status", error);
    stop_on_signals(running);
    wsgi_server_bound_addr(running, address, sizeof address, NULL);
    printf("Serving on http://%s/status\n", address);
    fflush(stdout);
    if (wsgi_server_serve(running, &error) < 0) return give_up("status", error);
    return free_without_signals(running) < 0;
}
