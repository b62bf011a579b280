/* The table of misuse: what each function says in each state. A test (tests/misuse.rs) looks for a
 * ROW of every function, and for the NULL of every one that takes a pointer. */
#ifndef MISUSE_H
#define MISUSE_H

#include "client.h"
#include "host.h"

/* A row of a table: the function, do_FUNCTION that calls it, and what it is to say in each state. */
#define ROW(function, ...) {#function, do_##function, {__VA_ARGS__}}

/* A call with a NULL in it. */
#define NULL_GIVES(expected, call) CHECK_INT(call, expected)

/* A count is as good as WSGI_OK. */
static inline int64_t status_of(int64_t result) {
    return result > 0 ? WSGI_OK : result;
}

static inline void check_row(const char *function, const char *state, int64_t result,
                             int64_t expected) {
    if (status_of(result) != expected)
        FAIL("%s, %s: %s, expected %s", function, state,
             wsgi_status_name((wsgi_status)status_of(result)),
             wsgi_status_name((wsgi_status)expected));
}

/* A pull server with one worker: its requests do nothing but what the test does to them. */
typedef struct site {
    wsgi_server *server;
    wsgi_worker *worker;
    char address[64];
} site;

static inline site open_site(void) {
    site site = {new_server(NULL, NULL), NULL, ""};
    set(site.server, "shutdown_timeout", "0");
    CHECK_INT(wsgi_server_prepare(site.server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_bound_addr(site.server, site.address, sizeof site.address, NULL),
              WSGI_OK);
    CHECK_INT(wsgi_worker_new(site.server, &site.worker, NULL), WSGI_OK);
    return site;
}

static inline void close_site(site *site) {
    CHECK_INT(wsgi_server_stop(site->server, NULL), WSGI_OK);
    CHECK_INT(wsgi_worker_free(site->worker), WSGI_OK);
    CHECK_INT(wsgi_server_free(site->server), WSGI_OK);
}

static inline wsgi_request next_request(const site *site) {
    wsgi_event event = {0};
    event.struct_size = sizeof event;
    double until = seconds_now() + FACT_DEADLINE;
    while (seconds_now() < until)
        if (wsgi_worker_next(site->worker, &event, 1, 100) == 1) return event.request;
    FAIL("no request came");
}

/* A request whose body is "ab". */
static inline wsgi_request ask(const site *site, client *client) {
    static const char text[] = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nab";
    *client = client_open(site->address);
    client_send(client, text, sizeof text - 1);
    return next_request(site);
}

#endif
