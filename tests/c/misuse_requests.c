/* What the functions that take a request say in each state of it: one table for all of them. */
#include "misuse_requests.h"

#include <pthread.h>

static wsgi_status begin(const site *site, wsgi_request request, const char *length) {
    wsgi_header header = {{"Content-Length", 14}, {length, length ? strlen(length) : 0}};
    return wsgi_start_response(site->server, request, str("200 OK"), &header, length != NULL, 0);
}

/* Every function once in each state, each on a request of its own. */
static void each_state_of_a_request(void) {
    site site = open_site();
    for (size_t i = 0; i < COUNT(REQUEST_ROWS); i++) {
        for (enum state state = FRESH; state < ANSWERED; state++) {
            static const char *const names[] = {"fresh", "twice", "started", "declared", "written"};
            const struct request_row *row = &REQUEST_ROWS[i];
            client client;
            wsgi_request request = ask(&site, &client);
            if (state == TWICE) row->call(site.server, request);
            if (state >= STARTED)
                CHECK_INT(begin(&site, request, state == DECLARED ? "0" : NULL), WSGI_OK);
            if (state == WRITTEN) CHECK_INT(wsgi_write(site.server, request, "x", 1, 0), WSGI_OK);
            check_row(row->function, names[state], row->call(site.server, request),
                      row->says[state]);
            wsgi_status end = wsgi_abort(site.server, request);
            CHECK(end == WSGI_OK || end == WSGI_GONE);
            all_say(site.server, request, "gone", WSGI_GONE);
            client_close(&client);
        }
    }
    close_site(&site);
    CHECK_INT(given, given_back);
}

static const struct request_row *asked;
static int64_t said;

static int32_t answer_then_call(void *user_data, wsgi_request request, const wsgi_environ *environ,
                                const wsgi_responder *responder) {
    (void)user_data;
    CHECK_INT(say(environ->server, request, "answer"), WSGI_OK);
    CHECK_INT(responder->start_response(responder->context, str("200 OK"), NULL, 0, 0),
              WSGI_E_STATE);
    CHECK_INT(responder->start_response(responder->context, str("200 OK"), NULL, 0, 1),
              WSGI_E_STATE);
    CHECK_INT(responder->write(responder->context, "x", 1), WSGI_E_STATE);
    said = asked->call(environ->server, request);
    return WSGI_DONE;
}

/* The answer has gone out as it was, whatever is done to the request after it. */
static void after_the_answer(void) {
    host host = new_host(answer_then_call, NULL, "1");
    for (size_t i = 0; i < COUNT(REQUEST_ROWS); i++) {
        asked = &REQUEST_ROWS[i];
        said = 12345;
        expect(host.address, "/", 200, "answer");
        WAIT_FOR(__atomic_load_n(&said, __ATOMIC_SEQ_CST) != 12345);
        check_row(asked->function, "answered", said, asked->says[ANSWERED]);
    }
    end_host(&host);
    CHECK_INT(given, given_back);
}

static void no_server_and_no_such_request(void) {
    static const wsgi_request nobody[] = {0, 1, 0x123456789abcdefULL, UINT64_MAX};
    client client;
    site site = open_site();
    wsgi_request request = ask(&site, &client);
    all_say(NULL, request, "no server", WSGI_E_NULL);
    for (size_t i = 0; i < COUNT(nobody); i++)
        all_say(site.server, nobody[i], "never was one", WSGI_GONE);
    wsgi_server *other = new_server(NULL, NULL);
    all_say(other, request, "server not started", WSGI_GONE);
    CHECK_INT(wsgi_server_free(other), WSGI_OK);

    wsgi_stream *stream = NULL;
    CHECK_INT(wsgi_request_hijack(site.server, request, 0, &stream), WSGI_OK);
    all_say(site.server, request, "hijacked", WSGI_GONE);

    struct client second;
    request = ask(&site, &second);
    CHECK_INT(wsgi_server_stop(site.server, NULL), WSGI_OK);
    all_say(site.server, request, "server stopped", WSGI_GONE);
    close_site(&site);
    CHECK_INT(wsgi_stream_write(stream, "later", 5, 0), 5); /* it outlives its server */
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    CHECK_INT(given, given_back);
    client_close(&client);
    client_close(&second);
}

/* Waits for the body's last byte. */
static site busy_site;
static wsgi_request busy_request;
static int bytes_read;

static void *read_all(void *result) {
    char byte;
    while ((*(int64_t *)result =
                wsgi_request_read(busy_site.server, busy_request, &byte, 1, 0)) != 0) {
        int64_t got = *(int64_t *)result;
        if (got == WSGI_BUSY) continue; /* the test has looked just now */
        CHECK_INT(got, 1);
        __atomic_add_fetch(&bytes_read, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void another_thread_is_in_a_call(void) {
    static const char text[] = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n";
    char body[1000];
    pthread_t reader;
    int64_t result = 12345;
    memset(body, 'b', sizeof body);
    busy_site = open_site();
    client client = client_open(busy_site.address);
    client_send(&client, text, sizeof text - 1);
    for (int i = 0; i < 80; i++) client_send(&client, body, sizeof body); /* more is read ahead */
    busy_request = next_request(&busy_site);
    CHECK_INT(pthread_create(&reader, NULL, read_all, &result), 0);
    /* between two bytes it is free for a moment; when it waits it is not */
    WAIT_FOR(__atomic_load_n(&bytes_read, __ATOMIC_SEQ_CST) == 80000 &&
             wsgi_request_aborted(busy_site.server, busy_request) == WSGI_BUSY);
    all_say(busy_site.server, busy_request, "busy", WSGI_BUSY);
    for (int i = 0; i < 20; i++) client_send(&client, body, sizeof body);
    CHECK_INT(pthread_join(reader, NULL), 0);
    CHECK_INT(result, 0);
    CHECK_INT(say(busy_site.server, busy_request, "read"), WSGI_OK);
    reply reply = client_reply(&client, 0);
    CHECK_STR(reply.body, "read");
    reply_free(&reply);
    client_close(&client);
    close_site(&busy_site);
    CHECK_INT(given, given_back);
}

/* All functions on one request from several threads: each call is whole, and says something that is
 * defined. */
enum { THREADS = 4 };

static void *call_everything(void *index) {
    for (size_t i = 0; i < 10 * COUNT(REQUEST_ROWS); i++) {
        size_t at = (i * 7 + *(size_t *)index * 5) % COUNT(REQUEST_ROWS);
        int64_t status = status_of(REQUEST_ROWS[at].call(busy_site.server, busy_request));
        if (status != WSGI_OK && status != WSGI_GONE && status != WSGI_BUSY &&
            status != WSGI_E_STATE)
            FAIL("%s from several threads: %s", REQUEST_ROWS[at].function,
                 wsgi_status_name((wsgi_status)status));
    }
    return NULL;
}

static void several_threads_at_once(void) {
    busy_site = open_site();
    for (int round = 0; round < 50; round++) {
        pthread_t pool[THREADS];
        size_t numbers[THREADS];
        client client;
        busy_request = ask(&busy_site, &client);
        for (size_t i = 0; i < THREADS; i++) {
            numbers[i] = i;
            CHECK_INT(pthread_create(&pool[i], NULL, call_everything, &numbers[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) CHECK_INT(pthread_join(pool[i], NULL), 0);
        /* Each call that would have ended it may have met another one. */
        wsgi_status end = wsgi_abort(busy_site.server, busy_request);
        CHECK(end == WSGI_OK || end == WSGI_GONE);
        all_say(busy_site.server, busy_request, "all threads are done", WSGI_GONE);
        client_close(&client);
    }
    close_site(&busy_site);
    CHECK_INT(given, given_back);
}

/* The same while the server is stopped and freed as soon as no call is under way. */
static void while_the_server_stops(void) {
    for (int round = 0; round < 20; round++) {
        pthread_t caller;
        client client;
        size_t zero = 0;
        busy_site = open_site();
        busy_request = ask(&busy_site, &client);
        CHECK_INT(pthread_create(&caller, NULL, call_everything, &zero), 0);
        CHECK_INT(wsgi_server_stop(busy_site.server, NULL), WSGI_OK);
        all_say(busy_site.server, busy_request, "stopped", WSGI_GONE);
        CHECK_INT(pthread_join(caller, NULL), 0);
        close_site(&busy_site);
        CHECK_INT(given, given_back);
        client_close(&client);
    }
}

int main(void) {
    static const test tests[] = {
        {"each state of a request", each_state_of_a_request},
        {"after the answer", after_the_answer},
        {"no server and no such request", no_server_and_no_such_request},
        {"another thread is in a call", another_thread_is_in_a_call},
        {"several threads at once", several_threads_at_once},
        {"while the server stops", while_the_server_stops},
    };
    make_file();
    return run_tests(tests, COUNT(tests));
}
