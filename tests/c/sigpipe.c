/* Signals: the library raises no SIGPIPE, and its threads take none that belong to the host. */
#include "certificate.h"
#include "client.h"
#include "host.h"

#include <fcntl.h>
#include <sys/wait.h>

enum { PIECE = 64 * 1024, LARGE = 100 * 1000 * 1000 };

static wsgi_status write_ended; /* by the application's thread */

/* A part of a file that has no blocks is as good as any. */
static wsgi_status send_large_file(wsgi_server *server, wsgi_request request) {
    wsgi_status status = wsgi_start_response(server, request, str("200 OK"), NULL, 0, 0);
    FILE *file = tmpfile();
    CHECK(file != NULL);
    CHECK_INT(ftruncate(fileno(file), LARGE), 0);
    if (status >= 0) status = wsgi_send_file(server, request, fileno(file), 0, -1);
    fclose(file);
    return status;
}

/* Writes until the client is gone. */
static int32_t endless(void *user_data, wsgi_request request, const wsgi_environ *environ,
                       const wsgi_responder *responder) {
    static const char piece[PIECE];
    (void)user_data;
    if (path_is(environ, "/small")) return say(environ->server, request, "small");
    if (path_is(environ, "/file")) return send_large_file(environ->server, request);
    wsgi_status status = responder->start_response(responder->context, str("200 OK"), NULL, 0, 0);
    while (status >= 0) status = responder->write(responder->context, piece, sizeof piece);
    __atomic_store_n(&write_ended, status, __ATOMIC_SEQ_CST);
    return status;
}

static void leave_in_the_middle(const char *address, void (*leave)(client *)) {
    client client = client_open(address);
    __atomic_store_n(&write_ended, WSGI_OK, __ATOMIC_SEQ_CST);
    client_get(&client, "/endless");
    CHECK(client_need(&client, 4 * PIECE));
    leave(&client);
    WAIT_FOR(__atomic_load_n(&write_ended, __ATOMIC_SEQ_CST) != WSGI_OK);
    CHECK_INT(write_ended, WSGI_E_CLIENT);
}

/* SIGPIPE is at its default here: one would end this program. */
static void clients_that_leave_raise_no_sigpipe(void) {
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    size_t fds = descriptors();
    host host = new_host(endless, NULL, "2");
    for (int i = 0; i < 20; i++) {
        leave_in_the_middle(host.address, client_close);
        leave_in_the_middle(host.address, client_reset);
        expect(host.address, "/small", 200, "small");
    }
    end_host(&host);
    CHECK_INT(descriptors(), fds);
    CHECK(signal(SIGPIPE, SIG_DFL) == SIG_DFL); /* and nobody has changed that */
}

/* What is left of the file is sent by the library when the client takes it. */
static void clients_that_leave_a_file_raise_no_sigpipe(void) {
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    host host = new_host(endless, NULL, "2");
    size_t serving = descriptors();
    for (int i = 0; i < 20; i++) {
        client client = client_open(host.address);
        client_get(&client, "/file");
        CHECK(client_need(&client, 4 * PIECE));
        (i % 2 ? client_close : client_reset)(&client);
        expect(host.address, "/small", 200, "small");
    }
    WAIT_FOR(descriptors() <= serving + 1);
    end_host(&host);
}

/* A client of TLS, which the openssl command is: asks for this, and is killed in the middle. */
static void leave_tls_in_the_middle(const char *address, const char *path) {
    int to[2], from[2];
    static char part[4 * PIECE];
    CHECK(pipe(to) == 0 && pipe(from) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        dup2(to[0], 0), dup2(from[1], 1);
        close(to[1]), close(from[0]);
        int quiet = open("/dev/null", O_WRONLY);
        dup2(quiet, 2);
        execlp("openssl", "openssl", "s_client", "-quiet", "-connect", address, (char *)NULL);
        _exit(127);
    }
    close(to[0]), close(from[1]);
    char request[128];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path);
    CHECK_INT(write(to[1], request, (size_t)length), length);
    for (size_t got = 0; got < sizeof part;) {
        ssize_t count = read(from[0], part, sizeof part);
        CHECK(count > 0);
        got += (size_t)count;
    }
    CHECK_INT(kill(pid, SIGKILL), 0);
    CHECK_INT(waitpid(pid, NULL, 0), pid);
    close(to[1]), close(from[0]);
}

static void clients_of_tls_that_leave_raise_no_sigpipe(void) {
    certificate certificate = make_certificate();
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    wsgi_server *server = new_server(endless, NULL);
    set(server, "numthreads", "2");
    set(server, "certificate", certificate.file);
    set(server, "private_key", certificate.key);
    host host = start_host(server);
    size_t serving = descriptors();
    for (int i = 0; i < 3; i++) {
        __atomic_store_n(&write_ended, WSGI_OK, __ATOMIC_SEQ_CST);
        leave_tls_in_the_middle(host.address, "/endless");
        WAIT_FOR(__atomic_load_n(&write_ended, __ATOMIC_SEQ_CST) != WSGI_OK);
        CHECK_INT(write_ended, WSGI_E_CLIENT);
        leave_tls_in_the_middle(host.address, "/file");
    }
    WAIT_FOR(descriptors() <= serving + 1);
    end_host(&host);
    remove_certificate(&certificate);
}

static void clients_that_reset_in_every_phase_leave_nothing(void) {
    static const char *const phases[] = {
        "", "GE", "GET / HTTP/1.1\r\n", "GET /small HTTP/1.1\r\nHost: test\r\n\r\n",
        "POST /small HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf",
        "POST /small HTTP/1.1\r\nHost: test\r\nContent-Length: 10000000\r\n\r\nstart",
        "POST /small HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha",
    };
    size_t fds = descriptors();
    host host = new_host(endless, NULL, "2");
    size_t serving = 0;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < COUNT(phases); i++) {
            client client = client_open(host.address);
            client_send(&client, phases[i], strlen(phases[i]));
            client_reset(&client);
        }
        expect(host.address, "/small", 200, "small");
        if (serving == 0) serving = descriptors();
    }
    WAIT_FOR(descriptors() <= serving);
    end_host(&host);
    CHECK_INT(descriptors(), fds);
}

/* The mask of one thread, from its status file. */
static unsigned long long blocked_signals(const char *task) {
    char path[300], line[256];
    unsigned long long mask = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
    FILE *status = fopen(path, "r");
    CHECK(status != NULL);
    while (fgets(line, sizeof line, status)) sscanf(line, "SigBlk: %llx", &mask);
    fclose(status);
    return mask;
}

static void threads_of_the_library_block_all_signals(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD};
    char main_task[16];
    host host = new_host(endless, NULL, "4");
    expect(host.address, "/small", 200, "small");
    snprintf(main_task, sizeof main_task, "%d", (int)getpid());
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    int seen = 0;
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        if (task->d_name[0] == '.' || strcmp(task->d_name, main_task) == 0) continue;
        unsigned long long mask = blocked_signals(task->d_name);
        for (size_t i = 0; i < COUNT(signals); i++)
            if (!(mask >> (signals[i] - 1) & 1)) FAIL("a thread takes signal %d", signals[i]);
        seen++;
    }
    closedir(tasks);
    CHECK(seen >= 4);
    end_host(&host);
}

static int is_inheritable(int fd) {
    char path[64], line[128];
    unsigned flags = 02000000;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE *info = fopen(path, "re");
    if (info == NULL) return 0;
    while (fgets(line, sizeof line, info)) sscanf(line, "flags: %o", &flags);
    fclose(info);
    return !(flags & 02000000);
}

static void descriptors_are_close_on_exec(void) {
    enum { MOST = 64 };
    int before[MOST]; /* what this program was started with is not the library's */
    for (int fd = 3; fd < MOST; fd++) before[fd] = is_inheritable(fd);
    host host = new_host(endless, NULL, "2");
    client client = client_open(host.address);
    reply reply = client_fetch(&client, "/small");
    for (int fd = 3; fd < MOST; fd++)
        if (is_inheritable(fd) && !before[fd])
            FAIL("descriptor %d would be inherited by a program", fd);
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
}

int main(void) {
    static const test tests[] = {
        {"clients that leave raise no SIGPIPE", clients_that_leave_raise_no_sigpipe},
        {"clients that leave a file raise no SIGPIPE", clients_that_leave_a_file_raise_no_sigpipe},
        {"clients of TLS that leave raise no SIGPIPE", clients_of_tls_that_leave_raise_no_sigpipe},
        {"clients that reset in every phase leave nothing",
         clients_that_reset_in_every_phase_leave_nothing},
        {"threads of the library block all signals", threads_of_the_library_block_all_signals},
        {"descriptors are close-on-exec", descriptors_are_close_on_exec},
    };
    return run_tests(tests, COUNT(tests));
}
