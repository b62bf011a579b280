/* One call of each function that takes a server, and what it says in each state. */
#ifndef MISUSE_SERVERS_H
#define MISUSE_SERVERS_H

#include "misuse.h"

enum server_state {
    NEW,
    PREPARED,
    SERVING,
    STOPPED,
    IN_WORKER, /* serving, and the call comes from one of its worker threads */
    SERVER_STATES
};

/* A call that serves ends at once where it begins: the stop has been asked for before. */
static inline void let_it_end(wsgi_server *server, enum server_state state) {
    if (state == NEW || state == PREPARED || state == STOPPED) wsgi_server_signal_stop(server);
}

static inline int listening_socket(void) {
    struct sockaddr_in at = {0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    CHECK_INT(listen(fd, 1), 0);
    return fd;
}

#define CALL(function)                                                                             \
    static inline int64_t do_##function(wsgi_server *server, enum server_state state)

CALL(wsgi_server_bound_addr) {
    char text[64];
    return (void)state, wsgi_server_bound_addr(server, text, sizeof text, NULL);
}
CALL(wsgi_server_bound_addr_at) {
    char text[64];
    return (void)state, wsgi_server_bound_addr_at(server, 0, text, sizeof text, NULL);
}
CALL(wsgi_server_clear_stats) { return (void)state, wsgi_server_clear_stats(server); }
CALL(wsgi_server_event_fd) {
    int32_t fd;
    return (void)state, wsgi_server_event_fd(server, &fd);
}
CALL(wsgi_server_interrupt) { return (void)state, wsgi_server_interrupt(server, 7); }
CALL(wsgi_server_interrupt_code) {
    int32_t code;
    return (void)state, wsgi_server_interrupt_code(server, &code);
}
CALL(wsgi_server_quiesce) { return (void)state, wsgi_server_quiesce(server); }
CALL(wsgi_server_ready) { return (void)state, wsgi_server_ready(server); }
CALL(wsgi_server_tick) { return (void)state, wsgi_server_tick(server, 0); }
CALL(wsgi_server_free) { return (void)state, wsgi_server_free(server); }
CALL(wsgi_server_get) {
    char text[64];
    return (void)state, wsgi_server_get(server, "numthreads", text, sizeof text, NULL);
}
CALL(wsgi_server_grow) { return (void)state, wsgi_server_grow(server, 1, NULL); }
CALL(wsgi_server_histogram) {
    wsgi_histogram histogram = {0};
    histogram.struct_size = sizeof histogram;
    return (void)state, wsgi_server_histogram(server, WSGI_WRITE, &histogram);
}
CALL(wsgi_server_idle) {
    size_t count;
    return (void)state, wsgi_server_idle(server, &count);
}
CALL(wsgi_server_listen) {
    return (void)state, wsgi_server_listen(server, "127.0.0.1:0", NULL);
}
CALL(wsgi_server_listen_fd) {
    int fd = listening_socket();
    wsgi_status status = wsgi_server_listen_fd(server, fd, NULL);
    if (status < 0) CHECK_INT(close(fd), 0); /* it is still ours */
    return (void)state, status;
}
CALL(wsgi_server_listener_count) {
    CHECK(wsgi_server_listener_count(server) <= (state != NEW));
    return WSGI_OK;
}
CALL(wsgi_server_prepare) { return (void)state, wsgi_server_prepare(server, NULL); }
CALL(wsgi_server_qsize) {
    size_t count;
    return (void)state, wsgi_server_qsize(server, &count);
}
CALL(wsgi_server_serve) {
    let_it_end(server, state);
    return wsgi_server_serve(server, NULL);
}
CALL(wsgi_server_set) { return (void)state, wsgi_server_set(server, "numthreads", "2", NULL); }
CALL(wsgi_server_set_handlers) {
    wsgi_handlers handlers = {0};
    handlers.struct_size = sizeof handlers;
    return (void)state, wsgi_server_set_handlers(server, &handlers, NULL, NULL, NULL);
}
CALL(wsgi_server_shrink) { return (void)state, wsgi_server_shrink(server, 1, NULL); }
CALL(wsgi_server_signal_stop) { return (void)state, wsgi_server_signal_stop(server); }
CALL(wsgi_server_start) {
    let_it_end(server, state);
    return wsgi_server_start(server, NULL);
}
CALL(wsgi_server_start_background) {
    return (void)state, wsgi_server_start_background(server, NULL);
}
CALL(wsgi_server_stats) {
    wsgi_stats stats = {0};
    stats.struct_size = sizeof stats;
    return (void)state, wsgi_server_stats(server, &stats);
}
CALL(wsgi_server_stats_json) {
    char text[8192];
    return (void)state, wsgi_server_stats_json(server, text, sizeof text, NULL);
}
CALL(wsgi_server_stats_prometheus) {
    char text[16384];
    return (void)state, wsgi_server_stats_prometheus(server, text, sizeof text, NULL);
}
CALL(wsgi_server_stats_text) {
    char text[4096];
    return (void)state, wsgi_server_stats_text(server, text, sizeof text, NULL);
}
CALL(wsgi_server_stop) { return (void)state, wsgi_server_stop(server, NULL); }
CALL(wsgi_server_threads) {
    size_t count;
    return (void)state, wsgi_server_threads(server, &count);
}
CALL(wsgi_server_wait) {
    if (state == SERVING) wsgi_server_signal_stop(server);
    return wsgi_server_wait(server);
}
CALL(wsgi_server_worker_stats) {
    wsgi_worker_stats stats = {0};
    stats.struct_size = sizeof stats;
    return (void)state, wsgi_server_worker_stats(server, 0, &stats);
}
CALL(wsgi_worker_new) {
    wsgi_worker *worker = NULL;
    wsgi_status status = wsgi_worker_new(server, &worker, NULL);
    CHECK((status == WSGI_OK) == (worker != NULL));
    return (void)state, status;
}
#undef CALL

#define OK WSGI_OK
#define BUSY WSGI_BUSY
#define GONE WSGI_GONE
#define STATE WSGI_E_STATE

static const struct server_row {
    const char *function;
    int64_t (*call)(wsgi_server *server, enum server_state state);
    int64_t says[SERVER_STATES];
} SERVER_ROWS[] = {
    /*                                NEW    PREPARED SERVING STOPPED IN_WORKER */
    ROW(wsgi_server_bound_addr,       STATE, OK,      OK,     OK,     OK),
    ROW(wsgi_server_bound_addr_at,    STATE, OK,      OK,     OK,     OK),
    ROW(wsgi_server_clear_stats,      OK,    OK,      OK,     OK,     OK),
    ROW(wsgi_server_event_fd,         STATE, STATE,   STATE,  WSGI_E_STOPPING, STATE),
    ROW(wsgi_server_interrupt,        STATE, STATE,   OK,     STATE,  OK),
    ROW(wsgi_server_interrupt_code,   STATE, STATE,   STATE,  STATE,  STATE),
    ROW(wsgi_server_quiesce,          STATE, STATE,   OK,     STATE,  OK),
    ROW(wsgi_server_ready,            OK,    OK,      OK,     OK,     OK),
    ROW(wsgi_server_tick,             STATE, OK,      OK,     WSGI_E_STOPPING, OK),
    ROW(wsgi_server_free,             OK,    OK,      OK,     OK,     BUSY),
    ROW(wsgi_server_get,              OK,    OK,      OK,     OK,     OK),
    ROW(wsgi_server_grow,             STATE, OK,      OK,     STATE,  OK),
    ROW(wsgi_server_histogram,        OK,    OK,      OK,     OK,     OK),
    ROW(wsgi_server_idle,             OK,    OK,      OK,     OK,     OK),
    ROW(wsgi_server_listen,           OK,    STATE,   STATE,  OK,     STATE),
    ROW(wsgi_server_listen_fd,        OK,    STATE,   STATE,  OK,     STATE),
    ROW(wsgi_server_listener_count,   OK,    OK,      OK,     OK,     OK),
    ROW(wsgi_server_prepare,          OK,    STATE,   STATE,  OK,     STATE),
    ROW(wsgi_server_qsize,            OK,    OK,      OK,     OK,     OK),
    ROW(wsgi_server_serve,            STATE, OK,      STATE,  STATE,  STATE),
    ROW(wsgi_server_set,              OK,    STATE,   STATE,  OK,     STATE),
    ROW(wsgi_server_set_handlers,     OK,    STATE,   STATE,  OK,     STATE),
    ROW(wsgi_server_shrink,           STATE, OK,      OK,     STATE,  OK),
    ROW(wsgi_server_signal_stop,      OK,    OK,      OK,     OK,     OK),
    ROW(wsgi_server_start,            OK,    STATE,   STATE,  OK,     STATE),
    ROW(wsgi_server_start_background, OK,    STATE,   STATE,  OK,     STATE),
    ROW(wsgi_server_stats,            OK,    OK,      OK,     OK,     OK),
    ROW(wsgi_server_stats_json,       OK,    OK,      OK,     OK,     OK),
    ROW(wsgi_server_stats_prometheus, OK,    OK,      OK,     OK,     OK),
    ROW(wsgi_server_stats_text,       OK,    OK,      OK,     OK,     OK),
    ROW(wsgi_server_stop,             OK,    OK,      OK,     OK,     OK),
    ROW(wsgi_server_threads,          OK,    OK,      OK,     OK,     OK),
    ROW(wsgi_server_wait,             OK,    OK,      OK,     OK,     BUSY),
    ROW(wsgi_server_worker_stats,     GONE,  OK,      OK,     GONE,   OK),
    ROW(wsgi_worker_new,              STATE, STATE,   STATE,  STATE,  STATE),
};

#undef OK
#undef BUSY
#undef GONE
#undef STATE

#endif
