/* Messages of the error log as events, for hosts that cannot be called. */
#include "check.h"

#include "pull.h"

static host new_logging(const char *level, wsgi_worker **worker) {
    wsgi_server *server = new_server(NULL, NULL);
    set(server, "log_events", "1");
    set(server, "log_level", level);
    host host = {server, ""};
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_bound_addr(server, host.address, sizeof host.address, NULL), WSGI_OK);
    *worker = new_worker(server);
    return host;
}

static void the_applications_words_come_back_as_events(void) {
    wsgi_worker *worker;
    host host = new_logging("info", &worker);
    client client = client_open(host.address);
    client_get(&client, "/");
    wsgi_request request = next_request(worker);
    CHECK_INT(wsgi_request_log(host.server, request, WSGI_LEVEL_WARNING, "one", 3), WSGI_OK);
    CHECK_INT(wsgi_request_log(host.server, request, WSGI_LEVEL_ERROR, "two", 3), WSGI_OK);
    CHECK_INT(wsgi_request_log(host.server, request, WSGI_LEVEL_DEBUG, "small talk", 10), WSGI_OK);
    wsgi_event event = expect_event(worker, WSGI_EVENT_LOG);
    CHECK_STR(event.text.ptr, "one");
    CHECK_INT(event.text.len, 3);
    CHECK_INT(event.level, WSGI_LEVEL_WARNING);
    CHECK_INT(event.code, WSGI_LOG_APPLICATION);
    CHECK_INT(event.request, 0);
    event = expect_event(worker, WSGI_EVENT_LOG);
    CHECK_STR(event.text.ptr, "two");
    CHECK_INT(event.level, WSGI_LEVEL_ERROR);
    expect_no_event(worker);
    say(host.server, request, "done");
    client_close(&client);
    end_pull(&host, worker);
}

static void texts_of_one_call_live_side_by_side(void) {
    enum { MANY = 8 };
    wsgi_worker *worker;
    host host = new_logging("info", &worker);
    client client = client_open(host.address);
    client_get(&client, "/");
    wsgi_request request = next_request(worker);
    for (int i = 0; i < MANY; i++) {
        char text = (char)('a' + i);
        CHECK_INT(wsgi_request_log(host.server, request, WSGI_LEVEL_INFO, &text, 1), WSGI_OK);
    }
    wsgi_event events[MANY] = {0};
    events[0].struct_size = sizeof events[0];
    int32_t seen = 0;
    while (seen < MANY) {
        int32_t count = wsgi_worker_next(worker, events, MANY, FACT_DEADLINE * 1000);
        CHECK(count > 0);
        for (int32_t i = 0; i < count; i++, seen++) {
            char expected[] = {(char)('a' + seen), '\0'};
            CHECK_INT(events[i].kind, WSGI_EVENT_LOG);
            CHECK_STR(events[i].text.ptr, expected);
        }
    }
    say(host.server, request, "done");
    client_close(&client);
    end_pull(&host, worker);
}

static void what_the_server_refuses_is_a_warning(void) {
    wsgi_worker *worker;
    host host = new_logging("warning", &worker);
    client client = client_open(host.address);
    client_send(&client, "nonsense\r\n\r\n", 12);
    wsgi_event event = expect_event(worker, WSGI_EVENT_LOG);
    CHECK_INT(event.code, WSGI_LOG_REFUSED);
    CHECK_INT(event.level, WSGI_LEVEL_WARNING);
    CHECK(event.text.len > 0);
    client_close(&client);
    end_pull(&host, worker);
}

static void without_the_option_there_are_none(void) {
    wsgi_server *server = new_server(NULL, NULL);
    host host = {server, ""};
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_bound_addr(server, host.address, sizeof host.address, NULL), WSGI_OK);
    wsgi_worker *worker = new_worker(server);
    client client = client_open(host.address);
    client_get(&client, "/");
    wsgi_request request = next_request(worker);
    CHECK_INT(wsgi_request_log(host.server, request, WSGI_LEVEL_ERROR, "one", 3), WSGI_OK);
    expect_no_event(worker);
    say(host.server, request, "done");
    client_close(&client);
    end_pull(&host, worker);
}

int main(void) {
    static const test tests[] = {
        {"the application's words come back as events", the_applications_words_come_back_as_events},
        {"texts of one call live side by side", texts_of_one_call_live_side_by_side},
        {"what the server refuses is told at debug level",
         what_the_server_refuses_is_a_warning},
        {"without the option there are none", without_the_option_there_are_none},
    };
    return run_tests(tests, COUNT(tests));
}
