/* A child that was forked in a function of the host's and returns from it, instead of ending: it has
 * the parent's epoll set, listener and clients. The library ends it, or returns WSGI_E_FORKED to the
 * host's own thread; the parent serves on as if nothing had happened. */
#include "pull.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

enum { REQUESTS = 60 };

/* In which function the next call forks. */
typedef enum place {
    NOWHERE,
    IN_APP,
    IN_THREAD_START,
    IN_THREAD_STOP,
    IN_ACCESS_LOG,
    IN_REQUEST_DONE,
    IN_ERROR_LOG,
    IN_ABORT
} place;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static place fork_in;
static pid_t forked; /* the child, -1 if its parent has not seen its end yet */
static int child_status;
static int32_t child_returns;

/* Forks if this is the place. The child returns 1 at once; the parent waits for its end before. */
static int fork_here(place here) {
    pthread_mutex_lock(&lock);
    int meant = fork_in == here;
    if (meant) fork_in = NOWHERE;
    pthread_mutex_unlock(&lock);
    if (!meant) return 0;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(FACT_DEADLINE);
        return 1;
    }
    int status = 0;
    CHECK_INT(waitpid(child, &status, 0), child);
    pthread_mutex_lock(&lock);
    forked = child;
    child_status = status;
    pthread_mutex_unlock(&lock);
    return 0;
}

static void will_fork_in(place place) {
    pthread_mutex_lock(&lock);
    fork_in = place;
    forked = -1;
    pthread_mutex_unlock(&lock);
}

/* The end of the child that was forked there, which is gone by then. */
static void expect_child_status(int expected) {
    pid_t child = -1;
    int status = 0;
    WAIT_FOR((pthread_mutex_lock(&lock), child = forked, status = child_status,
              pthread_mutex_unlock(&lock), child != -1));
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), expected);
    CHECK(kill(child, 0) < 0 && errno == ESRCH);
}

static void on_abort(void *user_data, wsgi_request request) {
    (void)user_data, (void)request;
    fork_here(IN_ABORT);
}

static int32_t app(void *user_data, wsgi_request request, const wsgi_environ *environ,
                   const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    if (fork_here(IN_APP)) return child_returns;
    if (path_is(environ, "/fails")) return -1;
    if (path_is(environ, "/left")) {
        CHECK_INT(wsgi_request_on_abort(environ->server, request, on_abort, NULL, NULL), WSGI_OK);
        CHECK_INT(wsgi_request_detach(environ->server, request), WSGI_OK);
        return WSGI_DETACHED;
    }
    return say(environ->server, request, "parent");
}

static int32_t thread_start(void *user_data, uint32_t index, void **thread_data, char *reason,
                            size_t capacity) {
    (void)user_data, (void)index, (void)thread_data, (void)reason, (void)capacity;
    fork_here(IN_THREAD_START);
    return 0;
}

static void thread_stop(void *user_data, uint32_t index, void *thread_data) {
    (void)user_data, (void)index, (void)thread_data;
    fork_here(IN_THREAD_STOP);
}

static void error_log(void *user_data, int32_t level, uint32_t code, const char *text,
                      size_t length) {
    (void)user_data, (void)level, (void)code, (void)text, (void)length;
    fork_here(IN_ERROR_LOG);
}

static void request_done(void *user_data, wsgi_server *server, wsgi_request request, uint32_t how) {
    (void)user_data, (void)server, (void)request, (void)how;
    fork_here(IN_REQUEST_DONE);
}

static void access_log(void *user_data, const wsgi_access_record *record) {
    (void)user_data, (void)record;
    fork_here(IN_ACCESS_LOG);
}

static wsgi_server *new_forking(wsgi_app_fn called, const char *threads) {
    wsgi_server *server = new_server(called, NULL);
    wsgi_handlers handlers = {0};
    handlers.struct_size = sizeof handlers;
    if (called) {
        handlers.thread_start = thread_start;
        handlers.thread_stop = thread_stop;
        set(server, "numthreads", threads);
    }
    handlers.error_log = error_log;
    handlers.request_done = request_done;
    handlers.access_log = access_log;
    CHECK_INT(wsgi_server_set_handlers(server, &handlers, NULL, NULL, NULL), WSGI_OK);
    return server;
}

/* All of these are answered by the parent, and nobody else has the port afterwards. */
static void expect_parent_alone(host *host) {
    for (int i = 0; i < REQUESTS; i++) expect(host->address, "/", 200, "parent");
}

static void expect_port_free(const char *address) {
    wsgi_server *server = NULL;
    CHECK_INT(wsgi_server_new(address, app, NULL, NULL, &server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_prepare(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_stop(server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_free(server), WSGI_OK);
}

/* Forks in the application, whose child returns this. Its client has the parent's answer only. */
static void child_of_application_returns(int32_t returned) {
    host host = start_host(new_forking(app, "2"));
    client client = client_open(host.address);
    child_returns = returned;
    will_fork_in(IN_APP);
    for (int i = 0; i < 2; i++) {
        reply reply = client_fetch(&client, "/");
        CHECK_INT(reply.status, 200);
        CHECK_STR(reply.body, "parent");
        reply_free(&reply);
    }
    client_close(&client);
    expect_child_status(WSGI_EXIT_FORKED);
    expect_parent_alone(&host);
    end_host(&host);
    expect_port_free(host.address);
}

static void a_child_of_the_application_is_ended(void) {
    child_of_application_returns(WSGI_DONE);
    child_of_application_returns(WSGI_DETACHED);
    child_of_application_returns(WSGI_INTERRUPT);
    child_of_application_returns(-1);
}

static void a_child_of_a_handler_is_ended(void) {
    static const struct {
        place place;
        const char *path;
        int status;
    } rows[] = {
        {IN_ACCESS_LOG, "/", 200},
        {IN_REQUEST_DONE, "/", 200},
        {IN_ERROR_LOG, "/fails", 500},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        host host = start_host(new_forking(app, "2"));
        will_fork_in(rows[i].place);
        reply reply = fetch(host.address, rows[i].path);
        CHECK_INT(reply.status, rows[i].status);
        reply_free(&reply);
        expect_child_status(WSGI_EXIT_FORKED);
        expect_parent_alone(&host);
        end_host(&host);
        expect_port_free(host.address);
    }
}

static void a_child_of_on_abort_is_ended(void) {
    host host = start_host(new_forking(app, "2"));
    will_fork_in(IN_ABORT);
    client client = client_open(host.address);
    client_get(&client, "/left");
    expect_parent_alone(&host);
    client_reset(&client);
    expect_child_status(WSGI_EXIT_FORKED);
    expect_parent_alone(&host);
    CHECK_INT(wsgi_server_stop(host.server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_free(host.server), WSGI_OK);
}

static void a_child_of_a_hook_is_ended(void) {
    will_fork_in(IN_THREAD_START);
    host host = start_host(new_forking(app, "2"));
    expect_child_status(WSGI_EXIT_FORKED);
    expect_parent_alone(&host);
    will_fork_in(IN_THREAD_STOP);
    end_host(&host);
    expect_child_status(WSGI_EXIT_FORKED);
    expect_port_free(host.address);
}

/* The child of a thread of the host's has somewhere to return to; it says what it was given there. */
static void leave_if_child(pid_t parent, wsgi_status status, wsgi_status expected) {
    if (getpid() != parent) _exit(status == expected ? 0 : 1);
}

static void a_child_returns_from_tick(place place) {
    pid_t parent = getpid();
    host host = {new_forking(app, "0"), ""};
    CHECK_INT(wsgi_server_prepare(host.server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_bound_addr(host.server, host.address, sizeof host.address, NULL), WSGI_OK);
    client client = client_open(host.address);
    child_returns = WSGI_DONE;
    will_fork_in(place);
    for (int i = 0; i < 3; i++) {
        client_get(&client, "/");
        int32_t count = 0;
        while (count == 0) {
            count = wsgi_server_tick(host.server, FACT_DEADLINE * 1000);
            leave_if_child(parent, count, WSGI_E_FORKED);
        }
        CHECK_INT(count, 1);
        reply reply = client_reply(&client, 0);
        CHECK_STR(reply.body, "parent");
        reply_free(&reply);
    }
    expect_child_status(0);
    client_close(&client);
    end_host(&host);
    expect_port_free(host.address);
}

static void a_child_returns_from_tick_with_forked(void) {
    a_child_returns_from_tick(IN_APP);
    a_child_returns_from_tick(IN_ACCESS_LOG);
}

static void a_child_returns_from_a_call_of_a_pull_server_with_forked(void) {
    pid_t parent = getpid();
    host host = start_host(new_forking(NULL, NULL));
    wsgi_worker *worker = new_worker(host.server);
    client client = client_open(host.address);
    for (int i = 0; i < 3; i++) {
        client_get(&client, "/");
        wsgi_request request = next_request(worker);
        if (i == 1) will_fork_in(IN_ACCESS_LOG);
        wsgi_status status = say(host.server, request, "parent");
        leave_if_child(parent, status, WSGI_E_FORKED);
        CHECK_INT(status, WSGI_OK);
        reply reply = client_reply(&client, 0);
        CHECK_STR(reply.body, "parent");
        reply_free(&reply);
    }
    expect_child_status(0);
    client_close(&client);
    end_pull(&host, worker);
    expect_port_free(host.address);
}

/* The only worker is held up, so that the listening thread answers what is malformed. */
static int held_up, let_go;

static int32_t wait_for_the_end(void *user_data, wsgi_request request, const wsgi_environ *environ,
                                const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    __atomic_store_n(&held_up, 1, __ATOMIC_SEQ_CST);
    WAIT_FOR(__atomic_load_n(&let_go, __ATOMIC_SEQ_CST));
    return say(environ->server, request, "parent");
}

static void *talk_to_the_server(void *of_host) {
    host *host = of_host;
    client holding = client_open(host->address);
    client_get(&holding, "/");
    WAIT_FOR(__atomic_load_n(&held_up, __ATOMIC_SEQ_CST));
    will_fork_in(IN_ACCESS_LOG);
    client malformed = client_open(host->address);
    client_send(&malformed, "nonsense\r\n\r\n", 12);
    reply reply = client_reply(&malformed, 0);
    CHECK_INT(reply.status, 400);
    reply_free(&reply);
    expect_child_status(0);
    __atomic_store_n(&let_go, 1, __ATOMIC_SEQ_CST);
    reply = client_reply(&holding, 0);
    CHECK_STR(reply.body, "parent");
    reply_free(&reply);
    client_close(&malformed);
    client_close(&holding);
    CHECK_INT(wsgi_server_signal_stop(host->server), WSGI_OK);
    return NULL;
}

static void a_child_returns_from_serve_with_forked(void) {
    pid_t parent = getpid();
    host host = {new_forking(wait_for_the_end, "1"), ""};
    pthread_t talking;
    wsgi_error *error = NULL;
    held_up = let_go = 0;
    CHECK_INT(wsgi_server_prepare(host.server, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_bound_addr(host.server, host.address, sizeof host.address, NULL), WSGI_OK);
    CHECK_INT(pthread_create(&talking, NULL, talk_to_the_server, &host), 0);
    wsgi_status status = wsgi_server_serve(host.server, &error);
    if (getpid() != parent) {
        const char *text = "this is a forked child; the server's threads are in the parent";
        if (strcmp(wsgi_error_message(error), text) != 0) _exit(2);
    }
    leave_if_child(parent, status, WSGI_E_FORKED);
    CHECK_INT(status, WSGI_OK);
    CHECK_INT(pthread_join(talking, NULL), 0);
    CHECK_INT(wsgi_server_free(host.server), WSGI_OK);
    expect_port_free(host.address);
}

/* As on a kernel before 4.14; for the rest of this program. */
static void refuse_wipeonfork(void) {
    size_t low = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0;
    uint32_t advice = (uint32_t)(offsetof(struct seccomp_data, args[2]) + low);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, advice),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_WIPEONFORK, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {COUNT(code), code};
    CHECK_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_INT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
    void *page = mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    CHECK(madvise(page, 1, MADV_WIPEONFORK) < 0 && errno == EINVAL);
    munmap(page, 1);
}

static void a_child_is_ended_where_the_kernel_does_not_wipe_pages(void) {
    refuse_wipeonfork();
    a_child_of_the_application_is_ended();
    a_child_of_a_handler_is_ended();
    a_child_returns_from_tick_with_forked();
}

int main(void) {
    static const test tests[] = {
        {"a child of the application is ended", a_child_of_the_application_is_ended},
        {"a child of a handler is ended", a_child_of_a_handler_is_ended},
        {"a child of on_abort is ended", a_child_of_on_abort_is_ended},
        {"a child of a hook is ended", a_child_of_a_hook_is_ended},
        {"a child returns from tick with WSGI_E_FORKED", a_child_returns_from_tick_with_forked},
        {"a child returns from a call of a pull server with WSGI_E_FORKED",
         a_child_returns_from_a_call_of_a_pull_server_with_forked},
        {"a child returns from serve with WSGI_E_FORKED", a_child_returns_from_serve_with_forked},
        {"a child is ended where the kernel does not wipe pages",
         a_child_is_ended_where_the_kernel_does_not_wipe_pages},
    };
    return run_tests(tests, COUNT(tests));
}
