/* The option access_log in a C program: no signal comes of it, and a forked child writes nothing. */
#include "client.h"
#include "host.h"

#include <sys/wait.h>

static int32_t hello(void *user_data, wsgi_request request, const wsgi_environ *environ,
                     const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    return say(environ->server, request, "hello");
}

static host serve_with_log(const char *log) {
    wsgi_server *server = new_server(hello, NULL);
    set(server, "access_log", log);
    return start_host(server);
}

/* SIGPIPE is at its default here: one would end this program. */
static void a_reader_that_leaves_raises_no_sigpipe(void) {
    char log[32];
    int ends[2];
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    CHECK_INT(pipe(ends), 0);
    snprintf(log, sizeof log, "fd:%d", ends[1]);
    host host = serve_with_log(log);
    close(ends[0]);
    close(ends[1]);
    for (int i = 0; i < 3; i++) expect(host.address, "/", 200, "hello");
    end_host(&host);
    CHECK(signal(SIGPIPE, SIG_DFL) == SIG_DFL);
}

static int lines_in(int file) {
    char text[4096];
    int lines = 0;
    ssize_t length = pread(file, text, sizeof text, 0);
    for (ssize_t i = 0; i < length; i++) lines += text[i] == '\n';
    return lines;
}

/* Whatever is on its way in the moment of the fork is written once, by the parent. */
static void a_forked_child_writes_nothing(void) {
    char path[] = "/tmp/wsgiserver-access-XXXXXX";
    int file = mkstemp(path), state = 0;
    CHECK(file >= 0);
    host host = serve_with_log(path);
    expect(host.address, "/", 200, "hello");
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK_INT(wsgi_server_stop(host.server, NULL), WSGI_E_FORKED);
        _exit(0);
    }
    CHECK_INT(waitpid(child, &state, 0), child);
    CHECK(WIFEXITED(state) && WEXITSTATUS(state) == 0);
    expect(host.address, "/", 200, "hello");
    end_host(&host);
    CHECK_INT(lines_in(file), 2);
    unlink(path);
    close(file);
}

int main(void) {
    static const test tests[] = {
        {"a reader that leaves raises no SIGPIPE", a_reader_that_leaves_raises_no_sigpipe},
        {"a forked child writes nothing", a_forked_child_writes_nothing},
    };
    return run_tests(tests, COUNT(tests));
}
