/* A pull server and what the tests do with its workers. */
#ifndef PULL_H
#define PULL_H

#include "client.h"
#include "host.h"

static inline wsgi_worker *new_worker(wsgi_server *server) {
    wsgi_worker *worker = NULL;
    CHECK_INT(wsgi_worker_new(server, &worker, NULL), WSGI_OK);
    return worker;
}

/* What came within so many milliseconds; kind 0: nothing. */
static inline wsgi_event next_within(wsgi_worker *worker, int32_t timeout_ms) {
    wsgi_event event = {0};
    event.struct_size = sizeof event;
    int32_t count = wsgi_worker_next(worker, &event, 1, timeout_ms);
    if (count != WSGI_AGAIN) CHECK_INT(count, 1);
    return event;
}

/* The next event, which is of this kind. */
static inline wsgi_event expect_event(wsgi_worker *worker, uint32_t kind) {
    wsgi_event event = next_within(worker, FACT_DEADLINE * 1000);
    CHECK_INT(event.kind, kind);
    return event;
}

static inline wsgi_request next_request(wsgi_worker *worker) {
    return expect_event(worker, WSGI_EVENT_REQUEST).request;
}

/* Everything that there is to do has been done, and no event came of it. */
static inline void expect_no_event(wsgi_worker *worker) {
    CHECK_INT(next_within(worker, 30).kind, 0);
}

static inline void end_pull(host *host, wsgi_worker *worker) {
    wsgi_event event = {0};
    event.struct_size = sizeof event;
    CHECK_INT(wsgi_server_stop(host->server, NULL), WSGI_OK);
    CHECK_INT(wsgi_worker_next(worker, &event, 1, -1), WSGI_E_STOPPING);
    CHECK_INT(wsgi_worker_free(worker), WSGI_OK);
    CHECK_INT(wsgi_server_free(host->server), WSGI_OK);
}

/* Begins a text/plain answer. */
static inline int32_t start(wsgi_server *server, wsgi_request request) {
    wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    return wsgi_start_response(server, request, str("200 OK"), &type, 1, 0);
}

#endif
