/* A client of TLS that makes one connection after another, or holds many that say nothing more.
 *
 *     tls_load --port N --seconds S [--resume] [--tls 1.2|1.3]
 *     tls_load --port N --hold COUNT
 *
 * Each connection is a handshake, one request and its answer, and a goodbye. With --resume every one
 * but the first resumes a session. It prints a line of JSON. With --hold it prints `ready` and ends
 * with its standard input. */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef struct options {
    int port, resume, hold;
    double seconds;
    int version;
} options;

static SSL_SESSION *session; /* the newest that the server has given */

static void die(const char *what) {
    fprintf(stderr, "tls_load: %s\n", what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int new_session(SSL *ssl, SSL_SESSION *given) {
    (void)ssl;
    SSL_SESSION_free(session);
    session = given;
    return 1;
}

static int connected(int port) {
    struct sockaddr_in to = {0};
    struct timeval patience = {20, 0};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_family = AF_INET;
    to.sin_port = htons((uint16_t)port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("cannot connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

/* The handshake, a request and its answer. */
static SSL *talk(SSL_CTX *context, const options *options) {
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char answer[4096];
    SSL *ssl = SSL_new(context);
    int fd = connected(options->port), length = 0;
    if (ssl == NULL || !SSL_set_fd(ssl, fd)) die("no memory");
    SSL_set_tlsext_host_name(ssl, "localhost");
    if (options->resume && session != NULL) SSL_set_session(ssl, session);
    if (SSL_connect(ssl) != 1) die("the handshake failed");
    if (SSL_write(ssl, request, sizeof request - 1) <= 0) die("cannot write");
    do {
        int got = SSL_read(ssl, answer + length, (int)sizeof answer - 1 - length);
        if (got <= 0) die("no answer");
        answer[length += got] = '\0';
    } while (strstr(answer, "world!") == NULL);
    return ssl;
}

static void hang_up(SSL *ssl) {
    int fd = SSL_get_fd(ssl);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

static void make_connections(SSL_CTX *context, const options *options) {
    long count = 0, reused = 0;
    if (options->resume) hang_up(talk(context, options));
    double begun = now(), until = begun + options->seconds;
    while (now() < until) {
        SSL *ssl = talk(context, options);
        reused += SSL_session_reused(ssl);
        count++;
        hang_up(ssl);
    }
    printf("{\"count\": %ld, \"reused\": %ld, \"seconds\": %.6f}\n", count, reused, now() - begun);
}

static void hold_connections(SSL_CTX *context, const options *options) {
    for (int i = 0; i < options->hold; i++) talk(context, options);
    printf("ready\n");
    fflush(stdout);
    while (getchar() != EOF) continue;
}

static options read_options(int argc, char **argv) {
    options options = {0, 0, 0, 0, TLS1_3_VERSION};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--resume") == 0) { options.resume = 1; continue; }
        if (strcmp(argv[i], "--port") == 0) options.port = atoi(value);
        else if (strcmp(argv[i], "--seconds") == 0) options.seconds = atof(value);
        else if (strcmp(argv[i], "--hold") == 0) options.hold = atoi(value);
        else if (strcmp(argv[i], "--tls") == 0)
            options.version = strcmp(value, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
        else die("usage: tls_load --port N (--seconds S [--resume] [--tls V] | --hold COUNT)");
        i++;
    }
    return options;
}

int main(int argc, char **argv) {
    options options = read_options(argc, argv);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) die("no memory");
    SSL_CTX_set_min_proto_version(context, options.version);
    SSL_CTX_set_max_proto_version(context, options.version);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, new_session);
    if (options.hold > 0) hold_connections(context, &options);
    else make_connections(context, &options);
    return 0;
}
