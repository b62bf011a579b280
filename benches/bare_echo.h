/* The bare loop's way of sending a request's body back: one buffer for each connection, one recv
   for each readiness, one sendmsg for each answer. */
#ifndef BENCH_BARE_ECHO_H
#define BENCH_BARE_ECHO_H

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { ECHO_BYTES = 64 * 1024 };

struct echo_buffer {
    char *bytes;
    size_t filled;
};

/* The head of an answer; made anew when the second or the length changes. */
static struct iovec echo_head(size_t length, const char *server_name) {
    static char head[512];
    static time_t second;
    static size_t made_for, head_length;
    time_t now = time(NULL);

    if (head_length == 0 || second != now || made_for != length) {
        struct tm utc;
        char date[40];
        gmtime_r(&now, &utc);
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
        head_length = (size_t)snprintf(head, sizeof head,
                                       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                       "Content-Length: %zu\r\nDate: %s\r\nServer: %.100s\r\n\r\n",
                                       length, date, server_name);
        second = now;
        made_for = length;
    }
    return (struct iovec){head, head_length};
}

/* Sends everything; a client that does not read is waited for at most a second. */
static int echo_send(int connection, struct iovec head, char *body, size_t length) {
    struct iovec pieces[2] = {head, {body, length}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};

    while (pieces[0].iov_len + pieces[1].iov_len > 0) {
        ssize_t sent = sendmsg(connection, &message, MSG_NOSIGNAL);
        if (sent < 0) {
            struct pollfd writable = {.fd = connection, .events = POLLOUT};
            if (errno != EAGAIN || poll(&writable, 1, 1000) != 1) {
                return -1;
            }
            continue;
        }
        for (int i = 0; i < 2; i++) {
            size_t part = (size_t)sent < pieces[i].iov_len ? (size_t)sent : pieces[i].iov_len;
            pieces[i].iov_base = (char *)pieces[i].iov_base + part;
            pieces[i].iov_len -= part;
            sent -= (ssize_t)part;
        }
    }
    return 0;
}

/* Answers the complete requests at hand. The load sends one at a time, so there is at most one. */
static int echo_answer(int connection, struct echo_buffer *buffer, const char *server_name) {
    const char *field, *end;
    size_t head, length;

    buffer->bytes[buffer->filled] = '\0';
    end = strstr(buffer->bytes, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    head = (size_t)(end + 4 - buffer->bytes);
    field = strcasestr(buffer->bytes, "\r\nContent-Length:");
    length = field == NULL || field > end ? 0 : strtoul(field + 17, NULL, 10);
    if (length > ECHO_BYTES - 1 - head) {
        return -1;
    }
    if (buffer->filled < head + length) {
        return 0;
    }
    buffer->filled = 0;
    return echo_send(connection, echo_head(length, server_name), buffer->bytes + head, length);
}

static void echo_serve(int connection, struct echo_buffer *buffer, const char *server_name) {
    ssize_t received;

    if (buffer->bytes == NULL && (buffer->bytes = malloc(ECHO_BYTES)) == NULL) {
        close(connection);
        return;
    }
    received = recv(connection, buffer->bytes + buffer->filled, ECHO_BYTES - 1 - buffer->filled, 0);
    if (received < 0 && errno == EAGAIN) {
        return;
    }
    buffer->filled += received > 0 ? (size_t)received : 0;
    if (received <= 0 || echo_answer(connection, buffer, server_name) != 0) {
        close(connection);
    }
}

#endif
