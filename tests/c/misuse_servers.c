/* What the functions that take a server say in each state of it, from a worker's thread, from
 * several threads at once. */
#include "misuse_servers.h"

#include <pthread.h>

static const char *const STATE_NAMES[] = {"new", "prepared", "serving", "stopped", "in a worker"};

static const struct server_row *asked;
static int64_t said;
static int done;

static int32_t call_in_a_worker(void *user_data, wsgi_request request,
                                const wsgi_environ *environ, const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    said = asked->call(environ->server, IN_WORKER);
    wsgi_status status = say(environ->server, request, "called");
    __atomic_store_n(&done, 1, __ATOMIC_SEQ_CST);
    return status;
}

static wsgi_server *server_in(enum server_state state) {
    wsgi_server *server = new_server(call_in_a_worker, NULL);
    set(server, "numthreads", "2");
    set(server, "shutdown_timeout", "1");
    if (state == PREPARED) CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_OK);
    if (state >= SERVING) CHECK_INT(wsgi_server_start_background(server, NULL), WSGI_OK);
    if (state == STOPPED) CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    return server;
}

static int is_free(const struct server_row *row) {
    return strcmp(row->function, "wsgi_server_free") == 0;
}

static void each_state_of_a_server(void) {
    size_t fds = descriptors(), tasks = threads();
    for (size_t i = 0; i < COUNT(SERVER_ROWS); i++) {
        for (enum server_state state = NEW; state < IN_WORKER; state++) {
            const struct server_row *row = &SERVER_ROWS[i];
            wsgi_server *server = server_in(state);
            check_row(row->function, STATE_NAMES[state], row->call(server, state),
                      row->says[state]);
            if (is_free(row)) continue;
            CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
            CHECK_INT(wsgi_server_free(server), WSGI_OK);
        }
    }
    WAIT_FOR(threads() == tasks);
    CHECK_INT(descriptors(), fds);
}

static void from_a_worker(void) {
    for (size_t i = 0; i < COUNT(SERVER_ROWS); i++) {
        char address[64];
        wsgi_server *server = server_in(SERVING);
        CHECK_INT(wsgi_server_bound_addr(server, address, sizeof address, NULL), WSGI_OK);
        asked = &SERVER_ROWS[i];
        done = 0;
        expect(address, "/", 200, "called");
        WAIT_FOR(__atomic_load_n(&done, __ATOMIC_SEQ_CST));
        check_row(asked->function, STATE_NAMES[IN_WORKER], said, asked->says[IN_WORKER]);
        CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
        CHECK_INT(wsgi_server_free(server), WSGI_OK);
    }
}

/* What serves, waits or frees is not for this. */
static int is_quick(const struct server_row *row) {
    static const char *const not_these[] = {"wsgi_server_free", "wsgi_server_serve",
                                            "wsgi_server_start", "wsgi_server_wait",
                                            "wsgi_server_listen", "wsgi_server_listen_fd"};
    for (size_t i = 0; i < COUNT(not_these); i++)
        if (strcmp(row->function, not_these[i]) == 0) return 0;
    return 1;
}

static wsgi_server *shared;

static void *call_everything(void *index) {
    for (size_t i = 0; i < 20 * COUNT(SERVER_ROWS); i++) {
        const struct server_row *row =
            &SERVER_ROWS[(i * 7 + *(size_t *)index * 5) % COUNT(SERVER_ROWS)];
        if (!is_quick(row)) continue;
        int64_t status = status_of(row->call(shared, IN_WORKER));
        if (status != WSGI_OK && status != WSGI_E_STATE && status != WSGI_E_STOPPING &&
            status != WSGI_E_INTERRUPTED && status != WSGI_BUSY && status != WSGI_GONE)
            FAIL("%s from several threads: %s", row->function,
                 wsgi_status_name((wsgi_status)status));
    }
    return NULL;
}

static void several_threads_at_once(void) {
    enum { THREADS = 4 };
    size_t fds = descriptors(), tasks = threads();
    pthread_t pool[THREADS];
    size_t numbers[THREADS];
    shared = server_in(NEW);
    for (size_t i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK_INT(pthread_create(&pool[i], NULL, call_everything, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) CHECK_INT(pthread_join(pool[i], NULL), 0);
    CHECK_INT(wsgi_server_stop(shared, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_free(shared), WSGI_OK);
    WAIT_FOR(threads() == tasks);
    CHECK_INT(descriptors(), fds);
}

/* Two threads that do the same at the same moment. */
static pthread_barrier_t together;
static int64_t (*same)(wsgi_server *server, enum server_state state);

static void *call_it(void *result) {
    pthread_barrier_wait(&together);
    *(int64_t *)result = same(shared, PREPARED);
    return NULL;
}

static void both_call(const char *function, int64_t results[2]) {
    pthread_t threads[2];
    for (size_t i = 0; i < COUNT(SERVER_ROWS); i++)
        if (strcmp(SERVER_ROWS[i].function, function) == 0) same = SERVER_ROWS[i].call;
    CHECK_INT(pthread_barrier_init(&together, NULL, 2), 0);
    for (int i = 0; i < 2; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, call_it, &results[i]), 0);
    for (int i = 0; i < 2; i++) CHECK_INT(pthread_join(threads[i], NULL), 0);
    CHECK_INT(pthread_barrier_destroy(&together), 0);
}

/* One of the two did it. */
static void check_one(const int64_t results[2]) {
    CHECK((results[0] == WSGI_OK) + (results[1] == WSGI_OK) == 1);
    CHECK_INT(results[results[0] == WSGI_OK], WSGI_E_STATE);
}

static void the_same_at_the_same_moment(void) {
    int64_t results[2];
    for (int round = 0; round < 20; round++) {
        shared = server_in(NEW);
        both_call("wsgi_server_prepare", results);
        check_one(results);
        both_call("wsgi_server_serve", results); /* ends at once, see let_it_end */
        check_one(results);
        both_call("wsgi_server_start_background", results);
        check_one(results);
        both_call("wsgi_server_stop", results);
        CHECK(results[0] == WSGI_OK && results[1] == WSGI_OK);
        CHECK_INT(wsgi_server_free(shared), WSGI_OK);
    }
}

int main(void) {
    static const test tests[] = {
        {"each state of a server", each_state_of_a_server},
        {"from a worker", from_a_worker},
        {"several threads at once", several_threads_at_once},
        {"the same at the same moment", the_same_at_the_same_moment},
    };
    return run_tests(tests, COUNT(tests));
}
