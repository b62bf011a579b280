/* Hijack: a connection leaves the server and is the host's, as a stream. */
#include "client.h"
#include "host.h"

#include <fcntl.h>
#include <pthread.h>

enum { LARGE = 16 << 20, ENDLESS = 64 << 20, PIECE = 32 * 1024 };

static const char upgrade[] = "GET /hijack HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n"
                              "Upgrade: echo\r\n\r\n";

/* What applications and tests hand each other. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static wsgi_stream *taken;
static wsgi_request left_behind;

static void put(wsgi_stream *stream, wsgi_request request) {
    pthread_mutex_lock(&lock);
    taken = stream, left_behind = request;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static wsgi_request take(wsgi_stream **stream) {
    pthread_mutex_lock(&lock);
    while (left_behind == 0) pthread_cond_wait(&changed, &lock);
    wsgi_request request = left_behind;
    if (stream) *stream = taken;
    taken = NULL, left_behind = 0;
    pthread_mutex_unlock(&lock);
    return request;
}

static void check_gone(wsgi_server *server, wsgi_request request) {
    char byte;
    wsgi_stream *again = NULL;
    wsgi_environ environ = {0};
    environ.struct_size = sizeof environ;
    CHECK_INT(wsgi_request_hijack(server, request, 0, &again), WSGI_GONE);
    CHECK(again == NULL);
    CHECK_INT(wsgi_request_environ(server, request, &environ), WSGI_GONE);
    CHECK_INT(wsgi_request_read(server, request, &byte, 1, 0), WSGI_GONE);
    CHECK_INT(wsgi_request_detach(server, request), WSGI_GONE);
    CHECK_INT(wsgi_request_aborted(server, request), WSGI_GONE);
    CHECK_INT(wsgi_write(server, request, "x", 1, 0), WSGI_GONE);
    CHECK_INT(wsgi_finish(server, request), WSGI_GONE);
    CHECK_INT(say(server, request, "late"), WSGI_GONE);
}

static wsgi_status switch_protocols(const wsgi_responder *responder) {
    wsgi_header headers[] = {{{"Connection", 10}, {"Upgrade", 7}}, {{"Upgrade", 7}, {"echo", 4}}};
    return responder->start_response(responder->context, str("101 Switching Protocols"), headers, 2,
                                     0);
}

static int32_t app(void *user_data, wsgi_request request, const wsgi_environ *environ,
                   const wsgi_responder *responder) {
    wsgi_server *server = environ->server;
    wsgi_stream *stream = NULL;
    (void)user_data;
    if (path_is(environ, "/")) return say(server, request, "plain");
    if (path_is(environ, "/answered")) {
        say(server, request, "answered");
        CHECK_INT(wsgi_request_hijack(server, request, 0, &stream), WSGI_E_STATE);
        return WSGI_DONE;
    }
    if (path_is(environ, "/detach")) {
        CHECK_INT(wsgi_request_detach(server, request), WSGI_OK);
        put(NULL, request);
        return WSGI_DETACHED;
    }
    if (path_is(environ, "/switch")) CHECK_INT(switch_protocols(responder), WSGI_OK);
    CHECK_INT(wsgi_request_hijack(NULL, request, 0, &stream), WSGI_E_NULL);
    CHECK_INT(wsgi_request_hijack(server, request, 0, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_request_hijack(server, request, 99, &stream), WSGI_E_STATE);
    CHECK_INT(wsgi_request_hijack(server, request, WSGI_NONBLOCK, &stream), WSGI_OK);
    check_gone(server, request);
    CHECK_INT(responder->write(responder->context, "x", 1), WSGI_GONE);
    if (path_is(environ, "/keep")) {
        /* Others use the server meanwhile; what was lent to this call stays as it is. */
        for (int i = 0; i < 20; i++) expect(user_data, "/", 200, "plain");
        CHECK_STR(find(environ, "QUERY_STRING").ptr, "good-until-the-end-of-the-call");
    }
    put(stream, request);
    return WSGI_DONE;
}

static host start(void) {
    return new_host(app, NULL, "4");
}

static wsgi_stream *hijack(const host *host, client *client) {
    wsgi_stream *stream = NULL;
    *client = client_open(host->address);
    client_send(client, upgrade, sizeof upgrade - 1);
    take(&stream);
    return stream;
}

static void read_exactly(wsgi_stream *stream, char *data, size_t length) {
    while (length > 0) {
        int64_t got = wsgi_stream_read(stream, data, length, 0);
        if (got <= 0) FAIL("read: %lld", (long long)got);
        data += got, length -= (size_t)got;
    }
}

static void bytes_read_ahead_come_first(void) {
    char got[32] = "";
    char sent[512];
    host host = start();
    client client = client_open(host.address);
    wsgi_stream *stream = NULL;
    int length = snprintf(sent, sizeof sent, "GET / HTTP/1.1\r\nHost: test\r\n\r\n%sahead", upgrade);
    client_send(&client, sent, (size_t)length);
    take(&stream);
    expect(host.address, "/", 200, "plain");
    CHECK_INT(wsgi_stream_pending(stream), 5);
    client_send(&client, " and behind", 11);
    read_exactly(stream, got, 16);
    CHECK_STR(got, "ahead and behind");
    CHECK_INT(wsgi_stream_pending(stream), 0);
    CHECK_INT(wsgi_stream_write(stream, "end", 3, 0), 3);
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    reply reply = client_reply(&client, 0);
    CHECK_STR(reply.body, "plain");
    reply_free(&reply);
    CHECK_INT(client_need(&client, 3), 1);
    CHECK(memcmp(client.data, "end", 3) == 0);
    client_close(&client);
    end_host(&host);
}

static void a_started_upgrade_is_sent(void) {
    static const char head[] = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                               "Upgrade: echo\r\n";
    wsgi_stream *stream = NULL;
    host host = start();
    client client = client_open(host.address);
    client_get(&client, "/switch");
    take(&stream);
    CHECK_INT(client_need(&client, sizeof head - 1), 1);
    CHECK(memcmp(client.data, head, sizeof head - 1) == 0);
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    client_close(&client);
    expect(host.address, "/answered", 200, "answered");
    end_host(&host);
}

static void the_environ_is_good_until_the_call_returns(void) {
    char address[64] = "";
    wsgi_stream *stream = NULL;
    wsgi_server *server = new_server(app, address);
    host host = start_host(server);
    memcpy(address, host.address, sizeof address);
    client client = client_open(host.address);
    client_get(&client, "/keep?good-until-the-end-of-the-call");
    take(&stream);
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    client_close(&client);
    end_host(&host);
}

/* One thread of the host reads and another writes; the client does both as well. */
typedef struct pipe_ends {
    wsgi_stream *stream;
    int ends[2];
} pipe_ends;

static void *write_back(void *argument) {
    pipe_ends *pipe = argument;
    char piece[PIECE];
    ssize_t got;
    while ((got = read(pipe->ends[0], piece, sizeof piece)) > 0)
        CHECK_INT(wsgi_stream_write(pipe->stream, piece, (size_t)got, 0), got);
    CHECK_INT(wsgi_stream_shutdown(pipe->stream, WSGI_STREAM_WRITE), WSGI_OK);
    CHECK_INT(wsgi_stream_write(pipe->stream, "x", 1, 0), WSGI_E_STATE);
    return NULL;
}

static void *read_on(void *argument) {
    pipe_ends *pipe = argument;
    char piece[PIECE];
    int64_t got;
    while ((got = wsgi_stream_read(pipe->stream, piece, sizeof piece, 0)) > 0)
        CHECK_INT(write(pipe->ends[1], piece, (size_t)got), got);
    CHECK_INT(got, 0);
    close(pipe->ends[1]);
    return NULL;
}

static void *send_large(void *argument) {
    client *client = argument;
    unsigned char piece[PIECE];
    for (size_t at = 0; at < LARGE; at += PIECE) {
        for (size_t i = 0; i < PIECE; i++) piece[i] = (unsigned char)((at + i) * 7 >> 3);
        client_send(client, piece, PIECE);
    }
    CHECK_INT(shutdown(client->fd, SHUT_WR), 0);
    return NULL;
}

static void both_directions_at_once(void) {
    pthread_t threads[3];
    host host = start();
    client client;
    pipe_ends pipe = {hijack(&host, &client), {-1, -1}};
    CHECK_INT(pipe2(pipe.ends, O_CLOEXEC), 0);
    CHECK_INT(pthread_create(&threads[0], NULL, read_on, &pipe), 0);
    CHECK_INT(pthread_create(&threads[1], NULL, write_back, &pipe), 0);
    CHECK_INT(pthread_create(&threads[2], NULL, send_large, &client), 0);
    while (client_receive(&client) > 0) {
    }
    for (int i = 0; i < 3; i++) CHECK_INT(pthread_join(threads[i], NULL), 0);
    CHECK_INT(client.length, LARGE);
    for (size_t i = 0; i < LARGE; i++)
        CHECK((unsigned char)client.data[i] == (unsigned char)(i * 7 >> 3));
    close(pipe.ends[0]);
    CHECK_INT(wsgi_stream_free(pipe.stream), WSGI_OK);
    client_close(&client);
    end_host(&host);
}

/* A call that waits in another thread. */
typedef struct waiter {
    pthread_t thread;
    wsgi_stream *stream;
    int writes;
    int64_t result;
} waiter;

static void *wait_in_call(void *argument) {
    waiter *waiter = argument;
    static char endless[ENDLESS];
    /* Busy: just then it is looked whether this waits. */
    do {
        waiter->result = waiter->writes ? wsgi_stream_write(waiter->stream, endless, ENDLESS, 0)
                                        : wsgi_stream_read(waiter->stream, endless, 1, 0);
    } while (waiter->result == WSGI_BUSY);
    return NULL;
}

static void begin_to_wait(waiter *waiter, wsgi_stream *stream, int writes) {
    char none;
    waiter->stream = stream, waiter->writes = writes;
    CHECK_INT(pthread_create(&waiter->thread, NULL, wait_in_call, waiter), 0);
    WAIT_FOR((writes ? wsgi_stream_write(stream, &none, 0, WSGI_NONBLOCK)
                     : wsgi_stream_read(stream, &none, 0, WSGI_NONBLOCK)) == WSGI_BUSY);
}

static int64_t end_of_wait(waiter *waiter) {
    CHECK_INT(pthread_join(waiter->thread, NULL), 0);
    return waiter->result;
}

static void deadlines(void) {
    char byte;
    waiter waiter;
    host host = start();
    client client;
    wsgi_stream *stream = hijack(&host, &client);
    CHECK_INT(wsgi_stream_set_deadline(stream, WSGI_STREAM_READ, 30), WSGI_OK);
    CHECK_INT(wsgi_stream_read(stream, &byte, 1, 0), WSGI_E_TIMEOUT);
    CHECK_INT(wsgi_stream_read(stream, &byte, 1, WSGI_NONBLOCK), WSGI_E_TIMEOUT);
    CHECK_INT(wsgi_stream_write(stream, "x", 1, 0), 1);
    CHECK_INT(wsgi_stream_set_deadline(stream, WSGI_STREAM_BOTH, -1), WSGI_OK);
    CHECK_INT(wsgi_stream_read(stream, &byte, 1, WSGI_NONBLOCK), WSGI_AGAIN);

    begin_to_wait(&waiter, stream, 0); /* one that is set while a call waits */
    CHECK_INT(wsgi_stream_set_deadline(stream, WSGI_STREAM_READ, 0), WSGI_OK);
    CHECK_INT(end_of_wait(&waiter), WSGI_E_TIMEOUT);
    CHECK_INT(wsgi_stream_set_deadline(stream, 3, 0), WSGI_E_STATE);
    CHECK_INT(wsgi_stream_shutdown(stream, -1), WSGI_E_STATE);
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    client_close(&client);
    end_host(&host);
}

static void cancel_ends_both_waits(void) {
    char byte;
    waiter reader, writer;
    host host = start();
    client client;
    wsgi_stream *stream = hijack(&host, &client);
    begin_to_wait(&writer, stream, 1);
    begin_to_wait(&reader, stream, 0);
    CHECK_INT(wsgi_stream_read(stream, &byte, 1, 0), WSGI_BUSY);
    CHECK_INT(wsgi_stream_free(stream), WSGI_BUSY);
    CHECK_INT(client_need(&client, 1), 1);
    CHECK_INT(wsgi_stream_cancel(stream), WSGI_OK);
    CHECK_INT(end_of_wait(&reader), WSGI_E_CANCELLED);
    int64_t written = end_of_wait(&writer);
    CHECK(written > 0 && written < ENDLESS);
    CHECK_INT(wsgi_stream_write(stream, "x", 1, 0), WSGI_E_CANCELLED);
    CHECK_INT(wsgi_stream_read(stream, &byte, 1, 0), WSGI_E_CANCELLED);
    CHECK_INT(wsgi_stream_cancel(stream), WSGI_OK);
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    client_close(&client);
    end_host(&host);
}

static void a_client_that_leaves_is_an_error(void) {
    char byte;
    waiter writer;
    host host = start();
    client client;
    wsgi_stream *stream = hijack(&host, &client);
    begin_to_wait(&writer, stream, 1);
    CHECK_INT(client_need(&client, 1), 1);
    client_reset(&client);
    CHECK(end_of_wait(&writer) > 0);
    CHECK_INT(wsgi_stream_write(stream, "x", 1, 0), WSGI_E_CLIENT);
    CHECK(wsgi_stream_read(stream, &byte, 1, 0) <= 0);
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    end_host(&host);
}

/* A host with an event loop waits for the descriptor by itself. */
static void without_waiting(void) {
    static char much[1 << 20];
    char got[8] = "";
    int64_t count;
    host host = start();
    client client;
    wsgi_stream *stream = hijack(&host, &client);
    int fd = wsgi_stream_fd(stream);
    struct pollfd event = {fd, POLLIN, 0};
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK_INT(wsgi_stream_read(stream, got, sizeof got, WSGI_NONBLOCK), WSGI_AGAIN);
    CHECK_INT(wsgi_stream_read(stream, got, sizeof got, 99), WSGI_E_STATE);
    client_send(&client, "event", 5);
    CHECK_INT(poll(&event, 1, FACT_DEADLINE * 1000), 1);
    CHECK_INT(wsgi_stream_read(stream, got, sizeof got, WSGI_NONBLOCK), 5);
    CHECK_STR(got, "event");
    while ((count = wsgi_stream_write(stream, much, sizeof much, WSGI_NONBLOCK)) > 0) {
    }
    CHECK_INT(count, WSGI_AGAIN);
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    client_close(&client);
    end_host(&host);
}

static void *hijack_later(void *argument) {
    host *host = argument;
    wsgi_request request = take(NULL);
    wsgi_stream *stream = NULL;
    CHECK_INT(wsgi_request_hijack(host->server, request, 0, &stream), WSGI_OK);
    check_gone(host->server, request);
    CHECK_INT(wsgi_stream_write(stream, "later", 5, 0), 5);
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    return NULL;
}

static void a_detached_request_in_another_thread(void) {
    pthread_t thread;
    host host = start();
    client client = client_open(host.address);
    CHECK_INT(pthread_create(&thread, NULL, hijack_later, &host), 0);
    client_get(&client, "/detach");
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_INT(client_need(&client, 5), 1);
    CHECK(memcmp(client.data, "later", 5) == 0);
    client_close(&client);
    end_host(&host);
}

static void a_pulled_request(void) {
    wsgi_worker *worker = NULL;
    wsgi_stream *stream = NULL;
    wsgi_event event = {0};
    event.struct_size = sizeof event;
    host host = start_host(new_server(NULL, NULL));
    CHECK_INT(wsgi_worker_new(host.server, &worker, NULL), WSGI_OK);
    client client = client_open(host.address);
    client_send(&client, upgrade, sizeof upgrade - 1);
    CHECK_INT(wsgi_worker_next(worker, &event, 1, FACT_DEADLINE * 1000), 1);
    CHECK_INT(wsgi_request_hijack(host.server, event.request, 0, &stream), WSGI_OK);
    check_gone(host.server, event.request);
    CHECK_INT(wsgi_worker_free(worker), WSGI_OK);
    end_host(&host);
    CHECK_INT(wsgi_request_hijack(NULL, event.request, 0, &stream), WSGI_E_NULL);
    CHECK_INT(wsgi_stream_write(stream, "pulled", 6, 0), 6);
    CHECK_INT(client_need(&client, 6), 1);
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    client_close(&client);
}

/* A host may go on with a duplicate of the descriptor, once it has what was read ahead. */
static void the_descriptor_alone(void) {
    host host = start();
    client client;
    wsgi_stream *stream = hijack(&host, &client);
    CHECK_INT(wsgi_stream_pending(stream), 0);
    int fd = fcntl(wsgi_stream_fd(stream), F_DUPFD_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    CHECK_INT(write(fd, "raw", 3), 3);
    CHECK_INT(client_need(&client, 3), 1);
    close(fd);
    client.length = 0;
    expect_closed(&client);
    client_close(&client);
    end_host(&host);
}

static void a_stream_outlives_its_server(void) {
    char got[5] = "";
    host host = start();
    client client, second;
    wsgi_stream *stream = hijack(&host, &client);
    CHECK_INT(wsgi_stream_free(hijack(&host, &second)), WSGI_OK);
    client_close(&second);
    end_host(&host);
    client_send(&client, "ping", 4);
    read_exactly(stream, got, 4);
    CHECK_STR(got, "ping");
    CHECK_INT(wsgi_stream_write(stream, "pong", 4, 0), 4);
    CHECK_INT(client_need(&client, 4), 1);
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    client.length = 0;
    expect_closed(&client);
    client_close(&client);
}

static void a_thousand_leave_nothing_behind(void) {
    size_t fds = descriptors();
    host host = start();
    size_t running = descriptors();
    for (int i = 0; i < 1000; i++) {
        char byte;
        client client;
        wsgi_stream *stream = hijack(&host, &client);
        CHECK_INT(wsgi_stream_set_deadline(stream, WSGI_STREAM_READ, i % 2), WSGI_OK);
        CHECK_INT(wsgi_stream_read(stream, &byte, 1, 0), WSGI_E_TIMEOUT);
        if (i % 3 == 0) client_close(&client);
        CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
        if (i % 3 != 0) client_close(&client);
    }
    CHECK_INT(descriptors(), running);
    expect(host.address, "/", 200, "plain");
    end_host(&host);
    CHECK_INT(descriptors(), fds);
}

static void null_is_an_error(void) {
    char byte;
    CHECK_INT(wsgi_stream_read(NULL, &byte, 1, 0), WSGI_E_NULL);
    CHECK_INT(wsgi_stream_write(NULL, "x", 1, 0), WSGI_E_NULL);
    CHECK_INT(wsgi_stream_pending(NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_stream_shutdown(NULL, WSGI_STREAM_BOTH), WSGI_E_NULL);
    CHECK_INT(wsgi_stream_set_deadline(NULL, WSGI_STREAM_BOTH, 0), WSGI_E_NULL);
    CHECK_INT(wsgi_stream_cancel(NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_stream_fd(NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_stream_free(NULL), WSGI_OK);
    host host = start();
    client client;
    wsgi_stream *stream = hijack(&host, &client);
    CHECK_INT(wsgi_stream_read(stream, NULL, 1, 0), WSGI_E_NULL);
    CHECK_INT(wsgi_stream_write(stream, NULL, 1, 0), WSGI_E_NULL);
    CHECK_INT(wsgi_stream_read(stream, NULL, 0, 0), 0);
    CHECK_INT(wsgi_stream_write(stream, NULL, 0, 0), 0);
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    client_close(&client);
    end_host(&host);
}

int main(void) {
    static const test tests[] = {
        {"bytes read ahead come first", bytes_read_ahead_come_first},
        {"a started upgrade is sent", a_started_upgrade_is_sent},
        {"the environ is good until the call returns", the_environ_is_good_until_the_call_returns},
        {"both directions at once", both_directions_at_once},
        {"deadlines", deadlines},
        {"cancel ends both waits", cancel_ends_both_waits},
        {"a client that leaves is an error", a_client_that_leaves_is_an_error},
        {"without waiting", without_waiting},
        {"a detached request in another thread", a_detached_request_in_another_thread},
        {"a pulled request", a_pulled_request},
        {"the descriptor alone", the_descriptor_alone},
        {"a stream outlives its server", a_stream_outlives_its_server},
        {"a thousand leave nothing behind", a_thousand_leave_nothing_behind},
        {"null is an error", null_is_an_error},
    };
    return run_tests(tests, COUNT(tests));
}
