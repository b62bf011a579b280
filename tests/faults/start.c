/* Starts and stops a server twice. The first time is between two marks that a tracer can see, and may
 * fail: then the error is told on standard output, and no descriptor and no thread may be left. The second
 * time must work, with the same server object and with a new one: each answers a request.
 *
 *     start [--name VALUE ...]
 *
 * Exit code 0: all of that was so. 1: something was not, and standard error says what. */
#define _GNU_SOURCE

#include <wsgiserver.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHECK(fact, ...)                                                                           \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            fprintf(stderr, "start: " __VA_ARGS__);                                                \
            fprintf(stderr, "\n");                                                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static int32_t hello(void *user_data, wsgi_request request, const wsgi_environ *environ,
                     const wsgi_responder *responder) {
    wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    wsgi_str status = {"200 OK", 6};
    (void)user_data, (void)responder;
    wsgi_status result =
        wsgi_respond(environ->server, request, status, &type, 1, "hello", 5);
    return result < 0 ? result : WSGI_DONE;
}

static void on_error(void *user_data, int32_t level, uint32_t code, const char *message,
                     size_t length) {
    (void)user_data, (void)code;
    printf("log %d: %.*s\n", (int)level, (int)length, message);
}

/* How many entries a folder of /proc/self has. */
static int count(const char *path) {
    int entries = 0;
    DIR *folder = opendir(path);
    CHECK(folder != NULL, "%s: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) entries += entry->d_name[0] != '.';
    closedir(folder);
    return entries;
}

static int threads(void) { return count("/proc/self/task"); }
static int descriptors(void) { return count("/proc/self/fd"); }

/* Threads that have been told to leave may take a moment. */
static void expect(int (*what)(void), int before, const char *name) {
    struct timespec moment = {0, 10 * 1000 * 1000};
    for (int tries = 0; what() > before && tries < 1000; tries++) nanosleep(&moment, NULL);
    CHECK(what() <= before, "%d %s where there were %d", what(), name, before);
}

static wsgi_server *make(int argc, char **argv) {
    wsgi_server *server = NULL;
    wsgi_error *error = NULL;
    wsgi_handlers handlers = {0};
    handlers.struct_size = sizeof handlers;
    handlers.error_log = on_error;
    if (wsgi_server_new("127.0.0.1:0", hello, NULL, NULL, &server, &error) < 0 ||
        wsgi_server_set_handlers(server, &handlers, NULL, NULL, &error) < 0) {
        printf("failed: new: %s\n", wsgi_error_message(error));
        wsgi_error_free(error);
        return NULL;
    }
    for (int i = 0; i + 1 < argc; i += 2)
        CHECK(wsgi_server_set(server, argv[i] + 2, argv[i + 1], &error) >= 0, "%s",
              wsgi_error_message(error));
    return server;
}

/* 0, or what the failed call returned; its error has been told. */
static int32_t start(wsgi_server *server) {
    wsgi_error *error = NULL;
    int32_t status = wsgi_server_start_background(server, &error);
    if (status < 0) printf("failed: start: %s\n", wsgi_error_message(error));
    CHECK(status >= 0 || strlen(wsgi_error_message(error)) > 0, "an error without a text");
    wsgi_error_free(error);
    return status;
}

/* Whether a request is answered; the connection may be reset when a thread of the server fails. */
static int ask(const wsgi_server *server) {
    char address[128], answer[1024];
    size_t got = 0;
    struct timeval patience = {20, 0};
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    if (wsgi_server_bound_addr_at(server, 0, address, sizeof address, NULL) < 0) return 0;
    struct sockaddr_in there = {0};
    there.sin_family = AF_INET;
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    there.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&there, sizeof there) == 0 &&
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0)
        for (ssize_t n; got < sizeof answer - 1; got += (size_t)n)
            if ((n = recv(fd, answer + got, sizeof answer - 1 - got, 0)) <= 0) break;
    answer[got] = '\0';
    close(fd);
    return strstr(answer, "200 OK") != NULL && strstr(answer, "hello") != NULL;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* What the C library and the standard library set up once is there before anything is counted. */
    wsgi_server *server = make(argc - 1, argv + 1);
    /* One thread, so that the C library keeps no stacks for those that come. */
    CHECK(server != NULL && wsgi_server_set(server, "numthreads", "1", NULL) >= 0, "no first server");
    CHECK(start(server) >= 0 && ask(server), "it does not work at all");
    wsgi_server_stop(server, NULL);
    wsgi_server_free(server);
    server = NULL;
    int fds = descriptors(), tasks = threads();

    CHECK(write(-1, "faults: begin", 13) < 0, "the mark");
    server = make(argc - 1, argv + 1);
    int32_t status = server == NULL ? -1 : start(server);
    CHECK(write(-1, "faults: end", 11) < 0, "the mark");

    if (status < 0) {
        if (server == NULL) server = make(argc - 1, argv + 1);
        CHECK(server != NULL, "no server the second time");
        /* One eventfd is the server's from new to free. */
        expect(descriptors, fds + 1, "descriptors");
        expect(threads, tasks, "threads");
        status = start(server);
        CHECK(status >= 0, "it does not start a second time");
    } else {
        printf("started\n");
    }
    CHECK(ask(server), "no answer");
    CHECK(ask(server), "no second answer");
    wsgi_server_stop(server, NULL);
    CHECK(wsgi_server_free(server) >= 0, "it cannot be freed");
    expect(descriptors, fds, "descriptors at the end");
    expect(threads, tasks, "threads at the end");
    return 0;
}
