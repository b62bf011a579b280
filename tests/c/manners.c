/* A guest that behaves: what the library does to the process that it is in, which is nothing. */
#include "client.h"
#include "host.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { LARGE = 8 << 20 };

static char *large;
static int large_file = -1;
static wsgi_stream *kept_stream;
static int ended;

static void nothing(void *user_data) {
    (void)user_data;
}

/* Sends much by the way that the path names, or fails in some way. */
static int32_t app(void *user_data, wsgi_request request, const wsgi_environ *environ,
                   const wsgi_responder *responder) {
    wsgi_server *server = environ->server;
    wsgi_status status = WSGI_OK;
    (void)user_data;
    if (path_is(environ, "/hello")) return say(server, request, "hello");
    if (path_is(environ, "/nothing")) return WSGI_DONE;
    if (path_is(environ, "/failure")) return -1;
    if (path_is(environ, "/log")) {
        CHECK_INT(wsgi_request_log(server, request, WSGI_LEVEL_ERROR, "loud", 4), WSGI_OK);
        return say(server, request, "logged");
    }
    if (path_is(environ, "/respond")) {
        status = wsgi_respond(server, request, str("200 OK"), NULL, 0, large, LARGE);
    } else if (path_is(environ, "/keep")) {
        wsgi_stream *stream = NULL;
        CHECK_INT(wsgi_request_hijack(server, request, 0, &stream), WSGI_OK);
        __atomic_store_n(&kept_stream, stream, __ATOMIC_SEQ_CST);
    } else if (path_is(environ, "/stream")) {
        wsgi_stream *stream = NULL;
        CHECK_INT(wsgi_request_hijack(server, request, 0, &stream), WSGI_OK);
        int64_t sent;
        do sent = wsgi_stream_write(stream, large, LARGE, 0);
        while (sent > 0);
        CHECK_INT(sent, WSGI_E_CLIENT);
        CHECK_INT(wsgi_stream_free(stream), WSGI_OK);
    } else {
        CHECK_INT(responder->start_response(responder->context, str("200 OK"), NULL, 0, 0), 0);
        for (int i = 0; i < 100 && status == WSGI_OK; i++) {
            wsgi_str parts[2] = {{large, LARGE / 2}, {large, LARGE / 2}};
            if (path_is(environ, "/responder"))
                status = responder->write(responder->context, large, LARGE);
            if (path_is(environ, "/write"))
                status = wsgi_write(server, request, large, LARGE, 0);
            if (path_is(environ, "/writev"))
                status = wsgi_writev(server, request, parts, 2, 0);
            if (path_is(environ, "/owned"))
                status = wsgi_write_owned(server, request, large, LARGE, nothing, NULL);
            if (path_is(environ, "/flush")) {
                status = wsgi_write(server, request, large, LARGE, 0);
                if (status == WSGI_OK) status = wsgi_flush(server, request, 0);
            }
            if (path_is(environ, "/file")) {
                status = wsgi_send_file(server, request, large_file, 0, -1);
                break;
            }
        }
    }
    if (status != WSGI_OK && status != WSGI_E_CLIENT)
        FAIL("%s: %s", find(environ, "PATH_INFO").ptr, wsgi_status_name(status));
    __atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
    return WSGI_DONE;
}

/* SIGPIPE is at its default: one would end this program. */
static void no_way_of_sending_raises_sigpipe(void) {
    static const char *const ways[] = {"/responder", "/write", "/writev", "/owned",
                                       "/flush",     "/file",  "/respond", "/stream"};
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    size_t fds = descriptors();
    host host = new_host(app, NULL, "2");
    for (size_t i = 0; i < COUNT(ways); i++)
        for (int reset = 0; reset < 2; reset++) {
            client client = client_open(host.address);
            int before = __atomic_load_n(&ended, __ATOMIC_SEQ_CST);
            client_get(&client, ways[i]);
            CHECK(client_need(&client, 100000));
            if (reset)
                client_reset(&client);
            else
                client_close(&client);
            WAIT_FOR(__atomic_load_n(&ended, __ATOMIC_SEQ_CST) == before + 1);
            expect(host.address, "/hello", 200, "hello");
        }
    end_host(&host);
    CHECK_INT(descriptors(), fds);
}

/* Signals to the process come to the host's thread, each of them. */
static volatile sig_atomic_t signals_seen;
static volatile long signalled_thread;

static void on_signal(int number) {
    (void)number;
    signals_seen++;
    signalled_thread = syscall(SYS_gettid);
}

static void signals_are_the_host_s(void) {
    struct sigaction action = {0}, before, after;
    sigset_t mask_before, mask_after;
    memset(&mask_before, 0, sizeof mask_before);
    memset(&mask_after, 0, sizeof mask_after);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    CHECK_INT(sigaction(SIGUSR1, &action, &before), 0);
    CHECK_INT(pthread_sigmask(SIG_SETMASK, NULL, &mask_before), 0);
    host host = new_host(app, NULL, "4");
    for (int i = 1; i <= 200; i++) {
        if (i % 20 == 0) expect(host.address, "/hello", 200, "hello");
        CHECK_INT(kill(getpid(), SIGUSR1), 0);
        WAIT_FOR(signals_seen == i);
        CHECK_INT(signalled_thread, getpid());
    }
    end_host(&host);
    CHECK_INT(pthread_sigmask(SIG_SETMASK, NULL, &mask_after), 0);
    CHECK(memcmp(&mask_before, &mask_after, sizeof mask_after) == 0);
    CHECK_INT(sigaction(SIGUSR1, &before, &after), 0);
    CHECK(after.sa_handler == on_signal);
}

/* The descriptors that a program finds which is started from here. */
static size_t inherited(void) {
    char listing[4096];
    size_t length = 0, lines = 0;
    FILE *output = popen("ls /proc/self/fd", "re");
    CHECK(output != NULL);
    length = fread(listing, 1, sizeof listing, output);
    CHECK_INT(pclose(output), 0);
    for (size_t i = 0; i < length; i++) lines += listing[i] == '\n';
    return lines;
}

static void a_program_inherits_nothing(void) {
    size_t before = inherited();
    host host = new_host(app, NULL, "2");
    client idle = client_open(host.address), file = client_open(host.address),
           hijacked = client_open(host.address);
    reply reply = client_fetch(&idle, "/hello");
    reply_free(&reply);
    client_get(&file, "/file"); /* and does not read it: the file is kept open */
    CHECK(client_need(&file, 1000));
    client_get(&hijacked, "/keep");
    WAIT_FOR(__atomic_load_n(&kept_stream, __ATOMIC_SEQ_CST) != NULL);
    CHECK_INT(wsgi_stream_set_deadline(kept_stream, WSGI_STREAM_BOTH, 1), WSGI_OK);
    char byte;
    CHECK_INT(wsgi_stream_read(kept_stream, &byte, 1, 0), WSGI_E_TIMEOUT); /* its own eventfd */
    CHECK_INT(inherited(), before);
    CHECK_INT(wsgi_stream_free(kept_stream), WSGI_OK);
    client_close(&file);
    client_close(&idle);
    client_close(&hijacked);
    end_host(&host);
}

/* A life with all that can go wrong, in a process whose outputs are looked at. */
static void live_loudly(void) {
    static const char *const bad[] = {"\r\n\r\n", "NONSENSE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"};
    host host = new_host(app, NULL, "2");
    for (size_t i = 0; i < COUNT(bad); i++) {
        client client = client_open(host.address);
        client_send(&client, bad[i], strlen(bad[i]));
        client_close(&client);
    }
    expect(host.address, "/log", 200, "logged");
    reply reply = fetch(host.address, "/failure");
    reply_free(&reply);
    reply = fetch(host.address, "/nothing");
    reply_free(&reply);
    client client = client_open(host.address);
    client_get(&client, "/write");
    CHECK(client_need(&client, 1000));
    client_reset(&client);
    wsgi_server *second = NULL;
    CHECK_INT(wsgi_server_new(host.address, app, NULL, NULL, &second, NULL), WSGI_OK);
    CHECK_INT(wsgi_server_prepare(second, NULL), WSGI_E_BIND);
    CHECK_INT(wsgi_server_set(second, "nonsense", "1", NULL), WSGI_E_OPTION);
    CHECK_INT(wsgi_server_free(second), WSGI_OK);
    CHECK_INT(wsgi_server_prepare(host.server, NULL), WSGI_E_STATE);
    wsgi_server_stop(host.server, NULL);
    CHECK_INT(wsgi_server_free(host.server), WSGI_OK);
}

static void nothing_is_printed(void) {
    int output = memfd_create("output", MFD_CLOEXEC), state = 0;
    CHECK(output >= 0);
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(PROGRAM_DEADLINE);
        if (dup2(output, 1) < 0 || dup2(output, 2) < 0) _exit(99);
        live_loudly();
        exit(0);
    }
    CHECK_INT(waitpid(child, &state, 0), child);
    char said[512] = "";
    ssize_t length = pread(output, said, sizeof said - 1, 0);
    if (length != 0) FAIL("it said: %s", said);
    CHECK(WIFEXITED(state) && WEXITSTATUS(state) == 0);
    close(output);
}

static void two_servers_have_their_own_options(void) {
    wsgi_server *one = new_server(app, NULL), *two = new_server(app, NULL);
    char value[64];
    set(one, "numthreads", "1");
    set(one, "server_name", "one");
    set(two, "numthreads", "3");
    host first = start_host(one), second = start_host(two);
    size_t count = 0;
    CHECK_INT(wsgi_server_threads(one, &count), WSGI_OK);
    CHECK_INT(count, 1);
    CHECK_INT(wsgi_server_threads(two, &count), WSGI_OK);
    CHECK_INT(count, 3);
    CHECK_INT(wsgi_server_get(two, "server_name", value, sizeof value, NULL), WSGI_OK);
    CHECK(strcmp(value, "one") != 0);
    expect(first.address, "/hello", 200, "hello");
    expect(second.address, "/hello", 200, "hello");
    end_host(&first);
    end_host(&second);
}

/* A copy of the library under another name, so that it is loaded beside this program's own. */
static void *load_copy(void) {
    Dl_info info;
    char path[] = "/tmp/libwsgiserver-copy-XXXXXX", buffer[65536];
    void *function;
    *(const char *(**)(void))&function = wsgi_version;
    CHECK(dladdr(function, &info) != 0);
    int from = open(info.dli_fname, O_RDONLY | O_CLOEXEC), to = mkstemp(path);
    ssize_t count;
    CHECK(from >= 0 && to >= 0);
    while ((count = read(from, buffer, sizeof buffer)) > 0)
        CHECK_INT(write(to, buffer, (size_t)count), count);
    close(from);
    close(to);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) FAIL("%s", dlerror());
    CHECK_INT(unlink(path), 0);
    return library;
}

/* The functions of one copy that the test needs. */
typedef struct copy {
    wsgi_status (*server_new)(const char *, wsgi_app_fn, void *, wsgi_free_fn, wsgi_server **,
                              wsgi_error **);
    wsgi_status (*start_background)(const wsgi_server *, wsgi_error **);
    wsgi_status (*bound_addr)(const wsgi_server *, char *, size_t, size_t *);
    wsgi_status (*respond)(const wsgi_server *, wsgi_request, wsgi_str, const wsgi_header *, size_t,
                           const void *, size_t);
    wsgi_status (*server_free)(wsgi_server *);
} copy;

static copy functions_of(void *library) {
    copy copy;
    *(void **)&copy.server_new = dlsym(library, "wsgi_server_new");
    *(void **)&copy.start_background = dlsym(library, "wsgi_server_start_background");
    *(void **)&copy.bound_addr = dlsym(library, "wsgi_server_bound_addr");
    *(void **)&copy.respond = dlsym(library, "wsgi_respond");
    *(void **)&copy.server_free = dlsym(library, "wsgi_server_free");
    CHECK(copy.server_new && copy.start_background && copy.bound_addr && copy.respond);
    CHECK(copy.server_new != wsgi_server_new && copy.server_free);
    return copy;
}

static int32_t app_of_copy(void *user_data, wsgi_request request, const wsgi_environ *environ,
                           const wsgi_responder *responder) {
    const copy *copy = user_data;
    (void)responder;
    return copy->respond(environ->server, request, str("200 OK"), NULL, 0, "copy", 4);
}

/* Two copies in one process, and the second is closed while its threads run: it stays mapped. */
static void two_copies_of_the_library(void) {
    host ours = new_host(app, NULL, "2");
    void *library = load_copy();
    copy copy = functions_of(library);
    wsgi_server *server = NULL;
    char address[64];
    CHECK_INT(copy.server_new("127.0.0.1:0", app_of_copy, &copy, NULL, &server, NULL), WSGI_OK);
    CHECK_INT(copy.start_background(server, NULL), WSGI_OK);
    CHECK_INT(copy.bound_addr(server, address, sizeof address, NULL), WSGI_OK);
    expect(address, "/", 200, "copy");
    expect(ours.address, "/hello", 200, "hello");
    CHECK_INT(dlclose(library), 0);
    for (int i = 0; i < 10; i++) expect(address, "/", 200, "copy");
    end_host(&ours);
    expect(address, "/", 200, "copy");
    CHECK_INT(copy.server_free(server), WSGI_OK);
}

static size_t resident_kilobytes(void) {
    char line[256];
    size_t kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "re");
    CHECK(status != NULL);
    while (fgets(line, sizeof line, status)) sscanf(line, "VmRSS: %zu", &kilobytes);
    fclose(status);
    return kilobytes;
}

static void a_thousand_lives_leave_nothing(void) {
    size_t fds = descriptors(), tasks = threads(), memory = 0;
    for (int i = 0; i < 1000; i++) {
        host host = new_host(app, NULL, "2");
        expect(host.address, "/hello", 200, "hello");
        end_host(&host);
        if (i == 100) memory = resident_kilobytes();
    }
    WAIT_FOR(threads() == tasks);
    CHECK_INT(descriptors(), fds);
    /* what the allocator keeps differs; a leak of a page in each life would be 3600 kB */
    size_t now = resident_kilobytes();
    if (now > memory + 3000 && !is_watched()) FAIL("from %zu kB to %zu kB", memory, now);
}

static int32_t look_at_the_stack(void *user_data, wsgi_request request,
                                 const wsgi_environ *environ, const wsgi_responder *responder) {
    pthread_attr_t attributes;
    CHECK_INT(pthread_getattr_np(pthread_self(), &attributes), 0);
    CHECK_INT(pthread_attr_getstacksize(&attributes, user_data), 0);
    CHECK_INT(pthread_attr_destroy(&attributes), 0);
    (void)responder;
    return say(environ->server, request, "seen");
}

static void the_stack_is_as_large_as_asked_for(void) {
    static const struct {
        const char *option;
        size_t least, most;
    } sizes[] = {{"262144", 262144, 1 << 20}, {"16777216", 16777216, 17 << 20}};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t size = 0;
        wsgi_server *server = new_server(look_at_the_stack, &size);
        set(server, "thread_stack_size", sizes[i].option);
        host host = start_host(server);
        expect(host.address, "/", 200, "seen");
        end_host(&host);
        CHECK(size >= sizes[i].least && size <= sizes[i].most);
    }
}

int main(void) {
    static const test tests[] = {
        {"no way of sending raises SIGPIPE", no_way_of_sending_raises_sigpipe},
        {"signals are the host's", signals_are_the_host_s},
        {"a program inherits nothing", a_program_inherits_nothing},
        {"nothing is printed", nothing_is_printed},
        {"two servers have their own options", two_servers_have_their_own_options},
        {"two copies of the library", two_copies_of_the_library},
        {"a thousand lives leave nothing", a_thousand_lives_leave_nothing},
        {"the stack is as large as asked for", the_stack_is_as_large_as_asked_for},
    };
    large = calloc(1, LARGE);
    large_file = memfd_create("large", MFD_CLOEXEC);
    CHECK(large != NULL && large_file >= 0);
    CHECK_INT(ftruncate(large_file, LARGE), 0);
    return run_tests(tests, COUNT(tests));
}
