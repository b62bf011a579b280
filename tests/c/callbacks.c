/* An application that fails or misuses its responder: what it is told, what the client sees. */
#include "client.h"
#include "host.h"

#include <pthread.h>

enum { LARGE = 1024 * 1024 }; /* more than any buffer on the way: the head has been sent */

static char large[LARGE];

/* The status that the library gave to the misuse under test. */
static wsgi_status told;

/* Starts a server with this application, sends GET / and gives back what came. */
static reply ask(wsgi_app_fn app) {
    host host = new_host(app, NULL, "2");
    told = 12345;
    client client = client_open(host.address);
    reply reply = client_fetch(&client, "/");
    client_close(&client);
    end_host(&host);
    return reply;
}

static wsgi_status begin(const wsgi_responder *responder, const char *content_length) {
    wsgi_header headers[2] = {{{"Content-Type", 12}, {"text/plain", 10}}};
    if (content_length) {
        headers[1].name = str("Content-Length");
        headers[1].value = str(content_length);
    }
    return responder->start_response(responder->context, str("200 OK"), headers,
                                     content_length ? 2 : 1, 0);
}

/* The head of an application. */
#define APP(name)                                                                                  \
    static int32_t name(void *user_data, wsgi_request request, const wsgi_environ *environ,        \
                        const wsgi_responder *responder)

APP(error_before) {
    (void)user_data, (void)request, (void)environ, (void)responder;
    return -1;
}

static void an_error_before_the_answer_is_500(void) {
    reply reply = ask(error_before);
    CHECK_INT(reply.status, 500);
    CHECK_INT(reply.complete, 1);
    reply_free(&reply);
}

APP(error_in_the_middle) {
    (void)user_data, (void)request, (void)environ;
    if (begin(responder, NULL) < 0) return -1;
    told = responder->write(responder->context, large, LARGE);
    return -1;
}

static void an_error_in_the_middle_cuts_the_body(void) {
    reply reply = ask(error_in_the_middle);
    CHECK_INT(told, WSGI_OK);
    CHECK_INT(reply.status, 200);
    CHECK_INT(reply.complete, 0);
    reply_free(&reply);
}

APP(error_after) {
    (void)user_data, (void)responder;
    told = say(environ->server, request, "whole");
    return -1;
}

static void an_error_after_the_answer_leaves_it_whole(void) {
    reply reply = ask(error_after);
    CHECK_INT(told, WSGI_OK);
    CHECK_INT(reply.status, 200);
    CHECK_STR(reply.body, "whole");
    reply_free(&reply);
}

APP(nothing_at_all) {
    (void)user_data, (void)request, (void)environ, (void)responder;
    return WSGI_DONE;
}

static void no_answer_at_all_is_500(void) {
    reply reply = ask(nothing_at_all);
    CHECK_INT(reply.status, 500);
    reply_free(&reply);
}

APP(start_twice) {
    (void)user_data, (void)request, (void)environ;
    begin(responder, NULL);
    wsgi_header second = {{"X-Second", 8}, {"1", 1}};
    told = responder->start_response(responder->context, str("404 Not Found"), &second, 1, 0);
    return responder->write(responder->context, "first", 5);
}

static void a_second_start_response_changes_nothing(void) {
    reply reply = ask(start_twice);
    CHECK_INT(told, WSGI_E_STATE);
    CHECK_INT(reply.status, 200);
    CHECK_STR(reply.body, "first");
    CHECK(!reply_has(&reply, "X-Second", "1"));
    reply_free(&reply);
}

APP(restart_in_time) {
    (void)user_data, (void)request, (void)environ;
    begin(responder, "99");
    wsgi_header second = {{"X-Second", 8}, {"1", 1}};
    told = responder->start_response(responder->context, str("503 Service Unavailable"), &second, 1,
                                     1);
    return responder->write(responder->context, "second", 6);
}

static void a_restart_replaces_status_and_headers(void) {
    reply reply = ask(restart_in_time);
    CHECK_INT(told, WSGI_OK);
    CHECK_INT(reply.status, 503);
    CHECK_STR(reply.body, "second");
    CHECK(reply_has(&reply, "X-Second", "1"));
    CHECK(!reply_has(&reply, "Content-Type", "text/plain"));
    CHECK(!reply_has(&reply, "Content-Length", "99"));
    reply_free(&reply);
}

APP(restart_too_late) {
    (void)user_data, (void)request, (void)environ;
    begin(responder, NULL);
    if (responder->write(responder->context, large, LARGE) < 0) return -1;
    told = responder->start_response(responder->context, str("500 Oops"), NULL, 0, 1);
    return told;
}

static void a_restart_after_the_head_is_refused(void) {
    reply reply = ask(restart_too_late);
    CHECK_INT(told, WSGI_E_STATE);
    CHECK_INT(reply.status, 200);
    CHECK_INT(reply.complete, 0);
    reply_free(&reply);
}

APP(write_first) {
    (void)user_data;
    told = responder->write(responder->context, "early", 5);
    return say(environ->server, request, "late");
}

static void a_write_before_start_response_is_refused(void) {
    reply reply = ask(write_first);
    CHECK_INT(told, WSGI_E_STATE);
    CHECK_INT(reply.status, 200);
    CHECK_STR(reply.body, "late");
    reply_free(&reply);
}

APP(write_nothing) {
    (void)user_data, (void)request, (void)environ;
    begin(responder, NULL);
    told = responder->write(responder->context, NULL, 3);
    if (responder->write(responder->context, NULL, 0) != WSGI_OK) return -1;
    if (responder->write(responder->context, "", 0) != WSGI_OK) return -1;
    return responder->write(responder->context, "end", 3);
}

static void empty_writes_do_not_end_the_body(void) {
    reply reply = ask(write_nothing);
    CHECK_INT(told, WSGI_E_NULL);
    CHECK_INT(reply.complete, 1);
    CHECK_STR(reply.body, "end");
    reply_free(&reply);
}

APP(write_too_much) {
    (void)user_data, (void)request, (void)environ;
    begin(responder, "4");
    told = responder->write(responder->context, "fourandten", 10);
    return told;
}

static void more_than_declared_is_500_if_nothing_was_sent(void) {
    reply reply = ask(write_too_much);
    CHECK_INT(told, WSGI_E_LENGTH);
    CHECK_INT(reply.status, 500);
    CHECK_INT(reply.complete, 1);
    reply_free(&reply);
}

APP(write_too_much_later) {
    (void)user_data, (void)request, (void)environ;
    char length[16];
    snprintf(length, sizeof length, "%d", LARGE + 2);
    begin(responder, length);
    if (responder->write(responder->context, large, LARGE) < 0) return -1;
    told = responder->write(responder->context, "1234", 4);
    return WSGI_DONE;
}

static void more_than_declared_is_cut_at_the_length(void) {
    host host = new_host(write_too_much_later, NULL, "1");
    client client = client_open(host.address);
    reply reply = client_fetch(&client, "/");
    CHECK_INT(told, WSGI_E_LENGTH);
    CHECK_INT(reply.status, 200);
    CHECK(reply.length >= LARGE && reply.length <= LARGE + 2);
    expect_closed(&client);
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
}

APP(write_too_little) {
    (void)user_data, (void)request, (void)environ;
    begin(responder, "10");
    return responder->write(responder->context, "four", 4);
}

static void less_than_declared_closes(void) {
    reply reply = ask(write_too_little);
    CHECK_INT(reply.status, 200);
    CHECK_INT(reply.complete, 0);
    CHECK_STR(reply.body, "four");
    reply_free(&reply);
}

static const struct {
    const char *status, *name, *value;
    size_t value_length; /* 0: the value is a C string */
} refused[] = {
    {"200 OK\r\nX-Injected: 1", "X-Name", "value", 0},
    {"200 OK\nX-Injected: 1", "X-Name", "value", 0},
    {"200OK", "X-Name", "value", 0},
    {"20 OK", "X-Name", "value", 0},
    {"2000 OK", "X-Name", "value", 0},
    {"OK", "X-Name", "value", 0},
    {"", "X-Name", "value", 0},
    {"099 Low", "X-Name", "value", 0},
    {"200 OK", "X-Name", "one\r\nX-Injected: two", 0},
    {"200 OK", "X-Name", "one\rtwo", 0},
    {"200 OK", "X-Name", "one\ntwo", 0},
    {"200 OK", "X-Name", "one\0two", 7},
    {"200 OK", "", "value", 0},
    {"200 OK", "X Name", "value", 0},
    {"200 OK", "X-Name:", "value", 0},
    {"200 OK", "X-Name\r\nX-Injected", "value", 0},
    {"200 OK", "Content-Length", "ten", 0},
    {"200 OK", "Content-Length", "-1", 0},
    {"200 OK", "Content-Length", "+1", 0},
};

APP(bad_heads) {
    (void)user_data;
    for (size_t i = 0; i < COUNT(refused); i++) {
        wsgi_header header = {str(refused[i].name), str(refused[i].value)};
        if (refused[i].value_length) header.value.len = refused[i].value_length;
        wsgi_status status = responder->start_response(responder->context, str(refused[i].status),
                                                       &header, 1, 0);
        if (status != WSGI_E_HEADER)
            FAIL("'%s', '%s: %s' gave %s", refused[i].status, refused[i].name, refused[i].value,
                 wsgi_status_name(status));
    }
    return say(environ->server, request, "survived");
}

static void bad_status_and_headers_are_refused(void) {
    reply reply = ask(bad_heads);
    CHECK_INT(reply.status, 200);
    CHECK_STR(reply.body, "survived");
    CHECK(!reply_has(&reply, "X-Injected", "1") && !reply_has(&reply, "X-Injected", "two"));
    reply_free(&reply);
}

APP(gives_headers_of_the_connection) {
    (void)user_data, (void)responder;
    wsgi_header headers[] = {{{"Transfer-Encoding", 17}, {"chunked", 7}},
                             {{"Keep-Alive", 10}, {"timeout=5", 9}},
                             {{"Connection", 10}, {"keep-alive", 10}},
                             {{"TE", 2}, {"trailers", 8}},
                             {{"Content-Length", 14}, {" 4\t", 3}}};
    return wsgi_respond(environ->server, request, str("200 OK"), headers, COUNT(headers), "kept", 4);
}

static void headers_of_the_connection_are_left_out(void) {
    host host = new_host(gives_headers_of_the_connection, NULL, "1");
    client client = client_open(host.address);
    for (int i = 0; i < 2; i++) {
        reply reply = client_fetch(&client, "/");
        CHECK_INT(reply.status, 200);
        CHECK_STR(reply.body, "kept");
        CHECK(reply_has(&reply, "Content-Length", "4"));
        CHECK(strstr(reply.head, "Connection:") == NULL && strstr(reply.head, "Keep-Alive:") == NULL);
        CHECK(strstr(reply.head, "Transfer-Encoding:") == NULL && strstr(reply.head, "TE:") == NULL);
        reply_free(&reply);
    }
    client_close(&client);
    end_host(&host);
}

APP(close_after) {
    (void)user_data, (void)responder;
    wsgi_header close_header = {{"Connection", 10}, {"close", 5}};
    return wsgi_respond(environ->server, request, str("200 OK"), &close_header, 1, "bye", 3);
}

static void connection_close_of_the_application_closes(void) {
    host host = new_host(close_after, NULL, "1");
    client client = client_open(host.address);
    reply reply = client_fetch(&client, "/");
    CHECK_STR(reply.body, "bye");
    CHECK(reply_has(&reply, "Connection", "close"));
    expect_closed(&client);
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
}

static wsgi_request kept;

APP(keep_the_handle) {
    (void)user_data, (void)responder;
    kept = request;
    return say(environ->server, request, "kept");
}

/* A handle used too late is nobody's: not even the next request's on the same connection. */
static void a_late_handle_is_gone(void) {
    host host = new_host(keep_the_handle, NULL, "1");
    client client = client_open(host.address);
    for (int i = 0; i < 3; i++) {
        reply reply = client_fetch(&client, "/");
        CHECK_STR(reply.body, "kept");
        reply_free(&reply);
        char buffer[4];
        WAIT_FOR(wsgi_request_aborted(host.server, kept) == WSGI_GONE);
        CHECK_INT(wsgi_request_read(host.server, kept, buffer, 4, 0), WSGI_GONE);
        CHECK_INT(say(host.server, kept, "again"), WSGI_GONE);
        CHECK_INT(wsgi_finish(host.server, kept), WSGI_GONE);
        CHECK_INT(wsgi_request_detach(host.server, kept), WSGI_GONE);
    }
    client_close(&client);
    end_host(&host);
}

APP(interrupt) {
    (void)user_data, (void)request, (void)environ, (void)responder;
    return WSGI_INTERRUPT;
}

static void *serve_in_a_thread(void *server) {
    told = wsgi_server_serve(server, NULL);
    return NULL;
}

static void interrupt_ends_the_server(void) {
    char address[64];
    pthread_t thread;
    wsgi_server *server = new_server(interrupt, NULL);
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_bound_addr(server, address, sizeof address, NULL), WSGI_OK);
    CHECK_INT(pthread_create(&thread, NULL, serve_in_a_thread, server), 0);
    reply reply = fetch(address, "/");
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_INT(told, WSGI_E_INTERRUPTED);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
    reply_free(&reply);
}

int main(void) {
    static const test tests[] = {
        {"an error before the answer is 500", an_error_before_the_answer_is_500},
        {"an error in the middle cuts the body", an_error_in_the_middle_cuts_the_body},
        {"an error after the answer leaves it whole", an_error_after_the_answer_leaves_it_whole},
        {"no answer at all is 500", no_answer_at_all_is_500},
        {"a second start_response changes nothing", a_second_start_response_changes_nothing},
        {"a restart replaces status and headers", a_restart_replaces_status_and_headers},
        {"a restart after the head is refused", a_restart_after_the_head_is_refused},
        {"a write before start_response is refused", a_write_before_start_response_is_refused},
        {"empty writes do not end the body", empty_writes_do_not_end_the_body},
        {"more than declared is 500 if nothing was sent",
         more_than_declared_is_500_if_nothing_was_sent},
        {"more than declared is cut at the length", more_than_declared_is_cut_at_the_length},
        {"less than declared closes", less_than_declared_closes},
        {"bad status and headers are refused", bad_status_and_headers_are_refused},
        {"headers of the connection are left out", headers_of_the_connection_are_left_out},
        {"Connection: close of the application closes", connection_close_of_the_application_closes},
        {"a late handle is gone", a_late_handle_is_gone},
        {"interrupt ends the server", interrupt_ends_the_server},
    };
    memset(large, 'x', sizeof large);
    return run_tests(tests, COUNT(tests));
}
