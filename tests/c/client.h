/* A small blocking HTTP client over loopback; every wait in it has a deadline. */
#ifndef CLIENT_H
#define CLIENT_H

#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>

typedef struct client {
    int fd;
    char *data; /* what has been received and not yet been taken */
    size_t length, capacity;
} client;

typedef struct reply {
    int status;    /* 0: the connection ended before a whole head came */
    int complete;  /* the body came to its proper end */
    char *head;    /* NUL-terminated, without the empty line */
    char *body;    /* NUL-terminated too */
    size_t length; /* of the body, as far as it came */
} reply;

/* Connects to "127.0.0.1:PORT". */
static inline client client_open(const char *address) {
    struct sockaddr_in to = {0};
    struct timeval deadline = {FACT_DEADLINE, 0};
    client client = {-1, NULL, 0, 0};
    int on = 1;
    const char *colon = strrchr(address, ':');
    CHECK(colon != NULL);
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)atoi(colon + 1));
    client.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(client.fd >= 0);
    CHECK_INT(setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline), 0);
    CHECK_INT(setsockopt(client.fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline), 0);
    CHECK_INT(setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    if (connect(client.fd, (struct sockaddr *)&to, sizeof to) < 0)
        FAIL("cannot connect to %s: %s", address, strerror(errno));
    return client;
}

static inline void client_close(client *client) {
    close(client->fd);
    free(client->data);
    client->fd = -1, client->data = NULL, client->length = client->capacity = 0;
}

/* Closes with a reset, as a client that crashes does. */
static inline void client_reset(client *client) {
    struct linger at_once = {1, 0};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    client_close(client);
}

static inline void client_send(client *client, const void *data, size_t length) {
    const char *at = data;
    while (length > 0) {
        ssize_t sent = send(client->fd, at, length, MSG_NOSIGNAL);
        if (sent <= 0) FAIL("send: %s", strerror(errno));
        at += sent, length -= (size_t)sent;
    }
}

static inline void client_get(client *client, const char *path) {
    char request[512];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path);
    client_send(client, request, (size_t)length);
}

/* Receives once more: the count, 0 at the end of the connection (by a reset too). */
static inline size_t client_receive(client *client) {
    if (client->capacity - client->length < 64 * 1024) {
        client->capacity = client->capacity * 2 + 128 * 1024;
        client->data = realloc(client->data, client->capacity);
        CHECK(client->data != NULL);
    }
    ssize_t got;
    do got = recv(client->fd, client->data + client->length,
                  client->capacity - client->length - 1, 0);
    while (got < 0 && errno == EINTR); /* a signal, like that of a child's end */
    if (got < 0 && errno == EAGAIN) FAIL("nothing came from the server in %d s", FACT_DEADLINE);
    if (got <= 0) return 0;
    client->length += (size_t)got;
    client->data[client->length] = '\0';
    return (size_t)got;
}

static inline char *client_take(client *client, size_t length) {
    char *taken = malloc(length + 1);
    CHECK(taken != NULL && length <= client->length);
    memcpy(taken, client->data, length);
    taken[length] = '\0';
    client->length -= length;
    memmove(client->data, client->data + length, client->length);
    if (client->data) client->data[client->length] = '\0';
    return taken;
}

/* Has at least so many bytes at hand; 0 if the connection ended before. */
static inline int client_need(client *client, size_t length) {
    while (client->length < length)
        if (client_receive(client) == 0) return 0;
    return 1;
}

/* The length of a line with its CRLF, or 0 if the connection ended before. */
static inline size_t client_need_line(client *client) {
    for (;;) {
        char *end = client->length ? memmem(client->data, client->length, "\r\n", 2) : NULL;
        if (end) return (size_t)(end - client->data) + 2;
        if (client_receive(client) == 0) return 0;
    }
}

/* The value of a header as a new string, NULL if there is none. */
static inline char *reply_header(const reply *reply, const char *name) {
    size_t length = strlen(name);
    for (const char *line = strstr(reply->head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) != 0 || line[length] != ':') continue;
        const char *value = line + length + 1 + strspn(line + length + 1, " ");
        return strndup(value, strcspn(value, "\r"));
    }
    return NULL;
}

static inline int reply_has(const reply *reply, const char *name, const char *value) {
    char *found = reply_header(reply, name);
    int same = found != NULL && strcasecmp(found, value) == 0;
    free(found);
    return same;
}

static inline void reply_free(reply *reply) {
    free(reply->head);
    free(reply->body);
    reply->head = reply->body = NULL;
}

static inline void body_add(reply *reply, const char *data, size_t length) {
    reply->body = realloc(reply->body, reply->length + length + 1);
    CHECK(reply->body != NULL);
    memcpy(reply->body + reply->length, data, length);
    reply->length += length;
    reply->body[reply->length] = '\0';
}

static inline void body_take(client *client, reply *reply, size_t length) {
    char *data = client_take(client, length);
    body_add(reply, data, length);
    free(data);
}

static inline void read_chunks(client *client, reply *reply) {
    for (;;) {
        size_t line = client_need_line(client);
        if (line == 0) return;
        char *size_line = client_take(client, line);
        size_t size = strtoul(size_line, NULL, 16);
        free(size_line);
        int whole = client_need(client, size + 2);
        body_take(client, reply, whole ? size : client->length < size ? client->length : size);
        if (!whole) return;
        free(client_take(client, 2));
        if (size == 0) {
            reply->complete = 1;
            return;
        }
    }
}

/* Reads one answer; `no_body` for the answer to HEAD. Interim answers (1xx) are skipped. */
static inline reply client_reply(client *client, int no_body) {
    reply reply = {0, 0, NULL, NULL, 0};
    body_add(&reply, "", 0);
    char *end = NULL;
    while (!(end = client->length ? memmem(client->data, client->length, "\r\n\r\n", 4) : NULL))
        if (client_receive(client) == 0) {
            reply.head = strdup("");
            return reply;
        }
    reply.head = client_take(client, (size_t)(end - client->data) + 4);
    *strstr(reply.head, "\r\n\r\n") = '\0';
    CHECK(strncmp(reply.head, "HTTP/1.1 ", 9) == 0);
    reply.status = atoi(reply.head + 9);
    if (reply.status / 100 == 1) {
        reply_free(&reply);
        return client_reply(client, no_body);
    }

    char *length = reply_header(&reply, "Content-Length");
    if (no_body || reply.status == 204 || reply.status == 304) {
        reply.complete = 1;
    } else if (reply_has(&reply, "Transfer-Encoding", "chunked")) {
        read_chunks(client, &reply);
    } else if (length != NULL) {
        size_t expected = strtoul(length, NULL, 10);
        reply.complete = client_need(client, expected);
        body_take(client, &reply, reply.complete ? expected : client->length);
    } else {
        while (client_receive(client) > 0) {
        }
        reply.complete = 1;
        body_take(client, &reply, client->length);
    }
    free(length);
    return reply;
}

static inline reply client_fetch(client *client, const char *path) {
    client_get(client, path);
    return client_reply(client, 0);
}

/* One request on a connection of its own. */
static inline reply fetch(const char *address, const char *path) {
    client client = client_open(address);
    reply reply = client_fetch(&client, path);
    client_close(&client);
    return reply;
}

/* Fetches a path, checks status and body. */
static inline void expect(const char *address, const char *path, int status, const char *body) {
    reply reply = fetch(address, path);
    CHECK_INT(reply.status, status);
    CHECK_INT(reply.complete, 1);
    CHECK_STR(reply.body, body);
    reply_free(&reply);
}

/* The connection ends, and nothing more was sent on it. */
static inline void expect_closed(client *client) {
    if (client->length == 0) client_receive(client);
    if (client->length > 0) FAIL("more came: %.200s", client->data);
}

#endif
