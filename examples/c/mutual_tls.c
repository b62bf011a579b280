/* Only clients with a certificate of our authority's are let in; each is told who it is.
 *
 *     mutual_tls [--port N] [--folder DIR]
 *
 * DIR gets an authority (ca.pem), the server's certificate (server.pem) and one for a client
 * (client.pem), with their keys, if ca.pem is not there. */
#define _POSIX_C_SOURCE 200809L

#include "certificates.h"
#include "run.h"

#define STR(text) {text, sizeof text - 1}

/* The client's name as the certificate has it, and how many days that is good for. */
static int32_t who(void *user_data, wsgi_request request, const wsgi_environ *environ,
                   const wsgi_responder *responder) {
    wsgi_header headers[] = {{STR("Content-Type"), STR("text/plain; charset=utf-8")}};
    wsgi_str status = STR("200 OK");
    (void)user_data, (void)request;
    wsgi_status done = responder->start_response(responder->context, status, headers, 1, 0);
    for (size_t i = 0; i < environ->count && done == WSGI_OK; i++) {
        const wsgi_pair *pair = &environ->pairs[i];
        const char *key = pair->key.ptr;
        if (strcmp(key, "SSL_CLIENT_S_DN") != 0 && strcmp(key, "SSL_CLIENT_V_REMAIN") != 0) continue;
        done = responder->write(responder->context, pair->value.ptr, pair->value.len);
        if (done == WSGI_OK) done = responder->write(responder->context, "\n", 1);
    }
    return done;
}

static int make_all(const char *folder) {
    return in_folder(folder, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
                             "-nodes -days 2 -subj '/O=Example/CN=Example Authority' "
                             "-keyout ca.key -out ca.pem") ||
           make_certificate(folder, "ca", "server", "/CN=localhost",
                            "DNS:localhost,IP:127.0.0.1") ||
           make_certificate(folder, "ca", "client", "/O=Example/CN=Somebody",
                            "email:somebody@example.test");
}

/* A handshake that fails is one line. */
static void error_log(void *user_data, int32_t level, uint32_t code, const char *text,
                      size_t length) {
    (void)user_data, (void)level, (void)code;
    fprintf(stderr, "mutual_tls: %.*s\n", (int)length, text);
}

static int configure(const char *folder, wsgi_error **error) {
    static const char *const files[][3] = {{"certificate", "server", "pem"},
                                           {"private_key", "server", "key"},
                                           {"client_ca", "ca", "pem"}};
    wsgi_handlers handlers = {0};
    handlers.struct_size = sizeof handlers;
    handlers.error_log = error_log;
    wsgi_status status = wsgi_server_set_handlers(running, &handlers, NULL, NULL, error);
    for (int i = 0; i < 3 && status == WSGI_OK; i++) {
        char *file = file_in(folder, files[i][1], files[i][2]);
        status = wsgi_server_set(running, files[i][0], file ? file : "", error);
        free(file);
    }
    return status < 0 || wsgi_server_set(running, "client_auth", "required", error) < 0;
}

int main(int argc, char **argv) {
    const char *port = "8443", *folder = ".";
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--port") == 0) port = argv[i + 1];
        else if (i + 1 < argc && strcmp(argv[i], "--folder") == 0) folder = argv[i + 1];
        else return fprintf(stderr, "usage: mutual_tls [--port N] [--folder DIR]\n"), 2;
    }
    char *authority = file_in(folder, "ca", "pem");
    int failed = authority == NULL || (access(authority, R_OK) != 0 && make_all(folder) != 0);
    free(authority);
    if (failed)
        return fprintf(stderr, "mutual_tls: openssl could not make certificates in %s\n", folder), 1;

    char address[64];
    wsgi_error *error = NULL;
    snprintf(address, sizeof address, "127.0.0.1:%s", port);
    if (wsgi_server_new(address, who, NULL, NULL, &running, &error) < 0 ||
        configure(folder, &error) || wsgi_server_prepare(running, &error) < 0)
        return give_up("mutual_tls", error);
    stop_on_signals(running);
    wsgi_server_bound_addr(running, address, sizeof address, NULL);
    port = strrchr(address, ':') + 1;
    printf("Serving on https://localhost:%s/\n"
           "    curl --cacert %s/ca.pem --cert %s/client.pem --key %s/client.key "
           "https://localhost:%s/\n",
           port, folder, folder, folder, port);
    fflush(stdout);
    if (wsgi_server_serve(running, &error) < 0) return give_up("mutual_tls", error);
    return free_without_signals(running) < 0;
}
