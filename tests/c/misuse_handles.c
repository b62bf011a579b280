/* Workers, streams, dispatchers and what takes no handle at all: in each state, twice, and from two
 * threads at once. */
#include "misuse.h"

#include <pthread.h>

enum handle_state { LIVING, BUSY, STOPPED, HANDLE_STATES };

static int32_t answer(void *user_data, wsgi_request request, const wsgi_environ *environ,
                      const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    return say(environ->server, request, "app");
}

/* Workers: living, in wsgi_worker_next on another thread, of a server that has stopped. */
static int64_t do_wsgi_worker_next(wsgi_worker *worker) {
    wsgi_event event = {0};
    event.struct_size = sizeof event;
    return wsgi_worker_next(worker, &event, 1, 0);
}
static int64_t do_wsgi_worker_wake(wsgi_worker *worker) { return wsgi_worker_wake(worker); }
static int64_t do_wsgi_worker_free(wsgi_worker *worker) { return wsgi_worker_free(worker); }

static const struct worker_row {
    const char *function;
    int64_t (*call)(wsgi_worker *worker);
    int64_t says[HANDLE_STATES];
} WORKER_ROWS[] = {
    /*                       LIVING      BUSY       STOPPED */
    ROW(wsgi_worker_next,    WSGI_AGAIN, WSGI_BUSY, WSGI_E_STOPPING),
    ROW(wsgi_worker_wake,    WSGI_OK,    WSGI_OK,   WSGI_OK),
    ROW(wsgi_worker_free,    WSGI_OK,    WSGI_BUSY, WSGI_OK), /* the last one: it frees */
};

static int stop_pulling;

static void *pull(void *worker) {
    wsgi_event event = {0};
    event.struct_size = sizeof event;
    while (!__atomic_load_n(&stop_pulling, __ATOMIC_SEQ_CST)) {
        int32_t status = wsgi_worker_next(worker, &event, 1, 60000);
        CHECK(status == WSGI_AGAIN || status == WSGI_BUSY);
    }
    return NULL;
}

static void workers(void) {
    site site = open_site();
    wsgi_worker *other = NULL;
    CHECK_INT(wsgi_worker_new(site.server, &other, NULL), WSGI_OK);
    for (size_t i = 0; i < COUNT(WORKER_ROWS); i++)
        check_row(WORKER_ROWS[i].function, "living", WORKER_ROWS[i].call(other),
                  WORKER_ROWS[i].says[LIVING]);

    pthread_t puller;
    stop_pulling = 0;
    CHECK_INT(pthread_create(&puller, NULL, pull, site.worker), 0);
    for (size_t i = 0; i < COUNT(WORKER_ROWS); i++) {
        WAIT_FOR(do_wsgi_worker_next(site.worker) == WSGI_BUSY);
        if (WORKER_ROWS[i].call == do_wsgi_worker_wake) continue; /* it would not be busy then */
        check_row(WORKER_ROWS[i].function, "busy", WORKER_ROWS[i].call(site.worker),
                  WORKER_ROWS[i].says[BUSY]);
    }
    __atomic_store_n(&stop_pulling, 1, __ATOMIC_SEQ_CST);
    CHECK_INT(wsgi_worker_wake(site.worker), WSGI_OK);
    CHECK_INT(pthread_join(puller, NULL), 0);

    /* a worker lives on when its server is stopped, and even freed */
    CHECK_INT(wsgi_server_stop(site.server, NULL), WSGI_OK);
    CHECK_INT(do_wsgi_worker_next(site.worker), WSGI_E_STOPPING);
    CHECK_INT(wsgi_server_free(site.server), WSGI_OK);
    for (size_t i = 0; i < COUNT(WORKER_ROWS); i++)
        check_row(WORKER_ROWS[i].function, "stopped", WORKER_ROWS[i].call(site.worker),
                  WORKER_ROWS[i].says[STOPPED]);
}

/* Streams: living, cancelled (BUSY's place), and their server freed. */
static int64_t do_wsgi_stream_read(wsgi_stream *stream) {
    char buffer[8];
    return wsgi_stream_read(stream, buffer, sizeof buffer, WSGI_NONBLOCK);
}
static int64_t do_wsgi_stream_write(wsgi_stream *stream) {
    return wsgi_stream_write(stream, "x", 1, 0);
}
static int64_t do_wsgi_stream_pending(wsgi_stream *stream) { return wsgi_stream_pending(stream); }
static int64_t do_wsgi_stream_fd(wsgi_stream *stream) { return wsgi_stream_fd(stream); }
static int64_t do_wsgi_stream_set_deadline(wsgi_stream *stream) {
    CHECK_INT(wsgi_stream_set_deadline(stream, 3, 0), WSGI_E_STATE);
    return wsgi_stream_set_deadline(stream, WSGI_STREAM_BOTH, 60000);
}
static int64_t do_wsgi_stream_shutdown(wsgi_stream *stream) {
    CHECK_INT(wsgi_stream_shutdown(stream, -1), WSGI_E_STATE);
    return wsgi_stream_shutdown(stream, WSGI_STREAM_WRITE);
}
static int64_t do_wsgi_stream_cancel(wsgi_stream *stream) { return wsgi_stream_cancel(stream); }
static int64_t do_wsgi_stream_free(wsgi_stream *stream) { return wsgi_stream_free(stream); }

enum stream_state { HIJACKED, SHUT, CANCELLED, STREAM_STATES };

#define OK WSGI_OK
static const struct stream_row {
    const char *function;
    int64_t (*call)(wsgi_stream *stream);
    int64_t says[STREAM_STATES];
} STREAM_ROWS[] = {
    /*                            HIJACKED    SHUT          CANCELLED */
    ROW(wsgi_stream_read,         WSGI_AGAIN, WSGI_AGAIN,   WSGI_E_CANCELLED),
    ROW(wsgi_stream_write,        OK,         WSGI_E_STATE, WSGI_E_CANCELLED),
    ROW(wsgi_stream_pending,      OK,         OK,           OK),
    ROW(wsgi_stream_fd,           OK,         OK,           OK),
    ROW(wsgi_stream_set_deadline, OK,         OK,           OK),
    ROW(wsgi_stream_shutdown,     OK,         OK,           OK),
    ROW(wsgi_stream_cancel,       OK,         OK,           OK),
    ROW(wsgi_stream_free,         OK,         OK,           OK),
};
#undef OK

/* Each function on a stream of its own, whose server is there or has been freed. */
static void streams(void) {
    static const char *const names[] = {"hijacked", "shut down", "cancelled"};
    for (int freed = 0; freed < 2; freed++)
        for (size_t i = 0; i < COUNT(STREAM_ROWS); i++)
            for (enum stream_state state = HIJACKED; state < STREAM_STATES; state++) {
                const struct stream_row *row = &STREAM_ROWS[i];
                site site = open_site();
                client client;
                wsgi_stream *stream = NULL;
                char body[2];
                wsgi_request request = ask(&site, &client);
                CHECK_INT(wsgi_request_hijack(site.server, request, 0, &stream), WSGI_OK);
                CHECK_INT(wsgi_stream_read(stream, body, 2, 0), 2);
                if (freed) close_site(&site);
                if (state == SHUT)
                    CHECK_INT(wsgi_stream_shutdown(stream, WSGI_STREAM_WRITE), WSGI_OK);
                if (state == CANCELLED) CHECK_INT(wsgi_stream_cancel(stream), WSGI_OK);
                check_row(row->function, names[state], row->call(stream), row->says[state]);
                if (row->call != do_wsgi_stream_free)
                    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
                if (!freed) close_site(&site);
                client_close(&client);
            }
}

static void *read_to_the_end(void *stream) {
    char buffer[8];
    int64_t result;
    while ((result = wsgi_stream_read(stream, buffer, sizeof buffer, 0)) > 0) {
    }
    CHECK(result == WSGI_E_CANCELLED || result == WSGI_BUSY);
    return NULL;
}

static void a_stream_that_another_thread_reads(void) {
    site site = open_site();
    client client;
    wsgi_stream *stream = NULL;
    pthread_t reader;
    char byte;
    wsgi_request request = ask(&site, &client);
    CHECK_INT(wsgi_request_hijack(site.server, request, 0, &stream), WSGI_OK);
    CHECK_INT(pthread_create(&reader, NULL, read_to_the_end, stream), 0);
    WAIT_FOR(wsgi_stream_read(stream, &byte, 1, WSGI_NONBLOCK) == WSGI_BUSY);
    WAIT_FOR(wsgi_stream_free(stream) == WSGI_BUSY);
    CHECK_INT(wsgi_stream_write(stream, "x", 1, 0), 1); /* the other direction is free */
    CHECK_INT(wsgi_stream_cancel(stream), WSGI_OK);
    CHECK_INT(pthread_join(reader, NULL), 0);
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    client_close(&client);
    close_site(&site);
}

/* Dispatchers: empty, and in use under a server that serves. */
static int64_t do_wsgi_path_info_dispatcher_new(wsgi_path_info_dispatcher *unused) {
    wsgi_path_info_dispatcher *made = NULL;
    (void)unused;
    wsgi_status status = wsgi_path_info_dispatcher_new(&made);
    wsgi_path_info_dispatcher_free(made);
    return status;
}
static int64_t do_wsgi_path_info_dispatcher_add(wsgi_path_info_dispatcher *dispatcher) {
    return wsgi_path_info_dispatcher_add(dispatcher, "/twice", answer, NULL, NULL, NULL);
}
static int64_t do_wsgi_path_info_dispatcher_remove(wsgi_path_info_dispatcher *dispatcher) {
    return wsgi_path_info_dispatcher_remove(dispatcher, "/twice", NULL);
}
static int64_t do_wsgi_path_info_dispatcher_app(wsgi_path_info_dispatcher *dispatcher) {
    wsgi_environ environ = {0};
    wsgi_responder responder = {0};
    return wsgi_path_info_dispatcher_app(dispatcher, 1, &environ, &responder);
}
static int64_t do_wsgi_status_page(wsgi_path_info_dispatcher *unused) {
    wsgi_environ environ = {0};
    wsgi_responder responder = {0};
    (void)unused;
    return wsgi_status_page(NULL, 1, &environ, &responder);
}
static int64_t do_wsgi_path_info_dispatcher_free(wsgi_path_info_dispatcher *unused) {
    (void)unused;
    wsgi_path_info_dispatcher_free(NULL);
    return WSGI_OK;
}

static const struct dispatcher_row {
    const char *function;
    int64_t (*call)(wsgi_path_info_dispatcher *dispatcher);
    int64_t says[2];
} DISPATCHER_ROWS[] = {
    /*                                    ONCE         TWICE */
    ROW(wsgi_path_info_dispatcher_new,    WSGI_OK,     WSGI_OK),
    ROW(wsgi_path_info_dispatcher_add,    WSGI_OK,     WSGI_E_OPTION),
    ROW(wsgi_path_info_dispatcher_remove, WSGI_OK,     WSGI_E_OPTION),
    ROW(wsgi_path_info_dispatcher_app,    WSGI_E_NULL, WSGI_E_NULL), /* nobody to say 404 to */
    ROW(wsgi_status_page,                 WSGI_E_NULL, WSGI_E_NULL), /* no server to tell of */
    ROW(wsgi_path_info_dispatcher_free,   WSGI_OK,     WSGI_OK),
};

static void *mount_and_unmount(void *dispatcher) {
    for (int i = 0; i < 1000; i++)
        for (size_t row = 0; row < COUNT(DISPATCHER_ROWS); row++) {
            int64_t status = DISPATCHER_ROWS[row].call(dispatcher);
            CHECK(status == DISPATCHER_ROWS[row].says[0] || status == DISPATCHER_ROWS[row].says[1]);
        }
    return NULL;
}

static void dispatchers(void) {
    wsgi_path_info_dispatcher *dispatcher = NULL;
    pthread_t threads[2];
    CHECK_INT(wsgi_path_info_dispatcher_new(&dispatcher), WSGI_OK);
    for (size_t i = 0; i < COUNT(DISPATCHER_ROWS); i++)
        for (int again = 0; again < 2; again++)
            check_row(DISPATCHER_ROWS[i].function, again ? "twice" : "once",
                      DISPATCHER_ROWS[i].call(dispatcher), DISPATCHER_ROWS[i].says[again]);
    wsgi_server *server = NULL;
    CHECK_INT(wsgi_server_new("127.0.0.1:0", wsgi_path_info_dispatcher_app, dispatcher,
                              wsgi_path_info_dispatcher_free, &server, NULL),
              WSGI_OK);
    host host = start_host(server);
    for (int i = 0; i < 2; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, mount_and_unmount, dispatcher), 0);
    for (int i = 0; i < 50; i++) {
        reply reply = fetch(host.address, "/twice");
        CHECK(reply.status == 200 || reply.status == 404);
        reply_free(&reply);
    }
    for (int i = 0; i < 2; i++) CHECK_INT(pthread_join(threads[i], NULL), 0);
    end_host(&host);
}

/* No state: they say the same whenever and wherever they are called. */
static int64_t do_wsgi_abi_version(void) { return (int64_t)wsgi_abi_version() - 1; }
static int64_t do_wsgi_version(void) { return strlen(wsgi_version()) > 0 ? WSGI_OK : -99; }
static int64_t do_wsgi_status_name(void) {
    for (wsgi_status status = WSGI_E_FATAL_SSL_ALERT; status <= WSGI_E_NULL; status++)
        CHECK(strncmp(wsgi_status_name(status), "WSGI_E_", 7) == 0);
    CHECK_STR(wsgi_status_name(WSGI_OK), "WSGI_OK");
    CHECK_STR(wsgi_status_name(WSGI_AGAIN), "WSGI_AGAIN");
    CHECK_STR(wsgi_status_name(WSGI_GONE), "WSGI_GONE");
    CHECK_STR(wsgi_status_name(WSGI_BUSY), "WSGI_BUSY");
    CHECK_STR(wsgi_status_name(1), "unknown status");
    CHECK_STR(wsgi_status_name(INT32_MIN), "unknown status");
    return WSGI_OK;
}
static int64_t do_wsgi_key_name(void) {
    CHECK(wsgi_key_name(0) == NULL && wsgi_key_name(UINT32_MAX) == NULL);
    CHECK_STR(wsgi_key_name(WSGI_KEY_HTTP_HOST), "HTTP_HOST");
    return WSGI_OK;
}
static int64_t do_wsgi_histogram_bound(void) {
    CHECK(wsgi_histogram_bound(0) > 0);
    return WSGI_OK;
}
static int64_t do_wsgi_server_option_count(void) { return (int64_t)wsgi_server_option_count(); }
static int64_t do_wsgi_server_option_info(void) {
    wsgi_option_info info = {0};
    CHECK_INT(wsgi_server_option_info(0, &info), WSGI_E_STATE);
    info.struct_size = sizeof info;
    CHECK_INT(wsgi_server_option_info(SIZE_MAX, &info), WSGI_E_OPTION);
    return wsgi_server_option_info(0, &info);
}
static int64_t do_wsgi_server_new(void) {
    wsgi_server *server = NULL;
    wsgi_status status = wsgi_server_new(NULL, answer, NULL, NULL, &server, NULL);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
    return status;
}
static int64_t do_wsgi_error_status(void) {
    wsgi_error *error = NULL;
    CHECK_INT(wsgi_server_prepare(NULL, &error), WSGI_E_NULL);
    CHECK_INT(wsgi_error_status(error), WSGI_E_NULL);
    CHECK_STR(wsgi_error_message(error), "server is NULL");
    wsgi_error_free(error);
    return WSGI_OK;
}
static int64_t do_wsgi_error_message(void) { return do_wsgi_error_status(); }
static int64_t do_wsgi_error_free(void) { return do_wsgi_error_status(); }
static int64_t do_wsgi_percent_decode(void) {
    char text[] = "%41+%4";
    CHECK_INT(wsgi_percent_decode(text, 6, 1, text, 6), 4);
    return memcmp(text, "A %4", 4) == 0 ? WSGI_OK : -99;
}
static int64_t do_wsgi_query_next(void) {
    wsgi_str rest = {"", 0}, name, value;
    return wsgi_query_next(&rest, &name, &value);
}
static int64_t do_wsgi_cookie_get(void) {
    wsgi_str value;
    return wsgi_cookie_get(str(""), str("a"), &value);
}

static const struct plain_row {
    const char *function;
    int64_t (*call)(void);
    int64_t says[1];
} PLAIN_ROWS[] = {
    ROW(wsgi_abi_version, WSGI_OK),         ROW(wsgi_version, WSGI_OK),
    ROW(wsgi_status_name, WSGI_OK),         ROW(wsgi_key_name, WSGI_OK),
    ROW(wsgi_server_option_count, WSGI_OK), ROW(wsgi_server_option_info, WSGI_OK),
    ROW(wsgi_server_new, WSGI_OK),          ROW(wsgi_error_status, WSGI_OK),
    ROW(wsgi_error_message, WSGI_OK),       ROW(wsgi_error_free, WSGI_OK),
    ROW(wsgi_percent_decode, WSGI_OK),      ROW(wsgi_query_next, WSGI_OK),
    ROW(wsgi_cookie_get, WSGI_OK),          ROW(wsgi_histogram_bound, WSGI_OK),
};

static void *call_plain(void *unused) {
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < COUNT(PLAIN_ROWS); i++)
            check_row(PLAIN_ROWS[i].function, "any time", PLAIN_ROWS[i].call(),
                      PLAIN_ROWS[i].says[0]);
    return unused;
}

static void what_has_no_state(void) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, call_plain, NULL), 0);
    call_plain(NULL);
    for (int i = 0; i < 2; i++) CHECK_INT(pthread_join(threads[i], NULL), 0);
}

int main(void) {
    static const test tests[] = {
        {"workers", workers},
        {"streams", streams},
        {"a stream that another thread reads", a_stream_that_another_thread_reads},
        {"dispatchers", dispatchers},
        {"what has no state", what_has_no_state},
    };
    return run_tests(tests, COUNT(tests));
}
