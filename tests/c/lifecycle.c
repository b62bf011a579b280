/* Servers come and go: nothing of them stays behind, whatever the order of the calls. */
#include "client.h"
#include "host.h"

#include <pthread.h>

static int freed;

static void count_free(void *user_data) {
    CHECK(user_data == &freed);
    freed++;
}

static int32_t name_of_server(void *user_data, wsgi_request request, const wsgi_environ *environ,
                              const wsgi_responder *responder) {
    (void)responder;
    return say(environ->server, request, user_data);
}

static char one[] = "one", two[] = "two";

static void a_thousand_servers_leave_nothing(void) {
    size_t fds = descriptors(), tasks = threads();
    for (int i = 0; i < 1000; i++) {
        wsgi_server *server = new_server(name_of_server, one);
        CHECK_INT(wsgi_server_free(server), WSGI_OK);
    }
    CHECK_INT(descriptors(), fds);
    CHECK_INT(threads(), tasks);
}

static void prepared_servers_that_never_serve_leave_nothing(void) {
    size_t fds = descriptors(), tasks = threads();
    for (int i = 0; i < 20; i++) {
        wsgi_server *server = new_server(name_of_server, one);
        CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_OK);
        CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
        CHECK_INT(wsgi_server_free(server), WSGI_OK);
    }
    WAIT_FOR(threads() == tasks);
    CHECK_INT(descriptors(), fds);
}

static void servers_start_and_stop_again_and_again(void) {
    size_t fds = descriptors(), tasks = threads();
    for (int i = 0; i < 20; i++) {
        host host = new_host(name_of_server, one, "4");
        CHECK(threads() > tasks);
        expect(host.address, "/", 200, "one");
        end_host(&host);
    }
    WAIT_FOR(threads() == tasks);
    CHECK_INT(descriptors(), fds);
}

static void two_servers_live_side_by_side(void) {
    host first = new_host(name_of_server, one, "2");
    host second = new_host(name_of_server, two, "2");
    CHECK(strcmp(first.address, second.address) != 0);
    expect(first.address, "/", 200, "one");
    expect(second.address, "/", 200, "two");
    end_host(&first);
    expect(second.address, "/", 200, "two");
    end_host(&second);
}

static void user_data_is_freed_exactly_once(void) {
    wsgi_server *server = NULL;
    freed = 0;
    CHECK_INT(wsgi_server_new("\xff", name_of_server, &freed, count_free, &server, NULL),
              WSGI_E_OPTION);
    CHECK_INT(freed, 1);
    CHECK_INT(wsgi_server_new("127.0.0.1:0", name_of_server, &freed, count_free, NULL, NULL),
              WSGI_E_NULL);
    CHECK_INT(freed, 2);

    /* a bad address may show at once or when it is bound */
    wsgi_status status =
        wsgi_server_new("no address", name_of_server, &freed, count_free, &server, NULL);
    if (status == WSGI_OK) {
        CHECK(wsgi_server_prepare(server, NULL) < 0);
        CHECK_INT(freed, 2);
        CHECK_INT(wsgi_server_free(server), WSGI_OK);
    }
    CHECK_INT(freed, 3);

    CHECK_INT(wsgi_server_new("127.0.0.1:0", name_of_server, &freed, count_free, &server, NULL),
              WSGI_OK);
    CHECK_INT(freed, 3);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
    CHECK_INT(freed, 4);

    CHECK_INT(wsgi_server_new("127.0.0.1:0", name_of_server, &freed, count_free, &server, NULL),
              WSGI_OK);
    host host = start_host(server);
    CHECK_INT(wsgi_server_stop(host.server, NULL), WSGI_OK);
    CHECK_INT(freed, 4); /* the handle may still be asked things */
    CHECK_INT(wsgi_server_free(host.server), WSGI_OK);
    CHECK_INT(freed, 5);
}

static wsgi_status stop_result;

static int32_t stop_then_answer(void *user_data, wsgi_request request, const wsgi_environ *environ,
                                const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    stop_result = wsgi_server_stop(environ->server, NULL);
    return say(environ->server, request, "stopping");
}

/* A worker that waited for all workers would wait for itself: there it means signal_stop. */
static void stop_from_a_handler_returns_and_the_server_ends(void) {
    host host = new_host(stop_then_answer, NULL, "2");
    stop_result = -1;
    reply reply = fetch(host.address, "/");
    CHECK_STR(reply.body, "stopping");
    CHECK(reply_has(&reply, "Connection", "close"));
    reply_free(&reply);
    CHECK_INT(wsgi_server_wait(host.server), WSGI_OK);
    CHECK_INT(stop_result, WSGI_OK);
    end_host(&host);
}

static void stop_closes_idle_connections(void) {
    enum { CLIENTS = 100 };
    client clients[CLIENTS];
    size_t fds = descriptors();
    host host = new_host(name_of_server, one, "2");
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(host.address);
        reply reply = client_fetch(&clients[i], "/");
        CHECK_INT(reply.status, 200);
        reply_free(&reply);
    }
    set(host.server, "shutdown_timeout", "3600");
    double begun = seconds_now();
    end_host(&host);
    CHECK(seconds_now() - begun < FACT_DEADLINE); /* nobody was waited for */
    for (int i = 0; i < CLIENTS; i++) {
        expect_closed(&clients[i]);
        client_close(&clients[i]);
    }
    CHECK_INT(descriptors(), fds);
}

static wsgi_server *volatile signalled;
static pthread_t main_thread;

static void on_signal(int number) {
    (void)number;
    wsgi_server_signal_stop(signalled);
}

static void *request_then_signal(void *argument) {
    char address[64] = "";
    (void)argument;
    WAIT_FOR(wsgi_server_bound_addr(signalled, address, sizeof address, NULL) == WSGI_OK);
    expect(address, "/", 200, "one");
    CHECK_INT(pthread_kill(main_thread, SIGUSR1), 0);
    return NULL;
}

static void signal_stop_ends_start(void) {
    struct sigaction action = {0}, before;
    pthread_t helper;
    action.sa_handler = on_signal;
    CHECK_INT(sigaction(SIGUSR1, &action, &before), 0);
    main_thread = pthread_self();
    signalled = new_server(name_of_server, one);
    CHECK_INT(pthread_create(&helper, NULL, request_then_signal, NULL), 0);
    CHECK_INT(wsgi_server_start(signalled, NULL), WSGI_OK);
    CHECK_INT(pthread_join(helper, NULL), 0);
    CHECK_INT(wsgi_server_free(signalled), WSGI_OK);
    CHECK_INT(sigaction(SIGUSR1, &before, NULL), 0);
}

static void signal_stop_before_the_start_is_not_lost(void) {
    wsgi_server *server = new_server(name_of_server, one);
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_signal_stop(server), WSGI_OK);
    CHECK_INT(wsgi_server_serve(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

/* By the application too, which serves just then. */
static int32_t changes_options(void *user_data, wsgi_request request, const wsgi_environ *environ,
                               const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    set(environ->server, "server_header", "changed");
    set(environ->server, "max_request_header_size", "200");
    return say(environ->server, request, "done");
}

static void options_are_set_while_it_serves(void) {
    host host = new_host(changes_options, NULL, "1");
    wsgi_option_info info = {.struct_size = sizeof info};
    for (size_t i = 0; i < wsgi_server_option_count(); i++) {
        wsgi_error *error = NULL;
        CHECK_INT(wsgi_server_option_info(i, &info), WSGI_OK);
        wsgi_status expected = info.while_running ? WSGI_OK : WSGI_E_STATE;
        CHECK_INT(wsgi_server_set(host.server, info.name, info.default_value, &error), expected);
        CHECK(info.while_running || strstr(wsgi_error_message(error), info.name) != NULL);
        wsgi_error_free(error);
    }
    client client = client_open(host.address);
    client_get(&client, "/");
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 200);
    CHECK(reply_has(&reply, "Server", "changed"));
    reply_free(&reply);
    char head[400] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    memset(head + strlen(head), 'x', 300);
    client_send(&client, head, strlen(head));
    reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 431);
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
}

int main(void) {
    static const test tests[] = {
        {"a thousand servers leave nothing", a_thousand_servers_leave_nothing},
        {"prepared servers that never serve leave nothing",
         prepared_servers_that_never_serve_leave_nothing},
        {"servers start and stop again and again", servers_start_and_stop_again_and_again},
        {"two servers live side by side", two_servers_live_side_by_side},
        {"user data is freed exactly once", user_data_is_freed_exactly_once},
        {"stop from a handler returns and the server ends",
         stop_from_a_handler_returns_and_the_server_ends},
        {"stop closes idle connections", stop_closes_idle_connections},
        {"options are set while it serves", options_are_set_while_it_serves},
        {"signal_stop ends start", signal_stop_ends_start},
        {"signal_stop before the start is not lost", signal_stop_before_the_start_is_not_lost},
    };
    return run_tests(tests, COUNT(tests));
}
