/* Pull by many threads at once: answers from anywhere, late ones too, workers that come and go, and a
 * stop in the middle. */
#include "pull.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 300, OLD = 64 };

static host shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static wsgi_request old[OLD]; /* requests that have been answered */
static unsigned old_count;
static int ending, wrong;

static void remember(wsgi_request request) {
    pthread_mutex_lock(&lock);
    old[old_count++ % OLD] = request;
    pthread_mutex_unlock(&lock);
}

static int is_ending(void) {
    pthread_mutex_lock(&lock);
    int now = ending;
    pthread_mutex_unlock(&lock);
    return now;
}

static void set_ending(int value) {
    pthread_mutex_lock(&lock);
    ending = value;
    pthread_mutex_unlock(&lock);
}

static void start_threads(pthread_t *ids, size_t count, void *(*run)(void *)) {
    for (size_t i = 0; i < count; i++) CHECK_INT(pthread_create(&ids[i], NULL, run, NULL), 0);
}

static void join_threads(pthread_t *ids, size_t count) {
    for (size_t i = 0; i < count; i++) CHECK_INT(pthread_join(ids[i], NULL), 0);
}

static void answer(wsgi_request request) {
    wsgi_environ environ = {0};
    environ.struct_size = sizeof environ;
    CHECK_INT(wsgi_request_environ(shared.server, request, &environ), WSGI_OK);
    CHECK_INT(say(shared.server, request, find(&environ, "QUERY_STRING").ptr), WSGI_OK);
    remember(request);
}

static void *pull_and_answer(void *unused) {
    wsgi_worker *worker = new_worker(shared.server);
    wsgi_event events[4] = {{0}};
    (void)unused;
    for (;;) {
        events[0].struct_size = sizeof events[0];
        int32_t count = wsgi_worker_next(worker, events, COUNT(events), -1);
        if (count == WSGI_E_STOPPING) break;
        for (int32_t i = 0; i < count; i++) {
            CHECK_INT(events[i].kind, WSGI_EVENT_REQUEST);
            answer(events[i].request);
        }
    }
    CHECK_INT(wsgi_worker_free(worker), WSGI_OK);
    return NULL;
}

/* Answers, asks about and gives up requests that have ended. None of that may reach another one. */
static void *come_late(void *unused) {
    unsigned at = 0;
    (void)unused;
    while (!is_ending()) {
        pthread_mutex_lock(&lock);
        unsigned known = old_count < OLD ? old_count : OLD;
        wsgi_request request = known ? old[at++ % known] : 0;
        pthread_mutex_unlock(&lock);
        if (!known) continue;
        int32_t status[] = {say(shared.server, request, "WRONG"), wsgi_abort(shared.server, request),
                            wsgi_finish(shared.server, request),
                            wsgi_request_detach(shared.server, request),
                            wsgi_request_watch(shared.server, request, WSGI_WATCH_ABORTED)};
        for (size_t i = 0; i < COUNT(status); i++) wrong += status[i] != WSGI_GONE;
    }
    return NULL;
}

/* On one connection for a while, then on a new one: slots and serial numbers are used again. */
static void *ask(void *unused) {
    char path[32];
    (void)unused;
    for (int i = 0; i < ROUNDS / 10; i++) {
        client client = client_open(shared.address);
        for (int j = 0; j < 10; j++) {
            snprintf(path, sizeof path, "/?%p-%d-%d", (void *)&client, i, j);
            reply reply = client_fetch(&client, path);
            CHECK_STR(reply.body, path + 2);
            reply_free(&reply);
        }
        client_close(&client);
    }
    return NULL;
}

static void late_answers_never_reach_another_request(void) {
    pthread_t workers[THREADS], late[2], clients[THREADS];
    shared = start_host(new_server(NULL, NULL));
    set_ending(0);
    start_threads(workers, THREADS, pull_and_answer);
    start_threads(late, 2, come_late);
    start_threads(clients, THREADS, ask);
    join_threads(clients, THREADS);
    set_ending(1);
    join_threads(late, 2);
    CHECK_INT(wsgi_server_stop(shared.server, NULL), WSGI_OK);
    join_threads(workers, THREADS);
    CHECK_INT(wrong, 0);
    CHECK_INT(wsgi_server_free(shared.server), WSGI_OK);
}

/* Workers that live for a few requests each, while the others are in next. */
static void *come_and_go(void *unused) {
    (void)unused;
    while (!is_ending()) {
        wsgi_worker *worker = new_worker(shared.server);
        for (int i = 0; i < 5; i++) {
            wsgi_event event = next_within(worker, 5);
            if (event.kind == WSGI_EVENT_REQUEST) answer(event.request);
        }
        CHECK_INT(wsgi_worker_free(worker), WSGI_OK);
    }
    return NULL;
}

static void workers_come_and_go_while_others_work(void) {
    pthread_t workers[2], guests[2], clients[THREADS];
    shared = start_host(new_server(NULL, NULL));
    set_ending(0);
    start_threads(workers, 2, pull_and_answer);
    start_threads(guests, 2, come_and_go);
    start_threads(clients, THREADS, ask);
    join_threads(clients, THREADS);
    set_ending(1);
    join_threads(guests, 2);
    CHECK_INT(wsgi_server_stop(shared.server, NULL), WSGI_OK);
    join_threads(workers, 2);
    CHECK_INT(wsgi_server_free(shared.server), WSGI_OK);
}

static void *pull_until_the_end(void *argument) {
    wsgi_worker *worker = argument;
    wsgi_event event = {0};
    event.struct_size = sizeof event;
    int32_t count;
    while ((count = wsgi_worker_next(worker, &event, 1, -1)) != WSGI_E_STOPPING)
        CHECK(count == WSGI_AGAIN || event.kind == WSGI_EVENT_ABORTED);
    return NULL;
}

/* What is out is cut and counted, whoever waits in next is sent home, and the handles are gone. */
static void a_stop_sends_everybody_home(void) {
    pthread_t threads[THREADS];
    wsgi_worker *workers[THREADS];
    wsgi_request out[3];
    client clients[3];
    uint32_t cut = 99;
    wsgi_server *server = new_server(NULL, NULL);
    set(server, "shutdown_timeout", "0.2");
    host host = start_host(server);
    for (int i = 0; i < THREADS; i++) workers[i] = new_worker(server);
    for (int i = 0; i < 3; i++) {
        clients[i] = client_open(host.address);
        client_get(&clients[i], "/");
        out[i] = next_request(workers[0]);
        CHECK_INT(wsgi_request_watch(server, out[i], WSGI_WATCH_ABORTED), WSGI_OK);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, pull_until_the_end, workers[i]), 0);
    CHECK_INT(wsgi_server_stop(server, &cut), WSGI_OK);
    CHECK_INT(cut, 3);
    join_threads(threads, THREADS);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(say(server, out[i], "late"), WSGI_GONE);
        CHECK_INT(wsgi_request_watch(server, out[i], WSGI_WATCH_RELEASED), WSGI_GONE);
        expect_closed(&clients[i]);
        client_close(&clients[i]);
    }
    /* The server may go first: a worker then says for ever that it has stopped. */
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
    for (int i = 0; i < THREADS; i++) {
        wsgi_event event = {0};
        event.struct_size = sizeof event;
        CHECK_INT(wsgi_worker_next(workers[i], &event, 1, 0), WSGI_E_STOPPING);
        CHECK_INT(wsgi_worker_wake(workers[i]), WSGI_OK);
        CHECK_INT(wsgi_worker_free(workers[i]), WSGI_OK);
    }
}

static wsgi_request contested;
static pthread_barrier_t barrier;

static void *answer_the_contested(void *unused) {
    (void)unused;
    int waited = pthread_barrier_wait(&barrier);
    CHECK(waited == 0 || waited == PTHREAD_BARRIER_SERIAL_THREAD);
    int32_t status = say(shared.server, contested, "once");
    CHECK(status == WSGI_OK || status == WSGI_GONE || status == WSGI_BUSY);
    return (void *)(intptr_t)(status == WSGI_OK);
}

static void one_of_many_answers_counts(void) {
    pthread_t threads[THREADS];
    shared = start_host(new_server(NULL, NULL));
    wsgi_worker *worker = new_worker(shared.server);
    client client = client_open(shared.address);
    CHECK_INT(pthread_barrier_init(&barrier, NULL, THREADS), 0);
    for (int round = 0; round < 50; round++) {
        int answered = 0;
        client_get(&client, "/");
        contested = next_request(worker);
        start_threads(threads, THREADS, answer_the_contested);
        for (int i = 0; i < THREADS; i++) {
            void *result;
            CHECK_INT(pthread_join(threads[i], &result), 0);
            answered += (int)(intptr_t)result;
        }
        CHECK_INT(answered, 1);
        reply reply = client_reply(&client, 0);
        CHECK_STR(reply.body, "once");
        reply_free(&reply);
    }
    pthread_barrier_destroy(&barrier);
    client_close(&client);
    end_pull(&shared, worker);
}

static void *wait_in_next(void *argument) {
    wsgi_event event = {0};
    event.struct_size = sizeof event;
    int32_t status; /* the other thread may be in it for a moment */
    while ((status = wsgi_worker_next(argument, &event, 1, -1)) == WSGI_BUSY) {}
    CHECK_INT(status, WSGI_AGAIN);
    return NULL;
}

/* A worker that a thread is in cannot be freed, nor used by a second one. */
static void a_worker_in_use_is_busy(void) {
    pthread_t thread;
    wsgi_event event = {0};
    event.struct_size = sizeof event;
    host host = start_host(new_server(NULL, NULL));
    wsgi_worker *worker = new_worker(host.server), *other = new_worker(host.server);
    CHECK_INT(pthread_create(&thread, NULL, wait_in_next, worker), 0);
    WAIT_FOR(wsgi_worker_next(worker, &event, 1, 0) == WSGI_BUSY);
    CHECK_INT(wsgi_worker_free(worker), WSGI_BUSY);
    CHECK_INT(wsgi_worker_free(other), WSGI_OK);
    CHECK_INT(wsgi_worker_wake(worker), WSGI_OK);
    CHECK_INT(pthread_join(thread, NULL), 0);
    end_pull(&host, worker);
}

int main(void) {
    static const test tests[] = {
        {"late answers never reach another request", late_answers_never_reach_another_request},
        {"workers come and go while others work", workers_come_and_go_while_others_work},
        {"a stop sends everybody home", a_stop_sends_everybody_home},
        {"one of many answers counts", one_of_many_answers_counts},
        {"a worker in use is busy", a_worker_in_use_is_busy},
    };
    return run_tests(tests, COUNT(tests));
}
