/* Server-sent events: many browsers listen, a few threads serve them all.
 *
 *     events [--port N]
 *
 * GET / is a page that shows them, GET /events the stream, POST /say sends its body to everybody. A
 * listener is a detached request: it holds no thread while there is nothing to say. */
#define _POSIX_C_SOURCE 200809L

#include "signals.h"

#include <wsgiserver.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LONGEST = 1000, SILENCE = 15 /* seconds; then a comment keeps proxies from closing */ };
enum { STOPPING = 3 /* of wsgi_request_aborted: the client is there, the server is stopping */ };

/* Two hold it: the list, and the library as long as it may call `has_left`. */
typedef struct listener {
    wsgi_request request;
    int holders, left, greeted; /* greeted: its head is out; the publisher's alone */
    struct listener *next;
} listener;

static wsgi_server *server;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static listener *arrived;       /* not in the publisher's list yet */
static char news[LONGEST + 16]; /* the event that is to be sent; "" if there is none */
static int has_changed, finishing;

static void let_go(void *one) {
    listener *held = one;
    pthread_mutex_lock(&lock);
    int last = --held->holders == 0;
    pthread_mutex_unlock(&lock);
    if (last) free(held);
}

/* Called on a thread of the library: it only leaves a note. */
static void has_left(void *one, wsgi_request request) {
    (void)request;
    pthread_mutex_lock(&lock);
    ((listener *)one)->left = 1;
    has_changed = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

/* Sends the text; without one a new listener gets its head, so that the browser knows that it is
 * connected, and that it will hear everything from now on. Nobody else calls for the request, so
 * nothing here is WSGI_BUSY. */
static wsgi_status send_to(listener *one, const char *text) {
    int is_new = !one->greeted;
    one->greeted = 1;
    if (*text) return wsgi_write(server, one->request, text, strlen(text), 0);
    return is_new ? wsgi_flush(server, one->request, 0) : WSGI_OK;
}

/* A stop ends streams too: with their last chunk, as a client that reads one to its end expects. Both
 * are WSGI_GONE if the request has ended already. */
static void end_of(listener *one) {
    if (wsgi_request_aborted(server, one->request) != STOPPING ||
        wsgi_finish(server, one->request) < 0)
        wsgi_abort(server, one->request);
}

/* Sends the text to all, and forgets who has left. Only the publisher has the list, so nothing is
 * locked while the library is called. One that does not read makes it wait, at most the option
 * write_timeout; then its write fails and it is forgotten too. */
static void publish(listener **list, const char *text) {
    while (*list) {
        listener *one = *list;
        pthread_mutex_lock(&lock);
        int left = one->left;
        pthread_mutex_unlock(&lock);
        if (left || send_to(one, text) < 0) {
            *list = one->next;
            end_of(one);
            let_go(one);
        } else {
            list = &one->next;
        }
    }
}

/* To be called with the lock. */
static void take_arrived(listener **list) {
    while (arrived) {
        listener *one = arrived;
        arrived = one->next;
        one->next = *list;
        *list = one;
    }
}

static void *publisher(void *unused) {
    listener *list = NULL;
    char text[sizeof news];
    (void)unused;
    pthread_mutex_lock(&lock);
    while (!finishing) {
        struct timespec until;
        int late = 0;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += SILENCE;
        while (!has_changed && !finishing && !late)
            late = pthread_cond_timedwait(&changed, &lock, &until) == ETIMEDOUT;
        has_changed = 0;
        take_arrived(&list);
        snprintf(text, sizeof text, "%s", late ? ":\n\n" : news);
        news[0] = '\0';
        pthread_cond_broadcast(&changed); /* there is room for the next */
        pthread_mutex_unlock(&lock);
        publish(&list, text);
        pthread_mutex_lock(&lock);
    }
    take_arrived(&list);
    pthread_mutex_unlock(&lock);
    while (list) {
        listener *one = list;
        list = one->next;
        let_go(one);
    }
    return NULL;
}

static int32_t listen_to_events(wsgi_request request) {
    static const char head[] = "200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Cache-Control: no-store\r\n";
    listener *one = calloc(1, sizeof *one);
    if (one == NULL) return -1;
    one->request = request;
    one->holders = 2;
    wsgi_status status = wsgi_start_response_flat(server, request, head, sizeof head - 1, 0);
    if (status >= 0) status = wsgi_request_detach(server, request);
    if (status < 0) {
        free(one);
        return status;
    }
    /* From here on `let_go` is called for it, also if this fails. */
    if (wsgi_request_on_abort(server, request, has_left, one, let_go) < 0) {
        wsgi_abort(server, request);
        let_go(one);
        return WSGI_DETACHED;
    }
    pthread_mutex_lock(&lock);
    one->next = arrived;
    arrived = one;
    has_changed = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return WSGI_DETACHED;
}

static int32_t answer(wsgi_request request, const char *head, const char *body) {
    wsgi_status status =
        wsgi_respond_flat(server, request, head, strlen(head), body, strlen(body));
    return status < 0 ? status : WSGI_DONE;
}

/* One line, as a line end would begin another field of the event. */
static int32_t say(wsgi_request request) {
    char line[LONGEST + 1];
    int64_t length = wsgi_request_readline(server, request, line, LONGEST);
    if (length < 0) return (int32_t)length;
    line[length] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    pthread_mutex_lock(&lock);
    while (news[0] && !finishing) pthread_cond_wait(&changed, &lock);
    snprintf(news, sizeof news, "data: %s\n\n", line);
    has_changed = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return answer(request, "204 No Content", "");
}

static const char page[] =
    "<!DOCTYPE html><title>Events</title><ul id=list></ul>\n"
    "<form onsubmit=\"fetch('/say', {method: 'POST', body: line.value}); line.value = '';"
    " return false\"><input id=line autofocus></form>\n"
    "<script>new EventSource('/events').onmessage = event => {\n"
    "  const item = document.createElement('li');\n"
    "  item.textContent = event.data;\n"
    "  list.append(item);\n"
    "}</script>\n";

static int is(wsgi_str value, const char *text) {
    return value.len == strlen(text) && memcmp(value.ptr, text, value.len) == 0;
}

static int32_t app(void *user_data, wsgi_request request, const wsgi_environ *environ,
                   const wsgi_responder *responder) {
    wsgi_view view = {0};
    (void)user_data, (void)environ, (void)responder;
    view.struct_size = sizeof view;
    wsgi_status status = wsgi_request_view(server, request, &view);
    if (status < 0) return status;
    if (is(view.path, "/events") && is(view.method, "GET")) return listen_to_events(request);
    if (is(view.path, "/say") && is(view.method, "POST")) return say(request);
    if (is(view.path, "/") && is(view.method, "GET"))
        return answer(request, "200 OK\r\nContent-Type: text/html", page);
    return answer(request, "404 Not Found\r\nContent-Type: text/plain", "Not here.\n");
}

static int fail(wsgi_error *error) {
    fprintf(stderr, "events: %s\n", wsgi_error_message(error));
    wsgi_error_free(error);
    free_without_signals(server);
    return 1;
}

int main(int argc, char **argv) {
    wsgi_error *error = NULL;
    pthread_t thread;
    char address[64];
    int port_given = argc == 3 && strcmp(argv[1], "--port") == 0;
    if (argc != 1 && !port_given) {
        fprintf(stderr, "usage: events [--port N]\n");
        return 2;
    }
    snprintf(address, sizeof address, "127.0.0.1:%.5s", port_given ? argv[2] : "8070");
    if (wsgi_server_new(address, app, NULL, NULL, &server, &error) < 0 ||
        wsgi_server_set(server, "numthreads", "4", &error) < 0 ||
        wsgi_server_set(server, "write_timeout", "1", &error) < 0 ||
        wsgi_server_set(server, "shutdown_timeout", "0.5", &error) < 0 || /* streams never end */
        wsgi_server_prepare(server, &error) < 0)
        return fail(error);
    stop_on_signals(server);
    pthread_create(&thread, NULL, publisher, NULL);
    wsgi_server_bound_addr(server, address, sizeof address, NULL);
    printf("Serving on http://%s/\n", address);
    fflush(stdout);
    wsgi_status served = wsgi_server_serve(server, &error);

    pthread_mutex_lock(&lock);
    finishing = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    if (served < 0) return fail(error);
    return free_without_signals(server) < 0;
}
