/* fork: before the start all is well on both sides; after it the child is refused, by name and by
 * every function, and harms nobody. */
#include "misuse_requests.h"
#include "misuse_servers.h"

#include <sys/wait.h>

static int32_t hello(void *user_data, wsgi_request request, const wsgi_environ *environ,
                     const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    return say(environ->server, request, "hello");
}

static void end_child(pid_t child) {
    int state = 0;
    CHECK_INT(waitpid(child, &state, 0), child);
    CHECK(WIFEXITED(state));
    CHECK_INT(WEXITSTATUS(state), 0);
}

/* As any child would; but what the parent's threads had in hand cannot be freed here, and a tool that
 * looks for what was lost would find it. */
static void leave(void) {
    if (is_watched()) _exit(0);
    exit(0);
}

static pid_t fork_child(void) {
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) alarm(PROGRAM_DEADLINE);
    return child;
}

static void all_servers_say_forked(wsgi_server *server) {
    for (size_t i = 0; i < COUNT(SERVER_ROWS); i++) {
        if (SERVER_ROWS[i].call == do_wsgi_server_listener_count)
            CHECK_INT(wsgi_server_listener_count(server), 0);
        else
            check_row(SERVER_ROWS[i].function, "forked", SERVER_ROWS[i].call(server, IN_WORKER),
                      WSGI_E_FORKED);
    }
}

/* All functions, in the child of a process that serves and has a request out; the parent goes on. */
static void every_function_is_refused_in_the_child(void) {
    client client;
    site site = open_site();
    host host = new_host(hello, NULL, "2");
    wsgi_event event = {0};
    event.struct_size = sizeof event;
    wsgi_request request = ask(&site, &client);
    pid_t child = fork_child();
    if (child == 0) {
        all_servers_say_forked(site.server);
        all_servers_say_forked(host.server);
        all_say(site.server, request, "forked", WSGI_E_FORKED);
        all_say(site.server, 1, "forked", WSGI_E_FORKED);
        all_say(NULL, request, "forked", WSGI_E_NULL);
        CHECK_INT(given, given_back);
        CHECK_INT(wsgi_worker_next(site.worker, &event, 1, 0), WSGI_E_FORKED);
        CHECK_INT(wsgi_worker_wake(site.worker), WSGI_E_FORKED);
        CHECK_INT(wsgi_worker_free(site.worker), WSGI_E_FORKED);
        leave(); /* with all that runs at exit */
    }
    end_child(child);
    CHECK_INT(say(site.server, request, "in the parent"), WSGI_OK);
    reply reply = client_reply(&client, 0);
    CHECK_STR(reply.body, "in the parent");
    reply_free(&reply);
    client_close(&client);
    expect(host.address, "/", 200, "hello");
    end_host(&host);
    request = ask(&site, &client);
    CHECK_INT(say(site.server, request, "still"), WSGI_OK);
    client_close(&client);
    close_site(&site);
}

/* The child has its own copy of the call, and the client's socket: it must not answer. */
static int32_t fork_in_the_call(void *user_data, wsgi_request request, const wsgi_environ *environ,
                                const wsgi_responder *responder) {
    (void)user_data;
    pid_t child = fork_child();
    if (child == 0) {
        wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
        CHECK_INT(responder->start_response(responder->context, str("200 OK"), &type, 1, 0),
                  WSGI_E_FORKED);
        CHECK_INT(responder->write(responder->context, "child", 5), WSGI_E_FORKED);
        all_say(environ->server, request, "forked in the call", WSGI_E_FORKED);
        _exit(0);
    }
    end_child(child);
    return say(environ->server, request, "parent");
}

static void a_child_of_the_application_does_not_answer(void) {
    host host = new_host(fork_in_the_call, NULL, "2");
    for (int i = 0; i < 5; i++) expect(host.address, "/", 200, "parent");
    end_host(&host);
}

/* Made before the fork, started on both sides: two servers that know nothing of each other. */
static void a_server_may_be_started_on_both_sides(void) {
    wsgi_server *server = new_server(hello, NULL);
    int ready[2];
    CHECK_INT(pipe(ready), 0);
    pid_t child = fork_child();
    host host = start_host(server);
    if (child == 0) {
        char byte;
        CHECK_INT(read(ready[0], &byte, 1), 1); /* both serve now */
        expect(host.address, "/", 200, "hello");
        CHECK_INT(wsgi_server_signal_stop(server), WSGI_OK);
        CHECK_INT(wsgi_server_wait(server), WSGI_OK);
        CHECK_INT(wsgi_server_free(server), WSGI_OK);
        leave();
    }
    CHECK_INT(write(ready[1], "x", 1), 1);
    end_child(child);
    for (int i = 0; i < 5; i++) expect(host.address, "/", 200, "hello");
    CHECK_INT(wsgi_server_ready(server), 1);
    end_host(&host);
    close(ready[0]);
    close(ready[1]);
}

/* After a stop nothing is missing in a child. */
static void a_server_that_has_stopped_may_be_started_in_the_child(void) {
    wsgi_server *server = new_server(hello, NULL);
    host host = start_host(server);
    expect(host.address, "/", 200, "hello");
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    pid_t child = fork_child();
    if (child == 0) {
        host = start_host(server);
        expect(host.address, "/", 200, "hello");
        end_host(&host);
        leave();
    }
    end_child(child);
    host = start_host(server);
    expect(host.address, "/", 200, "hello");
    end_host(&host);
}

/* A stop that was asked for in the child before its start is the child's. */
static void a_signal_in_the_child_is_the_child_s(void) {
    wsgi_server *server = new_server(hello, NULL);
    pid_t child = fork_child();
    if (child == 0) {
        CHECK_INT(wsgi_server_signal_stop(server), WSGI_OK);
        CHECK_INT(wsgi_server_start(server, NULL), WSGI_OK);
        CHECK_INT(wsgi_server_free(server), WSGI_OK);
        leave();
    }
    end_child(child);
    host host = start_host(server);
    expect(host.address, "/", 200, "hello");
    end_host(&host);
}

static int until[2]; /* closed on the side of the parent: the child ends */

/* The child keeps its copy of the listening socket. */
static int32_t fork_a_child_that_stays(void *user_data, wsgi_request request,
                                       const wsgi_environ *environ,
                                       const wsgi_responder *responder) {
    (void)responder;
    pid_t child = fork_child();
    if (child == 0) {
        char byte;
        close(until[1]);
        _exit(read(until[0], &byte, 1) == 0 ? 0 : 1);
    }
    *(pid_t *)user_data = child;
    return say(environ->server, request, "stays");
}

static void a_child_that_outlives_the_server_does_not_keep_its_address(void) {
    pid_t child = 0;
    CHECK_INT(pipe(until), 0);
    host host = new_host(fork_a_child_that_stays, &child, "2");
    char address[sizeof host.address];
    expect(host.address, "/", 200, "stays");
    memcpy(address, host.address, sizeof address);
    end_host(&host);
    wsgi_server *again = new_server(hello, NULL);
    set(again, "bind_addr", address);
    host = start_host(again);
    CHECK_STR(host.address, address);
    expect(address, "/", 200, "hello");
    end_host(&host);
    close(until[1]);
    end_child(child);
    close(until[0]);
}

int main(void) {
    static const test tests[] = {
        {"every function is refused in the child", every_function_is_refused_in_the_child},
        {"a child of the application does not answer", a_child_of_the_application_does_not_answer},
        {"a server may be started on both sides", a_server_may_be_started_on_both_sides},
        {"a server that has stopped may be started in the child",
         a_server_that_has_stopped_may_be_started_in_the_child},
        {"a signal in the child is the child's", a_signal_in_the_child_is_the_child_s},
        {"a child that outlives the server does not keep its address",
         a_child_that_outlives_the_server_does_not_keep_its_address},
    };
    make_file();
    return run_tests(tests, COUNT(tests));
}
