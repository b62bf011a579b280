/* No descriptors left: the server, in a process of its own with a low limit, meets more clients than
 * it can hold. */
#include "client.h"
#include "host.h"

#include <sys/resource.h>
#include <sys/wait.h>

enum { LIMIT = 40, CLIENTS = 100, SOME = 60 };

typedef struct child {
    pid_t pid;
    int stop; /* closed: the server is to stop */
    char address[64];
} child;

static int32_t hello(void *user_data, wsgi_request request, const wsgi_environ *environ,
                     const wsgi_responder *responder) {
    (void)environ, (void)responder;
    return say(*(wsgi_server **)user_data, request, "hello") < 0 ? -1 : WSGI_DONE;
}

/* The server's process: tells its address, and stops when nobody holds the other end of `stop`. */
static void serve_with_few(int tell, int stop) {
    static wsgi_server *server;
    struct rlimit few = {LIMIT, LIMIT};
    char end;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), 0);
    server = new_server(hello, &server);
    set(server, "numthreads", "2");
    set(server, "timeout", "60"); /* nothing here is about time-outs */
    size_t before = descriptors();
    host host = start_host(server);
    CHECK(write(tell, host.address, sizeof host.address) == (ssize_t)sizeof host.address);
    CHECK_INT(read(stop, &end, 1), 0);
    end_host(&host);
    CHECK(descriptors() <= before);
}

static child start_child(void) {
    child child = {0};
    int tell[2], stop[2];
    CHECK_INT(pipe(tell), 0);
    CHECK_INT(pipe(stop), 0);
    fflush(NULL);
    child.pid = fork();
    CHECK(child.pid >= 0);
    if (child.pid == 0) {
        close(tell[0]);
        close(stop[1]);
        serve_with_few(tell[1], stop[0]);
        _exit(0);
    }
    close(tell[1]);
    close(stop[0]);
    child.stop = stop[1];
    CHECK(read(tell[0], child.address, sizeof child.address) == (ssize_t)sizeof child.address);
    close(tell[0]);
    return child;
}

/* It has not crashed, and stops as always. */
static void end_child(child *child) {
    int state = 0;
    close(child->stop);
    CHECK_INT(waitpid(child->pid, &state, 0), child->pid);
    CHECK(WIFEXITED(state));
    CHECK_INT(WEXITSTATUS(state), 0);
}

/* One more client is answered, sooner or later: until then it may be closed. */
static int is_served(const char *address) {
    client client = client_open(address);
    client_get(&client, "/");
    reply reply = client_reply(&client, 0);
    int served = reply.status == 200;
    if (served) CHECK_STR(reply.body, "hello");
    reply_free(&reply);
    client_close(&client);
    return served;
}

static void open_all(client *clients, int count, const char *address) {
    for (int i = 0; i < count; i++) clients[i] = client_open(address);
}

static void close_all(client *clients, int count) {
    for (int i = 0; i < count; i++) client_close(&clients[i]);
}

/* Those that have their answer are idle, and make room for the next. */
static void everybody_is_answered_or_closed(void) {
    child child = start_child();
    client clients[CLIENTS];
    int answered = 0;
    open_all(clients, CLIENTS, child.address);
    for (int i = 0; i < CLIENTS; i++) client_get(&clients[i], "/");
    for (int i = 0; i < CLIENTS; i++) {
        reply reply = client_reply(&clients[i], 0); /* fails the test if neither happens in time */
        CHECK(reply.status == 200 || reply.status == 0);
        answered += reply.status == 200;
        reply_free(&reply);
    }
    CHECK(answered >= LIMIT / 2);
    WAIT_FOR(is_served(child.address));
    close_all(clients, CLIENTS);
    WAIT_FOR(is_served(child.address));
    end_child(&child);
}

/* Clients that say nothing are in nobody's way. */
static void a_client_is_served_beside_silent_ones(void) {
    child child = start_child();
    client clients[SOME];
    open_all(clients, SOME, child.address);
    WAIT_FOR(is_served(child.address));
    close_all(clients, SOME);
    for (int i = 0; i < SOME; i++) WAIT_FOR(is_served(child.address));
    end_child(&child);
}

/* Clients in the middle of a request are not closed for others; a new one is turned away. */
static void half_requests_are_kept_and_served_later(void) {
    static const char half[] = "GET / HTTP/1.1\r\nHost: t", rest[] = "est\r\n\r\n";
    child child = start_child();
    client clients[SOME];
    int answered = 0;
    open_all(clients, SOME, child.address);
    for (int i = 0; i < SOME; i++)
        send(clients[i].fd, half, sizeof half - 1, MSG_NOSIGNAL); /* some are closed already */
    is_served(child.address); /* or closed, but not left alone */
    for (int i = 0; i < SOME; i++) {
        send(clients[i].fd, rest, sizeof rest - 1, MSG_NOSIGNAL);
        reply reply = client_reply(&clients[i], 0);
        CHECK(reply.status == 200 || reply.status == 0);
        answered += reply.status == 200;
        reply_free(&reply);
    }
    CHECK(answered > 0);
    close_all(clients, SOME);
    for (int i = 0; i < SOME; i++) WAIT_FOR(is_served(child.address));
    end_child(&child);
}

int main(void) {
    if (is_watched()) {
        fprintf(stderr, "  (left out: the tool needs descriptors of its own)\n");
        return 0;
    }
    static const test tests[] = {
        {"everybody is answered or closed", everybody_is_answered_or_closed},
        {"a client is served beside silent ones", a_client_is_served_beside_silent_ones},
        {"half requests are kept and served later", half_requests_are_kept_and_served_later},
    };
    return run_tests(tests, COUNT(tests));
}
