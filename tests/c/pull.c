/* A pull server: threads of the host fetch requests with wsgi_worker_next and answer them. */
#include "client.h"
#include "host.h"

#include <pthread.h>

/* One pulling thread. A `stuck` one keeps the first request it gets until it is told to go on. */
typedef struct puller {
    pthread_t thread;
    host *host;
    wsgi_worker *worker;
    int stuck;
    int answered;                /* written by this thread only, read after the join */
    wsgi_status ended;           /* what ended its loop */
    wsgi_status answer_of_stuck; /* what it was told when it answered late */
} puller;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t go_on = PTHREAD_COND_INITIALIZER;
static int holding, released;

static void hold_until_released(void) {
    pthread_mutex_lock(&lock);
    holding++;
    while (!released) pthread_cond_wait(&go_on, &lock);
    pthread_mutex_unlock(&lock);
}

static int held(void) {
    pthread_mutex_lock(&lock);
    int count = holding;
    pthread_mutex_unlock(&lock);
    return count;
}

static void release_all(void) {
    pthread_mutex_lock(&lock);
    released = 1;
    pthread_cond_broadcast(&go_on);
    pthread_mutex_unlock(&lock);
}

static void serve_event(puller *puller, const wsgi_event *event) {
    wsgi_server *server = puller->host->server;
    wsgi_environ environ = {0};
    environ.struct_size = sizeof environ;
    CHECK_INT(event->kind, WSGI_EVENT_REQUEST);
    CHECK_INT(wsgi_request_environ(server, event->request, &environ), WSGI_OK);
    if (puller->stuck && path_is(&environ, "/stuck")) {
        hold_until_released();
        puller->answer_of_stuck = say(server, event->request, "at last");
        return;
    }
    CHECK_INT(say(server, event->request, "pulled"), WSGI_OK);
    CHECK_INT(say(server, event->request, "twice"), WSGI_GONE);
    puller->answered++;
}

static void *pull(void *argument) {
    puller *puller = argument;
    for (;;) {
        wsgi_event event = {0};
        event.struct_size = sizeof event;
        int32_t count = wsgi_worker_next(puller->worker, &event, 1, -1);
        if (count == WSGI_AGAIN) continue;
        if (count < 0) {
            puller->ended = count;
            return NULL;
        }
        CHECK_INT(count, 1);
        serve_event(puller, &event);
    }
}

static void start_pullers(host *host, puller *pullers, size_t count) {
    holding = released = 0;
    for (size_t i = 0; i < count; i++) {
        pullers[i].host = host;
        CHECK_INT(wsgi_worker_new(host->server, &pullers[i].worker, NULL), WSGI_OK);
        CHECK_INT(pthread_create(&pullers[i].thread, NULL, pull, &pullers[i]), 0);
    }
}

static void end_pullers(host *host, puller *pullers, size_t count) {
    uint32_t cut = 99;
    CHECK_INT(wsgi_server_stop(host->server, &cut), WSGI_OK);
    CHECK_INT(cut, 0);
    for (size_t i = 0; i < count; i++) {
        CHECK_INT(pthread_join(pullers[i].thread, NULL), 0);
        CHECK_INT(pullers[i].ended, WSGI_E_STOPPING);
        CHECK_INT(wsgi_worker_free(pullers[i].worker), WSGI_OK);
    }
    CHECK_INT(wsgi_server_free(host->server), WSGI_OK);
}

static void two_threads_answer_and_a_second_answer_is_gone(void) {
    enum { REQUESTS = 200 };
    puller pullers[2] = {{0}};
    size_t fds = descriptors();
    host host = start_host(new_server(NULL, NULL));
    start_pullers(&host, pullers, 2);
    client clients[2] = {client_open(host.address), client_open(host.address)};
    for (int i = 0; i < REQUESTS; i++) {
        reply reply = client_fetch(&clients[i % 2], "/");
        CHECK_INT(reply.status, 200);
        CHECK_STR(reply.body, "pulled");
        reply_free(&reply);
    }
    client_close(&clients[0]);
    client_close(&clients[1]);
    end_pullers(&host, pullers, 2);
    CHECK_INT(pullers[0].answered + pullers[1].answered, REQUESTS);
    CHECK_INT(descriptors(), fds);
}

/* A thread that fetched a request and does not come back costs the server that thread only. */
static void one_that_never_comes_back_does_not_stop_the_other(void) {
    puller pullers[2] = {{0}, {0}};
    pullers[0].stuck = pullers[1].stuck = 1;
    host host = start_host(new_server(NULL, NULL));
    start_pullers(&host, pullers, 2);
    client waiting = client_open(host.address);
    client_get(&waiting, "/stuck");
    WAIT_FOR(held() == 1);
    client same = client_open(host.address);
    for (int i = 0; i < 50; i++) {
        reply reply = client_fetch(&same, "/");
        CHECK_STR(reply.body, "pulled");
        reply_free(&reply);
        expect(host.address, "/", 200, "pulled"); /* and new connections are accepted */
    }
    release_all();
    reply reply = client_reply(&waiting, 0);
    CHECK_STR(reply.body, "at last");
    reply_free(&reply);
    client_close(&waiting);
    client_close(&same);
    end_pullers(&host, pullers, 2);
}

/* Three of four are stuck, with requests behind them in their batches perhaps: a probe answers. */
static void a_health_probe_answers_beside_stuck_threads(void) {
    enum { STUCK = 3, PULLERS = STUCK + 1 };
    puller pullers[PULLERS] = {{0}};
    client waiting[STUCK];
    host host = start_host(new_server(NULL, NULL));
    for (int i = 0; i < PULLERS; i++) pullers[i].stuck = 1;
    start_pullers(&host, pullers, PULLERS);
    for (int i = 0; i < STUCK; i++) {
        waiting[i] = client_open(host.address);
        client_get(&waiting[i], "/stuck");
    }
    WAIT_FOR(held() == STUCK);
    /* Where one is left to a time-out of something, the others are too. */
    double begun = seconds_now();
    for (int i = 0; i < 20; i++) expect(host.address, "/health", 200, "pulled");
    CHECK((seconds_now() - begun) / 20 < 1.0);
    release_all();
    for (int i = 0; i < STUCK; i++) {
        reply reply = client_reply(&waiting[i], 0);
        CHECK_STR(reply.body, "at last");
        reply_free(&reply);
        client_close(&waiting[i]);
    }
    end_pullers(&host, pullers, PULLERS);
    for (int i = 0; i < PULLERS; i++) CHECK_INT(pullers[i].answer_of_stuck, WSGI_OK);
}

static void next_ends_at_its_timeout(void) {
    wsgi_worker *worker = NULL;
    wsgi_event event = {0};
    host host = start_host(new_server(NULL, NULL));
    event.struct_size = sizeof event;
    CHECK_INT(wsgi_worker_new(host.server, &worker, NULL), WSGI_OK);
    CHECK_INT(wsgi_worker_next(worker, &event, 1, 0), WSGI_AGAIN);
    double begun = seconds_now();
    CHECK_INT(wsgi_worker_next(worker, &event, 1, 50), WSGI_AGAIN);
    CHECK(seconds_now() - begun >= 0.045);
    CHECK_INT(wsgi_worker_next(worker, NULL, 1, 0), WSGI_E_NULL);

    /* a wake that comes before the wait is not lost */
    CHECK_INT(wsgi_worker_wake(worker), WSGI_OK);
    begun = seconds_now();
    CHECK_INT(wsgi_worker_next(worker, &event, 1, FACT_DEADLINE * 1000), WSGI_AGAIN);
    CHECK(seconds_now() - begun < FACT_DEADLINE / 2);

    CHECK_INT(wsgi_server_stop(host.server, NULL), WSGI_OK);
    CHECK_INT(wsgi_worker_next(worker, &event, 1, -1), WSGI_E_STOPPING);
    CHECK_INT(wsgi_worker_free(worker), WSGI_OK);
    CHECK_INT(wsgi_server_free(host.server), WSGI_OK);
}

int main(void) {
    static const test tests[] = {
        {"two threads answer, and a second answer is gone",
         two_threads_answer_and_a_second_answer_is_gone},
        {"one that never comes back does not stop the other",
         one_that_never_comes_back_does_not_stop_the_other},
        {"a health probe answers beside stuck threads",
         a_health_probe_answers_beside_stuck_threads},
        {"next ends at its timeout", next_ends_at_its_timeout},
    };
    return run_tests(tests, COUNT(tests));
}
