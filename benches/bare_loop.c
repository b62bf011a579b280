/* The floor: one thread, one epoll, one recv and one send for each readiness, a fixed answer.
   Nothing is parsed but the ends of heads; with --echo also Content-Length, and the answer is the
   body of the request.
   usage: bare_loop PORT [--server NAME] [--echo] */
#define _GNU_SOURCE
#include "answer.h"
#include "bare_echo.h"
#include "listen.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 64, READ_BYTES = 16384, MOST_CONNECTIONS = 65536 };

static unsigned char matched[MOST_CONNECTIONS]; /* by descriptor: how much of an empty line came */
static struct echo_buffer echo_buffers[MOST_CONNECTIONS];
static const char *server_name = "bare-loop";
static bool echoes;
static struct answer answer;

static unsigned count_heads(const char *bytes, size_t length, unsigned char *matched);
static void accept_all(int epoll, int listener);
static void serve(int connection);

int main(int argc, char **argv) {
    struct epoll_event events[EVENTS];
    struct epoll_event event = {.events = EPOLLIN};
    int listener;
    int epoll;

    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--server") == 0 && i + 1 < argc) {
            server_name = argv[++i];
        } else if (strcmp(argv[i], "--echo") == 0) {
            echoes = true;
        } else {
            argc = 0;
        }
    }
    if (argc < 2) {
        fprintf(stderr, "usage: bare_loop PORT [--server NAME] [--echo]\n");
        return 2;
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    listener = listen_on(argv[1], SOCK_NONBLOCK);
    event.data.fd = listener;
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        answer_renew(&answer, server_name);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener) {
                accept_all(epoll, listener);
            } else if (echoes) {
                echo_serve(events[i].data.fd, &echo_buffers[events[i].data.fd], server_name);
            } else {
                serve(events[i].data.fd);
            }
        }
    }
}

static void accept_all(int epoll, int listener) {
    for (;;) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP};
        int yes = 1;
        int connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (connection < 0) {
            return;
        }
        if (connection >= MOST_CONNECTIONS) {
            close(connection);
            continue;
        }
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        matched[connection] = 0;
        echo_buffers[connection].filled = 0;
        event.data.fd = connection;
        epoll_ctl(epoll, EPOLL_CTL_ADD, connection, &event);
    }
}

/* Sends everything; a client that does not read is waited for at most a second, then cut. */
static int send_all(int connection, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t sent = send(connection, bytes, length, MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN) {
            struct pollfd writable = {.fd = connection, .events = POLLOUT};
            if (poll(&writable, 1, 1000) != 1) {
                return -1;
            }
        } else {
            return -1;
        }
    }
    return 0;
}

static void serve(int connection) {
    static char request[READ_BYTES];
    static char batch[16 * sizeof answer.bytes];
    ssize_t received = recv(connection, request, sizeof request, 0);
    unsigned heads;

    if (received < 0 && errno == EAGAIN) {
        return;
    }
    if (received <= 0) {
        close(connection);
        return;
    }
    heads = count_heads(request, (size_t)received, &matched[connection]);
    while (heads > 0) {
        const char *bytes = answer.bytes;
        size_t length = answer.length;
        unsigned together = heads < 16 ? heads : 16;
        if (together > 1) {
            for (unsigned i = 0; i < together; i++) {
                memcpy(batch + i * answer.length, answer.bytes, answer.length);
            }
            bytes = batch;
            length = together * answer.length;
        }
        if (send_all(connection, bytes, length) != 0) {
            close(connection);
            return;
        }
        heads -= together;
    }
}

/* Counts the request heads that end in these bytes; `matched` (0 to 3) is how much of an empty
   line the bytes before them held. Requests have no bodies here. */
static unsigned count_heads(const char *bytes, size_t length, unsigned char *matched) {
    static const char empty_line[] = "\r\n\r\n";
    unsigned heads = 0;
    size_t i = 0;

    while (i < length) {
        if (*matched == 0) {
            const char *cr = memchr(bytes + i, '\r', length - i);
            if (cr == NULL) {
                break;
            }
            i = (size_t)(cr - bytes);
        }
        if (bytes[i] == empty_line[*matched]) {
            *matched += 1;
        } else {
            *matched = bytes[i] == '\r' ? 1 : 0;
        }
        if (*matched == 4) {
            *matched = 0;
            heads++;
        }
        i++;
    }
    return heads;
}
