/* The load generator: one thread, one epoll, connections that each have one request out.
   Fast and slow requests are timed apart. Everything is bounded in requests and seconds.
   With --gate it says "ready" once each connection has had an answer, starts counting at the
   first line on its standard input, prints its one line of JSON and then keeps its connections
   until that input ends: so whoever measures the server can read its clocks at both edges. */
#define _GNU_SOURCE
#include "histogram.h"
#include "load_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, HEAD_BYTES = 4096, DISCARDED = 1 << 20, FAST = 0, SLOW = 1, KINDS = 2 };

struct connection {
    int fd;
    bool busy;
    bool idle_kind; /* one of --idle: has its first answer, then only stays */
    int kind;
    uint64_t started;
    uint64_t body_left;
    size_t filled;
    int status;
    bool closing;
    char head[HEAD_BYTES];
};

struct tally {
    uint64_t errors;
    uint64_t refused; /* answers other than 200 */
    struct histogram times;
};

static struct options options;
static struct connection *connections;
static struct tally tallies[KINDS];
static char *requests[KINDS];
static size_t request_lengths[KINDS];
static int epoll;
static bool counting, ending;
static uint64_t sent, out, measured_from, next_due;
static int *resting; /* with --rate: the connections without a request, as a stack */
static int resting_count;

static uint64_t now_us(void);
static void compose_request(int kind);
static void open_all(void);
static void run(void);
static void print_tallies(uint64_t elapsed);
static void wait_for_line(void);

int main(int argc, char **argv) {
    int total;
    uint64_t ended;

    options_read(&options, argc, argv);
    total = options.connections + options.idle;
    connections = calloc((size_t)total, sizeof *connections);
    resting = calloc((size_t)total, sizeof *resting);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (connections == NULL || resting == NULL || epoll < 0) {
        perror("load");
        return 1;
    }
    for (int kind = 0; kind < KINDS; kind++) {
        compose_request(kind);
    }
    open_all();
    if (options.gate) {
        printf("ready\n");
        fflush(stdout);
        wait_for_line();
    }
    measured_from = now_us();
    next_due = measured_from;
    run();
    ended = now_us();
    print_tallies(ended - measured_from);
    if (options.gate) {
        wait_for_line();
    }
    return 0;
}

/* A GET, or with --body a POST with so many bytes. */
static void compose_request(int kind) {
    char head[512], body[64] = "";
    size_t length;

    if (options.body > 0) {
        snprintf(body, sizeof body, "Content-Length: %zu\r\n", options.body);
    }
    length = (size_t)snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s%s\r\n",
                              options.body > 0 ? "POST" : "GET",
                              kind == FAST ? options.path : options.slow_path, body,
                              options.reconnect ? "Connection: close\r\n" : "");
    request_lengths[kind] = length + options.body;
    requests[kind] = malloc(request_lengths[kind]);
    if (requests[kind] == NULL) {
        perror("load");
        exit(1);
    }
    memcpy(requests[kind], head, length);
    memset(requests[kind] + length, 'x', options.body);
}

static uint64_t now_us(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void wait_for_line(void) {
    char byte;

    while (read(0, &byte, 1) == 1 && byte != '\n') {
    }
}

static bool connect_one(struct connection *connection) {
    struct sockaddr_in address;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int yes = 1;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)options.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0
        || connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        if (connection->fd >= 0) {
            close(connection->fd);
            connection->fd = -1;
        }
        return false;
    }
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
    connection->filled = 0;
    connection->body_left = 0;
    connection->status = 0;
    connection->closing = false;
    return true;
}

/* Fast or slow: by the second with --alternate, else a fixed sequence with the asked share. */
static int next_kind(uint64_t now) {
    static uint32_t sequence = 12345;

    if (!counting) {
        return FAST;
    }
    if (options.alternate > 0) {
        return (int)((now - measured_from) / (options.alternate * 1000000u) % 2);
    }
    sequence = sequence * 1664525u + 1013904223u;
    return (double)(sequence >> 8) / 167772.16 < options.slow_percent ? SLOW : FAST;
}

static void fail(struct connection *connection) {
    if (counting) {
        tallies[connection->kind].errors++;
    }
    if (connection->busy) {
        connection->busy = false;
        out--;
    }
    if (connection->fd >= 0) {
        close(connection->fd);
        connection->fd = -1;
    }
}

static void send_request(struct connection *connection, uint64_t started) {
    size_t length;

    connection->kind = next_kind(started);
    connection->started = started;
    connection->busy = true;
    out++;
    if (counting) {
        sent++;
    }
    if (connection->fd < 0 && !connect_one(connection)) {
        fail(connection);
        return;
    }
    length = request_lengths[connection->kind];
    if (send(connection->fd, requests[connection->kind], length, MSG_NOSIGNAL) != (ssize_t)length) {
        fail(connection);
    }
}

/* What a connection does once its answer is complete (or has failed). */
static void go_on(struct connection *connection, uint64_t now) {
    if (ending || connection->idle_kind || !counting) {
        return;
    }
    if (options.rate > 0) {
        resting[resting_count++] = (int)(connection - connections);
    } else if (options.requests == 0 || sent < options.requests) {
        send_request(connection, now);
    }
}

static void complete(struct connection *connection, uint64_t now) {
    struct tally *tally = &tallies[connection->kind];

    connection->busy = false;
    connection->filled = 0;
    out--;
    if (counting && connection->status == 200) {
        histogram_add(&tally->times, now - connection->started);
    } else if (counting) {
        tally->refused++;
    }
    if (options.reconnect || connection->closing) {
        close(connection->fd);
        connection->fd = -1;
    }
    go_on(connection, now);
}

/* Reads status, length and Connection from a whole head; false if it makes no sense. */
static bool read_head(struct connection *connection, char *end) {
    char *field;

    *end = '\0';
    if (sscanf(connection->head, "HTTP/1.%*1[01] %d", &connection->status) != 1) {
        return false;
    }
    field = strcasestr(connection->head, "\r\nContent-Length:");
    connection->body_left = field == NULL ? 0 : strtoull(field + 17, NULL, 10);
    connection->closing = strcasestr(connection->head, "\r\nConnection: close") != NULL;
    return true;
}

/* Takes what one recv gave, which belongs to one answer: requests are never sent ahead. */
static void receive(struct connection *connection) {
    ssize_t received;
    char *end;
    size_t surplus;

    if (connection->body_left > 0) {
        /* MSG_TRUNC: the kernel throws the bytes away, so that a large body costs nothing here. */
        received = recv(connection->fd, NULL, DISCARDED, MSG_DONTWAIT | MSG_TRUNC);
        if (received <= 0 || (uint64_t)received > connection->body_left) {
            goto failed;
        }
        connection->body_left -= (uint64_t)received;
        if (connection->body_left == 0) {
            complete(connection, now_us());
        }
        return;
    }
    received = recv(connection->fd, connection->head + connection->filled,
                    HEAD_BYTES - 1 - connection->filled, MSG_DONTWAIT);
    if (received <= 0 || !connection->busy) {
        goto failed;
    }
    connection->filled += (size_t)received;
    connection->head[connection->filled] = '\0';
    end = strstr(connection->head, "\r\n\r\n");
    if (end == NULL) {
        return;
    }
    surplus = connection->filled - (size_t)(end + 4 - connection->head);
    if (!read_head(connection, end) || surplus > connection->body_left) {
        goto failed;
    }
    connection->body_left -= surplus;
    connection->filled = 0;
    if (connection->body_left == 0) {
        complete(connection, now_us());
    }
    return;
failed:
    /* A connection that the server closes while nothing is out is no error of a request. */
    if (!connection->busy) {
        close(connection->fd);
        connection->fd = -1;
        return;
    }
    fail(connection);
    go_on(connection, now_us());
}

static void handle_events(uint64_t timeout_us) {
    struct epoll_event events[EVENTS];
    struct timespec timeout = {(time_t)(timeout_us / 1000000), (long)(timeout_us % 1000000) * 1000};
    int count = epoll_pwait2(epoll, events, EVENTS, &timeout, NULL);

    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        if (connection->fd >= 0) {
            receive(connection);
        }
    }
}

/* Opens each connection and gets one answer on it, a few at a time, before anything counts. */
static void open_all(void) {
    int total = options.connections + options.idle;
    uint64_t deadline = now_us() + 60000000u;

    for (int i = 0; i < total; i++) {
        connections[i].idle_kind = i >= options.connections;
        connections[i].fd = -1;
        if (options.cold) {
            continue;
        }
        send_request(&connections[i], now_us());
        while (out >= 64 && now_us() < deadline) {
            handle_events(100000);
        }
    }
    while (out > 0 && now_us() < deadline) {
        handle_events(100000);
    }
    for (int i = 0; i < total && !options.cold; i++) {
        if (connections[i].status != 200) {
            fprintf(stderr, "load: connection %d of %d was not answered\n", i + 1, total);
            exit(1);
        }
    }
}

/* With --rate: sends what is due, each on a connection that rests; late ones count from then. */
static uint64_t send_due(uint64_t now) {
    uint64_t gap = (uint64_t)(1000000.0 / options.rate);

    while (next_due <= now && resting_count > 0) {
        send_request(&connections[resting[--resting_count]], next_due);
        next_due += gap;
    }
    return next_due > now ? next_due - now : 10000;
}

static void run(void) {
    uint64_t deadline = measured_from + (uint64_t)(options.seconds * 1000000.0);
    uint64_t last;

    counting = true;
    for (int i = 0; i < options.connections; i++) {
        go_on(&connections[i], measured_from);
    }
    for (;;) {
        uint64_t now = now_us();
        uint64_t timeout = 100000;
        if (now >= deadline || (options.requests > 0 && sent >= options.requests)) {
            break;
        }
        if (options.rate > 0) {
            timeout = send_due(now);
        }
        handle_events(timeout);
    }
    ending = true;
    last = now_us() + (uint64_t)(options.patience * 1000000.0);
    while (out > 0 && now_us() < last) {
        handle_events(50000);
    }
    for (int i = 0; i < options.connections; i++) {
        if (connections[i].busy) {
            tallies[connections[i].kind].errors++;
        }
    }
}

static void print_tallies(uint64_t elapsed) {
    static const char *names[KINDS] = {"fast", "slow"};
    int standing = 0;

    for (int i = 0; i < options.connections + options.idle; i++) {
        standing += connections[i].fd >= 0;
    }
    printf("{\"seconds\": %.6f, \"standing\": %d", (double)elapsed / 1e6, standing);
    for (int kind = 0; kind < KINDS; kind++) {
        const struct histogram *times = &tallies[kind].times;
        printf(", \"%s\": {\"count\": %llu, \"errors\": %llu, \"refused\": %llu, "
               "\"median_us\": %llu, \"p90_us\": %llu, \"p99_us\": %llu, \"max_us\": %llu}",
               names[kind], (unsigned long long)times->count,
               (unsigned long long)tallies[kind].errors, (unsigned long long)tallies[kind].refused,
               (unsigned long long)histogram_quantile(times, 0.5),
               (unsigned long long)histogram_quantile(times, 0.9),
               (unsigned long long)histogram_quantile(times, 0.99),
               (unsigned long long)times->longest);
    }
    printf("}\n");
    fflush(stdout);
}
