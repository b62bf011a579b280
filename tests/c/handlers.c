/* The handler table: hooks of threads and their data, app and gateway, and whose user data is. */
#include "client.h"
#include "host.h"

#include <pthread.h>

enum { MOST = 16 };

typedef struct thread_record {
    pthread_t thread;
    int starts, stops, calls;
} thread_record;

typedef struct records {
    thread_record of[MOST];
    uint32_t fails_from;
    int freed;
} records;

static records records_new(uint32_t fails_from) {
    records records = {0};
    records.fails_from = fails_from;
    return records;
}

static void count_free(void *user_data) {
    ((records *)user_data)->freed++;
}

static int32_t on_start(void *user_data, uint32_t index, void **thread_data, char *reason,
                        size_t capacity) {
    records *records = user_data;
    CHECK(*thread_data == NULL && index < MOST);
    if (index >= records->fails_from) {
        if (index > 0) snprintf(reason, capacity, "the state for %u is missing", (unsigned)index);
        return -7;
    }
    thread_record *record = &records->of[index];
    record->thread = pthread_self();
    __atomic_fetch_add(&record->starts, 1, __ATOMIC_SEQ_CST);
    *thread_data = record;
    return 0;
}

static void on_stop(void *user_data, uint32_t index, void *thread_data) {
    thread_record *record = thread_data;
    CHECK(record == &((records *)user_data)->of[index]);
    CHECK(pthread_equal(record->thread, pthread_self()));
    __atomic_fetch_add(&record->stops, 1, __ATOMIC_SEQ_CST);
}

static int32_t note_call(void *thread_data) {
    thread_record *record = thread_data;
    CHECK(record != NULL && pthread_equal(record->thread, pthread_self()));
    __atomic_fetch_add(&record->calls, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static int32_t app(void *user_data, wsgi_request request, const wsgi_environ *environ,
                   const wsgi_responder *responder) {
    (void)responder;
    CHECK(user_data != NULL);
    note_call(environ->thread_data);
    return say(environ->server, request, "app");
}

static int32_t gateway(void *user_data, void *thread_data, wsgi_server *server,
                       wsgi_request request) {
    CHECK(user_data != NULL);
    note_call(thread_data);
    return say(server, request, "gateway");
}

static int32_t other(void *user_data, wsgi_request request, const wsgi_environ *environ,
                     const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    CHECK(environ->thread_data == NULL);
    return say(environ->server, request, "other");
}

static wsgi_handlers table(void) {
    wsgi_handlers handlers = {0};
    handlers.struct_size = sizeof handlers;
    handlers.thread_start = on_start;
    handlers.thread_stop = on_stop;
    return handlers;
}

static void check_threads(const records *records, uint32_t count) {
    for (uint32_t i = 0; i < MOST; i++) {
        CHECK_INT(records->of[i].starts, i < count);
        CHECK_INT(records->of[i].stops, i < count);
    }
}

static void threads_start_and_stop(void) {
    records records = records_new(MOST);
    wsgi_handlers handlers = table();
    handlers.app = app;
    wsgi_server *server = new_server(NULL, NULL);
    set(server, "numthreads", "3");
    CHECK_INT(wsgi_server_set_handlers(server, &handlers, &records, count_free, NULL), WSGI_OK);
    host host = start_host(server);
    for (int i = 0; i < 3; i++) CHECK_INT(records.of[i].starts, 1);
    for (int i = 0; i < 20; i++) expect(host.address, "/", 200, "app");
    CHECK_INT(wsgi_server_set_handlers(server, &handlers, NULL, NULL, NULL), WSGI_E_STATE);
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    check_threads(&records, 3);
    CHECK_INT(records.of[0].calls + records.of[1].calls + records.of[2].calls, 20);
    CHECK_INT(records.freed, 0);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
    CHECK_INT(records.freed, 1);
}

static void a_gateway_needs_no_environ(void) {
    records records = records_new(MOST);
    wsgi_handlers handlers = table();
    handlers.gateway = gateway;
    wsgi_server *server = new_server(other, NULL);
    CHECK_INT(wsgi_server_set_handlers(server, &handlers, &records, count_free, NULL), WSGI_OK);
    host host = start_host(server);
    expect(host.address, "/", 200, "gateway");
    end_host(&host);
    CHECK_INT(records.freed, 1);
}

/* A failing start fails the call that prepares, with the reason, and nothing stays behind. */
static void a_start_that_fails_has_its_reason(void) {
    const struct {
        uint32_t from;
        const char *text;
    } cases[] = {
        {2, "the start hook of worker thread 2: the state for 2 is missing"},
        {0, "the start hook of worker thread 0: status -7"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t fds = descriptors(), tasks = threads();
        records records = records_new(cases[i].from);
        wsgi_handlers handlers = table();
        handlers.app = app;
        wsgi_error *error = NULL;
        wsgi_server *server = new_server(NULL, NULL);
        set(server, "numthreads", cases[i].from ? "3" : "1");
        CHECK_INT(wsgi_server_set_handlers(server, &handlers, &records, count_free, NULL), WSGI_OK);
        CHECK_INT(wsgi_server_start_background(server, &error), WSGI_E_THREAD_START);
        CHECK_INT(wsgi_error_status(error), WSGI_E_THREAD_START);
        CHECK_STR(wsgi_error_message(error), cases[i].text);
        wsgi_error_free(error);
        check_threads(&records, cases[i].from);
        CHECK_INT(wsgi_server_free(server), WSGI_OK);
        CHECK_INT(records.freed, 1);
        WAIT_FOR(threads() == tasks);
        CHECK_INT(descriptors(), fds);
    }
}

static void user_data_is_freed_exactly_once(void) {
    records records = records_new(MOST);
    wsgi_handlers handlers = table(), small = {0}, both = table();
    wsgi_server *server = new_server(other, NULL);
    both.app = app, both.gateway = gateway;
    CHECK_INT(wsgi_server_set_handlers(NULL, &handlers, &records, count_free, NULL), WSGI_E_NULL);
    CHECK_INT(records.freed, 1);
    CHECK_INT(wsgi_server_set_handlers(server, NULL, &records, count_free, NULL), WSGI_E_NULL);
    CHECK_INT(records.freed, 2);
    CHECK_INT(wsgi_server_set_handlers(server, &small, &records, count_free, NULL), WSGI_E_STATE);
    CHECK_INT(records.freed, 3);
    wsgi_error *error = NULL;
    CHECK_INT(wsgi_server_set_handlers(server, &both, &records, count_free, &error), WSGI_E_STATE);
    CHECK_CONTAINS(wsgi_error_message(error), "exclude");
    wsgi_error_free(error);
    CHECK_INT(records.freed, 4);

    /* the second table takes the place of the first */
    CHECK_INT(wsgi_server_set_handlers(server, &handlers, &records, count_free, NULL), WSGI_OK);
    CHECK_INT(records.freed, 4);
    small.struct_size = sizeof small.struct_size; /* of an old header: nothing else is looked at */
    small.gateway = gateway;
    CHECK_INT(wsgi_server_set_handlers(server, &small, &records, count_free, NULL), WSGI_OK);
    CHECK_INT(records.freed, 5);
    host host = start_host(server);
    expect(host.address, "/", 200, "other");
    end_host(&host);
    CHECK_INT(records.freed, 6);
}

/* A table may be larger than the one this library knows. */
static void a_newer_table_is_taken_as_far_as_it_is_known(void) {
    struct {
        wsgi_handlers known;
        void *unknown[4];
    } handlers;
    records records = records_new(MOST);
    memset(&handlers, 0xff, sizeof handlers);
    memset(&handlers.known, 0, sizeof handlers.known);
    handlers.known.struct_size = sizeof handlers;
    handlers.known.thread_start = on_start;
    handlers.known.app = app;
    wsgi_server *server = new_server(NULL, NULL);
    CHECK_INT(wsgi_server_set_handlers(server, &handlers.known, &records, NULL, NULL), WSGI_OK);
    host host = start_host(server);
    expect(host.address, "/", 200, "app");
    end_host(&host);
}

/* What is mounted in a dispatcher finds its thread's data too. */
static void data_goes_through_a_dispatcher(void) {
    records records = records_new(MOST);
    wsgi_handlers handlers = table();
    wsgi_path_info_dispatcher *dispatcher = NULL;
    wsgi_server *server = NULL;
    CHECK_INT(wsgi_path_info_dispatcher_new(&dispatcher), WSGI_OK);
    CHECK_INT(wsgi_path_info_dispatcher_add(dispatcher, "/in", app, &records, NULL, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_new("127.0.0.1:0", wsgi_path_info_dispatcher_app, dispatcher,
                              wsgi_path_info_dispatcher_free, &server, NULL),
              WSGI_OK);
    CHECK_INT(wsgi_server_set_handlers(server, &handlers, &records, NULL, NULL), WSGI_OK);
    host host = start_host(server);
    expect(host.address, "/in/side", 200, "app");
    end_host(&host);
}

typedef struct book {
    pthread_mutex_t lock;
    int lines, ends;
    wsgi_request asked, ended;
    uint32_t how;
    wsgi_access_record record;
    char text[512];
} book;

static void on_access(void *user_data, const wsgi_access_record *record) {
    book *book = user_data;
    pthread_mutex_lock(&book->lock);
    book->lines++;
    book->record = *record;
    snprintf(book->text, sizeof book->text, "%.*s \"%.*s %.*s %.*s\" %d \"%.*s\" \"%.*s\"",
             (int)record->remote_addr.len, record->remote_addr.ptr, (int)record->method.len,
             record->method.ptr, (int)record->target.len, record->target.ptr,
             (int)record->protocol.len, record->protocol.ptr, record->status,
             (int)record->referer.len, record->referer.ptr, (int)record->user_agent.len,
             record->user_agent.ptr);
    pthread_mutex_unlock(&book->lock);
}

static void on_done(void *user_data, wsgi_server *server, wsgi_request request, uint32_t how) {
    book *book = user_data;
    CHECK_INT(wsgi_abort(server, request), WSGI_GONE);
    pthread_mutex_lock(&book->lock);
    book->ends++;
    book->ended = request, book->how = how;
    pthread_mutex_unlock(&book->lock);
}

static int32_t note_request(void *user_data, wsgi_request request, const wsgi_environ *environ,
                            const wsgi_responder *responder) {
    (void)responder;
    ((book *)user_data)->asked = request;
    return say(environ->server, request, "noted");
}

static int ends_of(book *book) {
    pthread_mutex_lock(&book->lock);
    int ends = book->ends;
    pthread_mutex_unlock(&book->lock);
    return ends;
}

static void requests_are_written_down(void) {
    book book = {PTHREAD_MUTEX_INITIALIZER, 0, 0, 0, 0, 99, {0}, ""};
    wsgi_handlers handlers = {0};
    handlers.struct_size = sizeof handlers;
    handlers.app = note_request;
    handlers.access_log = on_access;
    handlers.request_done = on_done;
    wsgi_server *server = new_server(NULL, NULL);
    CHECK_INT(wsgi_server_set_handlers(server, &handlers, &book, NULL, NULL), WSGI_OK);
    host host = start_host(server);

    client client = client_open(host.address);
    const char request[] = "GET /a?b HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\nReferer: /x\r\n\r\n";
    client_send(&client, request, sizeof request - 1);
    reply reply = client_reply(&client, 0);
    CHECK_STR(reply.body, "noted");
    reply_free(&reply);
    WAIT_FOR(ends_of(&book) == 1);
    CHECK_INT(book.lines, 1);
    CHECK_STR(book.text, "127.0.0.1 \"GET /a?b HTTP/1.1\" 200 \"/x\" \"me\"");
    CHECK(book.asked != 0 && book.record.request == book.asked && book.ended == book.asked);
    CHECK_INT(book.record.struct_size, sizeof(wsgi_access_record));
    CHECK_INT(book.record.sent, 5);
    CHECK_INT(book.record.received, sizeof request - 1);
    CHECK_INT(book.record.keep_alive, 1);
    CHECK_INT(book.record.ended, WSGI_ENDED_SENT);
    CHECK_INT(book.how, WSGI_ENDED_SENT);
    CHECK(book.record.remote_port != 0 && book.record.duration_ns < 20000000000u);
    uint64_t now = (uint64_t)time(NULL) * 1000000000u;
    CHECK(book.record.arrived_ns > now - 60000000000u && book.record.arrived_ns < now + 2000000000u);

    client_send(&client, "bad\r\n\r\n", 7);
    reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 400);
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
    CHECK_INT(book.lines, 2);
    CHECK_INT(book.ends, 1);
    CHECK_STR(book.text, "127.0.0.1 \"  \" 400 \"\" \"\"");
    CHECK_INT(book.record.request, 0);
}

static const test tests[] = {
    {"threads start and stop", threads_start_and_stop},
    {"a gateway needs no environ", a_gateway_needs_no_environ},
    {"a start that fails has its reason", a_start_that_fails_has_its_reason},
    {"user data is freed exactly once", user_data_is_freed_exactly_once},
    {"a newer table is taken as far as it is known", a_newer_table_is_taken_as_far_as_it_is_known},
    {"data goes through a dispatcher", data_goes_through_a_dispatcher},
    {"requests are written down", requests_are_written_down},
};

int main(void) {
    return run_tests(tests, COUNT(tests));
}
