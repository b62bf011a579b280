/* Hello over HTTPS.
 *
 *     tls [--port N] [--folder DIR]
 *
 * The certificate is DIR/server.pem and its key DIR/server.key. If they are not there they are made
 * on the spot, by the openssl command, for localhost. SIGHUP reads them again, while clients are
 * served; a pair that is not in order is told on stderr, and the old one stays. */
#define _POSIX_C_SOURCE 200809L

#include "certificates.h"
#include "run.h"

#define STR(text) {text, sizeof text - 1}

static int32_t hello(void *user_data, wsgi_request request, const wsgi_environ *environ,
                     const wsgi_responder *responder) {
    wsgi_header headers[] = {{STR("Content-Type"), STR("text/plain")}};
    wsgi_str status = STR("200 OK");
    char body[128];
    (void)user_data, (void)request;
    int length = 0;
    for (size_t i = 0; i < environ->count; i++)
        if (strcmp(environ->pairs[i].key.ptr, "SSL_PROTOCOL") == 0)
            length = snprintf(body, sizeof body, "Hello over %s!\n", environ->pairs[i].value.ptr);
    responder->start_response(responder->context, status, headers, 1, 0);
    return responder->write(responder->context, body, (size_t)length);
}

/* Ends with SIGINT or SIGTERM. */
static int serve(const char *folder) {
    wsgi_error *error = NULL;
    sigset_t signals;
    int number = 0;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (wsgi_server_start_background(running, &error) < 0) return give_up("tls", error);
    char address[64];
    wsgi_server_bound_addr(running, address, sizeof address, NULL);
    printf("Serving on https://localhost:%s/\n"
           "    curl --cacert %s/server.pem https://localhost:%s/\n",
           strrchr(address, ':') + 1, folder, strrchr(address, ':') + 1);
    fflush(stdout);
    while (sigwait(&signals, &number) == 0 && number == SIGHUP) {
        int failed = wsgi_server_reload_ssl(running, &error) < 0;
        if (failed) fprintf(stderr, "tls: %s\n", wsgi_error_message(error));
        wsgi_error_free(error);
        error = NULL;
        printf(failed ? "The certificate stays as it was\n" : "The certificate was read again\n");
        fflush(stdout);
    }
    wsgi_server_stop(running, NULL);
    return wsgi_server_free(running) < 0;
}

/* Makes the files if they are not there, and a server that has them. Anything but 0: it failed, and the
   reason was said. */
static int configure(const char *address, const char *folder, const char *certificate,
                     const char *key) {
    wsgi_error *error = NULL;
    if (access(certificate, R_OK) != 0 && access(key, R_OK) != 0 &&
        make_own_certificate(folder, "server") != 0)
        return fprintf(stderr, "tls: openssl could not make a certificate in %s\n", folder);
    if (wsgi_server_new(address, hello, NULL, NULL, &running, &error) < 0 ||
        wsgi_server_set(running, "certificate", certificate, &error) < 0 ||
        wsgi_server_set(running, "private_key", key, &error) < 0)
        return give_up("tls", error);
    return 0;
}

int main(int argc, char **argv) {
    const char *port = "8443", *folder = ".";
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--port") == 0) port = argv[i + 1];
        else if (i + 1 < argc && strcmp(argv[i], "--folder") == 0) folder = argv[i + 1];
        else return fprintf(stderr, "usage: tls [--port N] [--folder DIR]\n"), 2;
    }
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%s", port);
    char *certificate = file_in(folder, "server", "pem"), *key = file_in(folder, "server", "key");
    int failed = !certificate || !key || configure(address, folder, certificate, key) != 0;
    free(certificate);
    free(key);
    return failed ? 1 : serve(folder);
}
