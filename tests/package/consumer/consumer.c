/* Starts and stops a server; exits with 0 if all went well. */
#include <wsgiserver.h>

#include <stdio.h>

static int32_t application(void *user_data, wsgi_request request, const wsgi_environ *environ,
                           const wsgi_responder *responder) {
    wsgi_str status = {"204 No Content", 14};
    (void)user_data, (void)responder;
    return wsgi_respond(environ->server, request, status, NULL, 0, NULL, 0);
}

int main(void) {
    wsgi_server *server = NULL;
    wsgi_error *error = NULL;
    char address[64];
    if (wsgi_server_new("127.0.0.1:0", application, NULL, NULL, &server, &error) < 0 ||
        wsgi_server_start_background(server, &error) < 0) {
        fprintf(stderr, "consumer: %s\n", wsgi_error_message(error));
        return 1;
    }
    if (wsgi_server_bound_addr(server, address, sizeof address, NULL) < 0) return 1;
    printf("wsgiserver %s on %s\n", wsgi_version(), address);
    if (wsgi_server_stop(server, NULL) < 0) return 1;
    return wsgi_server_free(server) < 0;
}
