/* The error log from C: what a handler is told, and that without one nobody is told anything. */
#include "client.h"
#include "host.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

typedef struct message {
    int32_t level;
    uint32_t code;
    char text[256];
} message;

typedef struct messages {
    pthread_mutex_t lock;
    message of[64];
    size_t count;
} messages;

static void on_message(void *user_data, int32_t level, uint32_t code, const char *text,
                       size_t length) {
    messages *messages = user_data;
    CHECK_INT(strlen(text), length);
    pthread_mutex_lock(&messages->lock);
    if (messages->count < COUNT(messages->of)) {
        message *message = &messages->of[messages->count++];
        message->level = level, message->code = code;
        snprintf(message->text, sizeof message->text, "%s", text);
    }
    pthread_mutex_unlock(&messages->lock);
}

static size_t count(messages *messages) {
    pthread_mutex_lock(&messages->lock);
    size_t count = messages->count;
    pthread_mutex_unlock(&messages->lock);
    return count;
}

static wsgi_request last_request;

/* Does wrong what its path says. */
static int32_t app(void *user_data, wsgi_request request, const wsgi_environ *environ,
                   const wsgi_responder *responder) {
    (void)user_data;
    wsgi_header length = {{"Content-Length", 14}, {"4", 1}};
    last_request = request;
    if (path_is(environ, "/failed")) return -1;
    if (path_is(environ, "/nothing")) return WSGI_DONE;
    if (path_is(environ, "/short") || path_is(environ, "/long")) {
        const char *body = path_is(environ, "/short") ? "123" : "12345";
        responder->start_response(responder->context, str("200 OK"), &length, 1, 0);
        responder->write(responder->context, body, strlen(body));
        return WSGI_DONE;
    }
    if (path_is(environ, "/reads")) {
        char window[4096];
        int64_t got;
        do got = wsgi_request_read(environ->server, request, window, sizeof window, 0);
        while (got > 0);
        CHECK_INT(got, WSGI_E_CLIENT);
        return (int32_t)got;
    }
    if (path_is(environ, "/says")) {
        wsgi_server *server = environ->server;
        const char bad[] = "not UTF-8: \xff and \0 a NUL";
        CHECK_INT(wsgi_request_log(server, request, WSGI_LEVEL_INFO, "hear", 4), WSGI_OK);
        CHECK_INT(wsgi_request_log(server, request, WSGI_LEVEL_DEBUG, bad, 11), WSGI_OK);
        CHECK_INT(wsgi_request_log(server, request, WSGI_LEVEL_ERROR, bad, 12), WSGI_OK);
        CHECK_INT(wsgi_request_log(server, request, WSGI_LEVEL_INFO, NULL, 0), WSGI_OK);
        CHECK_INT(wsgi_request_log(server, request, WSGI_LEVEL_INFO, NULL, 1), WSGI_E_NULL);
        CHECK_INT(wsgi_request_log(server, request, 15, "x", 1), WSGI_E_OPTION);
        CHECK_INT(wsgi_request_log(NULL, request, WSGI_LEVEL_INFO, "x", 1), WSGI_E_NULL);
    }
    return say(environ->server, request, "fine");
}

static host host_with(messages *messages, const char *level) {
    wsgi_handlers handlers = {0};
    handlers.struct_size = sizeof handlers;
    handlers.error_log = on_message;
    wsgi_server *server = new_server(app, NULL);
    set(server, "log_level", level);
    CHECK_INT(wsgi_server_set_handlers(server, &handlers, messages, NULL, NULL), WSGI_OK);
    return start_host(server);
}

static void every_message_has_its_code(void) {
    const struct {
        const char *path;
        uint32_t code;
        const char *text;
    } cases[] = {
        {"/failed", WSGI_LOG_APPLICATION_FAILED, "the application failed in GET /failed"},
        {"/nothing", WSGI_LOG_NO_ANSWER, "the application gave no answer"},
        {"/short", WSGI_LOG_BODY_TOO_SHORT, "shorter than its Content-Length"},
        {"/long", WSGI_LOG_BODY_TOO_LONG, "longer than its Content-Length"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        messages messages = {PTHREAD_MUTEX_INITIALIZER, {{0}}, 0};
        host host = host_with(&messages, "info");
        reply reply = fetch(host.address, cases[i].path);
        reply_free(&reply);
        end_host(&host);
        CHECK_INT(messages.count, 1);
        CHECK_INT(messages.of[0].level, WSGI_LEVEL_ERROR);
        CHECK_INT(messages.of[0].code, cases[i].code);
        CHECK_CONTAINS(messages.of[0].text, cases[i].text);
    }
}

/* The application returns what a read gave it: no failure of its own. */
static void a_client_that_leaves_is_no_failure_of_the_application(void) {
    static char part[70000]; /* more than is read before the application is called */
    static const char head[] = "POST /reads HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n";
    messages messages = {PTHREAD_MUTEX_INITIALIZER, {{0}}, 0};
    host host = host_with(&messages, "debug");
    client client = client_open(host.address);
    client_send(&client, head, sizeof head - 1);
    client_send(&client, part, sizeof part);
    CHECK_INT(shutdown(client.fd, SHUT_WR), 0);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 400);
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
    CHECK_INT(messages.count, 1);
    CHECK_INT(messages.of[0].code, WSGI_LOG_REFUSED);
    CHECK_INT(messages.of[0].level, WSGI_LEVEL_DEBUG);
}

static void the_application_has_its_own_words(void) {
    messages messages = {PTHREAD_MUTEX_INITIALIZER, {{0}}, 0};
    host host = host_with(&messages, "debug");
    expect(host.address, "/says", 200, "fine");
    CHECK_INT(count(&messages), 4);
    CHECK_STR(messages.of[0].text, "hear");
    CHECK_INT(messages.of[0].level, WSGI_LEVEL_INFO);
    CHECK_STR(messages.of[1].text, "not UTF-8: ");
    CHECK_INT(messages.of[1].level, WSGI_LEVEL_DEBUG);
    CHECK_STR(messages.of[2].text, "not UTF-8: \xef\xbf\xbd");
    CHECK_STR(messages.of[3].text, "");
    for (size_t i = 0; i < 4; i++) CHECK_INT(messages.of[i].code, WSGI_LOG_APPLICATION);
    WAIT_FOR(wsgi_request_log(host.server, last_request, WSGI_LEVEL_INFO, "x", 1) == WSGI_GONE);
    end_host(&host);
}

static void a_refused_request_is_of_interest_to_who_looks(void) {
    messages messages = {PTHREAD_MUTEX_INITIALIZER, {{0}}, 0};
    host host = host_with(&messages, "debug");
    client client = client_open(host.address);
    client_send(&client, "nonsense\r\n\r\n", 12);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 400);
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
    CHECK_INT(messages.count, 1);
    CHECK_INT(messages.of[0].code, WSGI_LOG_REFUSED);
    CHECK_INT(messages.of[0].level, WSGI_LEVEL_WARNING);
    CHECK_CONTAINS(messages.of[0].text, "refused 400 to 127.0.0.1:");
}

/* In a process of its own, whose outputs are this test's. */
static void without_a_handler_nothing_is_printed(void) {
    int ends[2];
    char output[512];
    CHECK_INT(pipe(ends), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], 1), dup2(ends[1], 2);
        close(ends[0]), close(ends[1]);
        const char *paths[] = {"/failed", "/nothing", "/short", "/long", "/says", "/"};
        host host = new_host(app, NULL, "2");
        for (size_t i = 0; i < COUNT(paths); i++) {
            reply reply = fetch(host.address, paths[i]);
            reply_free(&reply);
        }
        client client = client_open(host.address);
        client_send(&client, "nonsense\r\n\r\n", 12);
        reply reply = client_reply(&client, 0);
        reply_free(&reply);
        client_close(&client);
        end_host(&host);
        _exit(0);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], output, sizeof output - 1);
    CHECK(got >= 0);
    output[got] = '\0';
    CHECK_STR(output, "");
    int status = -1;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(ends[0]);
}

static const test tests[] = {
    {"without a handler nothing is printed", without_a_handler_nothing_is_printed},
    {"every message has its code", every_message_has_its_code},
    {"a client that leaves is no failure of the application",
     a_client_that_leaves_is_no_failure_of_the_application},
    {"the application has its own words", the_application_has_its_own_words},
    {"a refused request is of interest to who looks",
     a_refused_request_is_of_interest_to_who_looks},
};

int main(void) {
    return run_tests(tests, COUNT(tests));
}
