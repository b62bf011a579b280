/* One call of each function that takes a request, and what it says in each state. */
#ifndef MISUSE_REQUESTS_H
#define MISUSE_REQUESTS_H

#include "misuse.h"

#include <sys/mman.h>

/* What was given to the library with a function that gives it back. */
static int given, given_back;

static inline void give_back(void *number) {
    __atomic_add_fetch((int *)number, 1, __ATOMIC_SEQ_CST);
}

static inline int *gift(void) {
    __atomic_add_fetch(&given, 1, __ATOMIC_SEQ_CST);
    return &given_back;
}

static inline void never_called(void *user_data, wsgi_request request) {
    (void)user_data, (void)request;
}

static int file = -1; /* for wsgi_send_file */

static inline void make_file(void) {
    file = memfd_create("file", MFD_CLOEXEC);
    CHECK(file >= 0);
    CHECK_INT(write(file, "text", 4), 4);
}

#define CALL(function) static inline int64_t do_##function(wsgi_server *server, wsgi_request request)

CALL(wsgi_abort) { return wsgi_abort(server, request); }
CALL(wsgi_add_trailer) { return wsgi_add_trailer(server, request, str("X-T"), str("t")); }
CALL(wsgi_connection_data) {
    void *data;
    return wsgi_connection_data(server, request, &data);
}
CALL(wsgi_connection_set_data) {
    return wsgi_connection_set_data(server, request, gift(), give_back);
}
CALL(wsgi_finish) { return wsgi_finish(server, request); }
CALL(wsgi_flush) { return wsgi_flush(server, request, 0); }
CALL(wsgi_inform) { return wsgi_inform(server, request, str("103 Early Hints"), NULL, 0); }
CALL(wsgi_request_aborted) { return wsgi_request_aborted(server, request); }
CALL(wsgi_request_data) {
    void *data;
    return wsgi_request_data(server, request, &data);
}
CALL(wsgi_request_detach) { return wsgi_request_detach(server, request); }
CALL(wsgi_request_environ) {
    wsgi_environ environ = {0};
    environ.struct_size = sizeof environ;
    return wsgi_request_environ(server, request, &environ);
}
CALL(wsgi_request_get) {
    wsgi_str value;
    return wsgi_request_get(server, request, WSGI_KEY_HTTP_HOST, &value);
}
CALL(wsgi_request_header) {
    wsgi_str value;
    return wsgi_request_header(server, request, str("host"), &value);
}
CALL(wsgi_request_hijack) {
    wsgi_stream *stream = NULL;
    wsgi_status status = wsgi_request_hijack(server, request, 0, &stream);
    CHECK((status == WSGI_OK) == (stream != NULL));
    CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    return status;
}
CALL(wsgi_request_id) {
    char text[64];
    return wsgi_request_id(server, request, text, sizeof text, NULL);
}
CALL(wsgi_request_local_addr) {
    char text[64];
    return wsgi_request_local_addr(server, request, text, sizeof text, NULL);
}
CALL(wsgi_request_log) {
    return wsgi_request_log(server, request, WSGI_LEVEL_DEBUG, "text", 4);
}
CALL(wsgi_request_on_abort) {
    return wsgi_request_on_abort(server, request, never_called, gift(), give_back);
}
CALL(wsgi_request_peer_certificate) {
    char buffer[64];
    return wsgi_request_peer_certificate(server, request, 0, buffer, sizeof buffer, NULL);
}
CALL(wsgi_request_peer_addr) {
    char text[64];
    return wsgi_request_peer_addr(server, request, text, sizeof text, NULL);
}
CALL(wsgi_request_read) {
    char buffer[8];
    return wsgi_request_read(server, request, buffer, sizeof buffer, 0);
}
CALL(wsgi_request_readline) {
    char buffer[8];
    return wsgi_request_readline(server, request, buffer, sizeof buffer);
}
CALL(wsgi_request_set_data) {
    return wsgi_request_set_data(server, request, gift(), give_back);
}
CALL(wsgi_request_set_deadline) { return wsgi_request_set_deadline(server, request, 60000); }
CALL(wsgi_request_trailers) {
    const wsgi_header *trailers;
    size_t count;
    return wsgi_request_trailers(server, request, &trailers, &count);
}
CALL(wsgi_request_view) {
    wsgi_view view = {0};
    view.struct_size = sizeof view;
    return wsgi_request_view(server, request, &view);
}
CALL(wsgi_request_watch) {
    return wsgi_request_watch(server, request, WSGI_WATCH_ABORTED);
}
CALL(wsgi_respond) { return wsgi_respond(server, request, str("200 OK"), NULL, 0, "body", 4); }
CALL(wsgi_respond_flat) { return wsgi_respond_flat(server, request, "200 OK", 6, "body", 4); }
CALL(wsgi_send_file) { return wsgi_send_file(server, request, file, 0, -1); }
CALL(wsgi_start_response) {
    return wsgi_start_response(server, request, str("200 OK"), NULL, 0, 0);
}
CALL(wsgi_start_response_flat) {
    return wsgi_start_response_flat(server, request, "200 OK", 6, 0);
}
CALL(wsgi_write) { return wsgi_write(server, request, "piece", 5, 0); }
CALL(wsgi_write_owned) {
    return wsgi_write_owned(server, request, "piece", 5, give_back, gift());
}
CALL(wsgi_writev) {
    wsgi_str parts[2] = {{"pie", 3}, {"ce", 2}};
    return wsgi_writev(server, request, parts, 2, 0);
}
#undef CALL

enum state {
    FRESH,    /* nothing of an answer yet */
    TWICE,    /* the same call, a second time */
    STARTED,  /* after start_response */
    DECLARED, /* after start_response with Content-Length: 0 */
    WRITTEN,  /* a piece was sent */
    ANSWERED, /* complete, and its application still in the call */
    STATES
};

#define OK WSGI_OK
#define GONE WSGI_GONE
#define STATE WSGI_E_STATE
#define LENGTH WSGI_E_LENGTH

static const struct request_row {
    const char *function;
    int64_t (*call)(wsgi_server *server, wsgi_request request);
    int64_t says[STATES];
} REQUEST_ROWS[] = {
    /*                            FRESH  TWICE  STARTED DECLARED WRITTEN ANSWERED */
    ROW(wsgi_abort,               OK,    GONE,  OK,     OK,      OK,     OK),
    ROW(wsgi_add_trailer,         STATE, STATE, OK,     OK,      OK,     STATE),
    ROW(wsgi_connection_data,     OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_connection_set_data, OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_finish,              STATE, GONE,  OK,     OK,      OK,     OK),
    ROW(wsgi_flush,               STATE, STATE, OK,     OK,      OK,     STATE),
    ROW(wsgi_inform,              OK,    OK,    OK,     OK,      STATE,  STATE),
    ROW(wsgi_request_aborted,     OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_request_data,        OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_request_detach,      OK,    STATE, OK,     OK,      OK,     OK),
    ROW(wsgi_request_environ,     OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_request_get,         OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_request_header,      OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_request_hijack,      OK,    GONE,  STATE,  STATE,   STATE,  STATE),
    ROW(wsgi_request_id,          OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_request_local_addr,  OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_request_log,         OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_request_on_abort,    OK,    OK,    OK,     OK,      OK,     STATE),
    ROW(wsgi_request_peer_addr,   OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_request_peer_certificate, STATE, STATE, STATE, STATE, STATE, STATE),
    ROW(wsgi_request_read,        OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_request_readline,    OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_request_set_data,    OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_request_set_deadline, OK,   OK,    OK,     OK,      OK,     STATE),
    ROW(wsgi_request_trailers,    STATE, STATE, STATE,  STATE,   STATE,  OK),
    ROW(wsgi_request_view,        OK,    OK,    OK,     OK,      OK,     OK),
    ROW(wsgi_request_watch,       OK,    OK,    OK,     OK,      OK,     STATE),
    ROW(wsgi_respond,             OK,    GONE,  STATE,  STATE,   STATE,  STATE),
    ROW(wsgi_respond_flat,        OK,    GONE,  STATE,  STATE,   STATE,  STATE),
    ROW(wsgi_send_file,           STATE, STATE, OK,     LENGTH,  OK,     STATE),
    ROW(wsgi_start_response,      OK,    STATE, STATE,  STATE,   STATE,  STATE),
    ROW(wsgi_start_response_flat, OK,    STATE, STATE,  STATE,   STATE,  STATE),
    ROW(wsgi_write,               STATE, STATE, OK,     LENGTH,  OK,     STATE),
    ROW(wsgi_write_owned,         STATE, STATE, OK,     LENGTH,  OK,     STATE),
    ROW(wsgi_writev,              STATE, STATE, OK,     LENGTH,  OK,     STATE),
};

#undef OK
#undef GONE
#undef STATE
#undef LENGTH

/* The same status from every function. */
static inline void all_say(wsgi_server *server, wsgi_request request, const char *state,
                           int64_t expected) {
    for (size_t i = 0; i < COUNT(REQUEST_ROWS); i++)
        check_row(REQUEST_ROWS[i].function, state, REQUEST_ROWS[i].call(server, request), expected);
}

#endif
