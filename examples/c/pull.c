/* A pull server: the library calls nobody. Threads of this program fetch requests with
 * wsgi_worker_next and answer them, as a host does that has threads or an event loop of its own.
 *
 *     pull [--port N]
 */
#include <wsgiserver.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 2, AT_ONCE = 8 };

static wsgi_server *server;

/* The environ belongs to the request: its strings are good until the answer is complete. */
static void answer(wsgi_request request) {
    wsgi_str path = {"", 0};
    wsgi_environ environ = {0};
    wsgi_str status = {"200 OK", 6};
    wsgi_header headers[] = {{{"Content-Type", 12}, {"text/plain", 10}}};
    char body[256];
    environ.struct_size = sizeof environ; /* tells the library which version this was built for */
    if (wsgi_request_environ(server, request, &environ) < 0) return; /* the client has left */
    for (size_t i = 0; i < environ.count; i++)
        if (strcmp(environ.pairs[i].key.ptr, "PATH_INFO") == 0) path = environ.pairs[i].value;

    int length = snprintf(body, sizeof body, "You asked for %.*s\n",
                          (int)(path.len < 200 ? path.len : 200), path.ptr);
    /* Any thread may do this, also later: nothing ties a request to the thread that fetched it.
     * Each request needs one answer, and a second one finds it gone. */
    if (wsgi_respond(server, request, status, headers, 1, body, (size_t)length) < 0)
        wsgi_abort(server, request);
}

/* A worker is what one thread fetches with; all input and output happens in its `next`. */
static void *work(void *argument) {
    wsgi_worker *worker = argument;
    wsgi_event events[AT_ONCE] = {{0}};
    events[0].struct_size = sizeof events[0];
    for (;;) {
        /* -1: as long as it takes. A host with other work gives a time here, or wakes the worker
         * with wsgi_worker_wake; both end in WSGI_AGAIN. */
        int32_t count = wsgi_worker_next(worker, events, AT_ONCE, -1);
        if (count == WSGI_AGAIN) continue;
        if (count < 0) return NULL; /* WSGI_E_STOPPING: the server has stopped */
        for (int32_t i = 0; i < count; i++) answer(events[i].request);
    }
}

static int fail(wsgi_error *error) {
    fprintf(stderr, "pull: %s\n", wsgi_error_message(error));
    wsgi_error_free(error);
    wsgi_server_free(server);
    return 1;
}

int main(int argc, char **argv) {
    wsgi_error *error = NULL;
    wsgi_worker *workers[THREADS];
    pthread_t threads[THREADS];
    sigset_t signals;
    char address[64];
    int signal_number, port_given = argc == 3 && strcmp(argv[1], "--port") == 0;
    if (argc != 1 && !port_given) {
        fprintf(stderr, "usage: pull [--port N]\n");
        return 2;
    }
    /* Blocked in all threads, so that the signals wait for sigwait below. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    /* No application: that makes it a pull server. */
    snprintf(address, sizeof address, "127.0.0.1:%s", port_given ? argv[2] : "8070");
    if (wsgi_server_new(address, NULL, NULL, NULL, &server, &error) < 0 ||
        wsgi_server_start_background(server, &error) < 0)
        return fail(error);
    for (int i = 0; i < THREADS; i++) {
        if (wsgi_worker_new(server, &workers[i], &error) < 0) return fail(error);
        pthread_create(&threads[i], NULL, work, workers[i]);
    }
    wsgi_server_bound_addr(server, address, sizeof address, NULL);
    printf("Pulling requests from http://%s/ with %d threads. Ctrl-C ends it.\n", address, THREADS);
    fflush(stdout);

    /* `stop` lets the threads finish what they have fetched; then their `next` says so. */
    sigwait(&signals, &signal_number);
    wsgi_server_stop(server, NULL);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        wsgi_worker_free(workers[i]);
    }
    return wsgi_server_free(server) < 0;
}
