/* WebSocket on a hijacked connection: says back what it hears (RFC 6455). The frames are wslay's
 * (libwslay-dev), the hash of the handshake is OpenSSL's (libssl-dev).
 *
 *     websocket_echo [--port N] [--certificate FILE --private-key FILE]
 *
 * http://127.0.0.1:8070/, or https:// with a certificate, has a page that talks to it. The application answers the handshake, takes
 * the connection out of the server, and gives it to a thread of this program: none of the server's
 * workers is held by a conversation, and none ends because the server stops.
 */
#define _GNU_SOURCE
#define _POSIX_C_SOURCE 200809L

#include "applications.h"
#include "run.h"
#include "websocket_echo.h"

#include <pthread.h>
#include <stdlib.h>

enum { SESSIONS_MOST = 1000, STACK = 128 * 1024, IDLE_MS = 300 * 1000, GOODBYE_MS = 2 * 1000 };

static const char page[] =
    "<!doctype html><title>Echo</title><input id=say autofocus placeholder=Say><pre id=heard></pre>"
    "<script>const socket = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}/echo`);"
    "socket.onmessage = event => heard.textContent += event.data + '\\n';"
    "say.onchange = () => { socket.send(say.value); say.value = ''; };</script>\n";

/* The conversations that go on, so that the program can end them. */
typedef struct session {
    wsgi_stream *stream;
    struct session *next, **link;
} session;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static session *sessions;
static int session_count, ending;

static int is_full(void) {
    pthread_mutex_lock(&lock);
    int full = session_count >= SESSIONS_MOST;
    pthread_mutex_unlock(&lock);
    return full;
}

static void begin(session *session) {
    pthread_mutex_lock(&lock);
    session->next = sessions, session->link = &sessions;
    if (sessions) sessions->link = &session->next;
    sessions = session;
    session_count++;
    if (ending) wsgi_stream_cancel(session->stream);
    pthread_mutex_unlock(&lock);
}

/* Out of the list before it is freed, so that nobody cancels a stream that is gone. */
static void end(session *session) {
    pthread_mutex_lock(&lock);
    *session->link = session->next;
    if (session->next) session->next->link = session->link;
    session_count--;
    wsgi_stream_free(session->stream);
    pthread_cond_signal(&ended);
    pthread_mutex_unlock(&lock);
    free(session);
}

/* Both calls reach threads that wait in a call on the stream: the first reads get WSGI_E_TIMEOUT, and
 * there is time for a goodbye; whoever is still there then gets WSGI_E_CANCELLED. */
static void end_all(void) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += GOODBYE_MS / 1000;
    pthread_mutex_lock(&lock);
    ending = 1;
    for (session *session = sessions; session; session = session->next)
        wsgi_stream_set_deadline(session->stream, WSGI_STREAM_READ, 0);
    while (session_count > 0 && pthread_cond_timedwait(&ended, &lock, &until) == 0) {
    }
    for (session *session = sessions; session; session = session->next)
        wsgi_stream_cancel(session->stream);
    while (session_count > 0) pthread_cond_wait(&ended, &lock);
    pthread_mutex_unlock(&lock);
}

/* Each deadline counts from the call, and replaces the one before. */
static void may_idle(void *one) {
    session *session = one;
    pthread_mutex_lock(&lock);
    if (!ending) wsgi_stream_set_deadline(session->stream, WSGI_STREAM_READ, IDLE_MS);
    pthread_mutex_unlock(&lock);
}

static void *run_session(void *one) {
    session *session = one;
    converse(session->stream, may_idle, session);
    end(session);
    return NULL;
}

static int start_thread(session *session) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&thread, &attributes, run_session, session);
    pthread_attr_destroy(&attributes);
    return !failed;
}

static int32_t answer(const wsgi_environ *environ, wsgi_request request, const char *status,
                      const char *type, const char *body) {
    wsgi_header headers[] = {{text("Content-Type"), text(type)},
                             {text("Sec-WebSocket-Version"), text("13")}};
    return wsgi_respond(environ->server, request, text(status), headers, 2, body, strlen(body));
}

static int has(const wsgi_environ *environ, const char *key, const char *part) {
    wsgi_str value = environ_get(environ, key);
    return value.ptr != NULL && strcasestr(value.ptr, part) != NULL;
}

/* A browser names the page that opens a WebSocket, and sends cookies with it, whatever site the page is
 * of: pages of other sites are refused (RFC 6455, 10.2). Programs that are no browsers send no Origin. */
static int is_own_page(const wsgi_environ *environ) {
    wsgi_str origin = environ_get(environ, "HTTP_ORIGIN"), host = environ_get(environ, "HTTP_HOST");
    if (origin.ptr == NULL) return 1;
    const char *authority = strstr(origin.ptr, "://");
    return authority != NULL && host.ptr != NULL && strcasecmp(authority + 3, host.ptr) == 0;
}

static int32_t echo(void *user_data, wsgi_request request, const wsgi_environ *environ,
                    const wsgi_responder *responder) {
    char accept[ACCEPT_LENGTH + 1];
    (void)user_data;
    if (!has(environ, "HTTP_UPGRADE", "websocket") || !has(environ, "HTTP_CONNECTION", "upgrade"))
        return answer(environ, request, "200 OK", "text/html", page);
    if (!has(environ, "HTTP_SEC_WEBSOCKET_VERSION", "13"))
        return answer(environ, request, "426 Upgrade Required", "text/plain", "Version 13.\n");
    if (strcmp(environ_get(environ, "REQUEST_METHOD").ptr, "GET") != 0 ||
        !accept_key(environ_get(environ, "HTTP_SEC_WEBSOCKET_KEY"), accept))
        return answer(environ, request, "400 Bad Request", "text/plain", "No handshake.\n");
    if (!is_own_page(environ))
        return answer(environ, request, "403 Forbidden", "text/plain", "Another site's page.\n");

    if (is_full())
        return answer(environ, request, "503 Service Unavailable", "text/plain", "Full.\n");

    wsgi_header headers[] = {{text("Upgrade"), text("websocket")},
                             {text("Connection"), text("Upgrade")},
                             {text("Sec-WebSocket-Accept"), {accept, ACCEPT_LENGTH}}};
    wsgi_str status = text("101 Switching Protocols");
    session *session = calloc(1, sizeof *session);
    if (session == NULL) return WSGI_E_SYSTEM; /* the client gets 500 */
    wsgi_status result = responder->start_response(responder->context, status, headers, 3, 0);
    if (result == WSGI_OK)
        result = wsgi_request_hijack(environ->server, request, 0, &session->stream);
    if (result < 0) {
        free(session);
        return result;
    }
    /* From here on the request is over, and what is returned does not matter. */
    begin(session);
    if (!start_thread(session)) end(session);
    return WSGI_DONE;
}

int main(int argc, char **argv) {
    const char *port = "8070";
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--port") == 0) port = argv[i + 1];
        else if (i + 1 < argc && strcmp(argv[i], "--certificate") == 0) certificate = argv[i + 1];
        else if (i + 1 < argc && strcmp(argv[i], "--private-key") == 0) private_key = argv[i + 1];
        else return fprintf(stderr, "usage: websocket_echo [--port N] [--certificate FILE --private-key FILE]\n"), 2;
    }
    int code = run("websocket_echo", port, echo, NULL, NULL);
    end_all(); /* the server is gone, the conversations are still there */
    return code;
}
