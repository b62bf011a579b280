/* wsgi_send_file: what comes is what is in the file, no thread is held by a client that reads
 * slowly, and whatever goes wrong is told. */
#include "client.h"
#include "host.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

enum { KIB = 1024, MIB = 1024 * KIB };

/* What the application is to do with the next requests. */
static struct {
    int fd;
    int64_t offset, length;
    const char *declared; /* Content-Length, if any */
    const char *first;    /* written before the file */
    volatile wsgi_status status;
} asked;

static wsgi_status start_with(wsgi_server *server, wsgi_request request, const char *status,
                              const char *declared) {
    wsgi_header headers[2] = {{{"Content-Type", 12}, {"text/plain", 10}}};
    size_t count = 1;
    if (declared) {
        headers[count].name = str("Content-Length");
        headers[count++].value = str(declared);
    }
    return wsgi_start_response(server, request, str(status), headers, count, 0);
}

static int32_t app(void *user_data, wsgi_request request, const wsgi_environ *environ,
                   const wsgi_responder *responder) {
    wsgi_server *server = environ->server;
    (void)user_data, (void)responder;
    if (path_is(environ, "/small")) return say(server, request, "small");
    const char *status = path_is(environ, "/204") ? "204 No Content"
                         : path_is(environ, "/304") ? "304 Not Modified" : "200 OK";
    char skipped[KIB];
    while (wsgi_request_read(server, request, skipped, sizeof skipped, 0) > 0) {
    }
    CHECK_INT(start_with(server, request, status, asked.declared), WSGI_OK);
    if (asked.first)
        CHECK_INT(wsgi_write(server, request, asked.first, strlen(asked.first), 0), WSGI_OK);
    int fd = dup(asked.fd);
    wsgi_status result = wsgi_send_file(server, request, fd < 0 ? asked.fd : fd, asked.offset,
                                        asked.length);
    if (fd >= 0) close(fd); /* at once: the library has its own */
    asked.status = result;
    if (result == WSGI_E_SYSTEM || result == WSGI_E_STATE) {
        wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
        wsgi_status other =
            wsgi_start_response(server, request, str("404 Not Found"), &type, 1, 1);
        if (other == WSGI_E_STATE) return result; /* a pipe that ended too early */
        CHECK_INT(other, WSGI_OK);
        CHECK_INT(wsgi_write(server, request, "instead", 7, 0), WSGI_OK);
        return WSGI_DONE;
    }
    if (result == WSGI_OK) { /* the answer is complete, and its client may have left meanwhile */
        wsgi_status more = wsgi_write(server, request, "more", 4, 0);
        if (more != WSGI_E_CLIENT) CHECK_INT(more, WSGI_E_STATE);
    }
    return result < 0 ? result : WSGI_DONE;
}

static void next(int fd, int64_t offset, int64_t length) {
    asked.fd = fd, asked.offset = offset, asked.length = length;
    asked.declared = asked.first = NULL;
    asked.status = 99;
}

static char pattern(size_t i) {
    return (char)('a' + (i * 7 + i / 26 + i / MIB) % 26);
}

/* A file without a name; sparse from `written` on. */
static int new_file(size_t written, size_t size) {
    char name[] = "/tmp/wsgiserver-test-XXXXXX", *bytes = malloc(written + 1);
    int fd = mkostemp(name, O_CLOEXEC);
    CHECK(fd >= 0 && bytes != NULL);
    unlink(name);
    for (size_t i = 0; i < written; i++) bytes[i] = pattern(i);
    CHECK_INT(write(fd, bytes, written), (long long)written);
    CHECK_INT(ftruncate(fd, (off_t)size), 0);
    free(bytes);
    return fd;
}

static void check_part(const reply *reply, size_t offset, size_t length) {
    CHECK_INT(reply->status, 200);
    CHECK_INT(reply->complete, 1);
    CHECK_INT(reply->length, length);
    for (size_t i = 0; i < length; i++)
        if (reply->body[i] != pattern(offset + i)) FAIL("byte %zu is wrong", i);
}

static void parts_arrive_as_they_are_in_the_file(void) {
    static const struct { size_t offset, length; } parts[] = {
        {0, 0}, {0, 1}, {0, 100}, {17, 4096}, {4095, 65537}, {0, MIB}, {MIB - 1, MIB + 2},
        {3 * MIB, 0}, {3 * MIB - 1, 1}, {0, 3 * MIB},
    };
    int fd = new_file(3 * MIB, 3 * MIB);
    host host = new_host(app, NULL, "2");
    client client = client_open(host.address); /* all on one: the framing is exact */
    for (size_t i = 0; i < COUNT(parts); i++) {
        char length[32];
        next(fd, (int64_t)parts[i].offset, (int64_t)parts[i].length);
        reply reply = client_fetch(&client, "/file");
        check_part(&reply, parts[i].offset, parts[i].length);
        snprintf(length, sizeof length, "%zu", parts[i].length);
        CHECK(reply_has(&reply, "Content-Length", length));
        reply_free(&reply);
    }
    next(fd, MIB, -1);
    reply reply = client_fetch(&client, "/file");
    check_part(&reply, MIB, 2 * MIB);
    reply_free(&reply);
    CHECK_INT(lseek(fd, 0, SEEK_CUR), 3 * MIB); /* the host's own place is where it was */
    client_close(&client);
    end_host(&host);
    close(fd);
}

/* After a write the part is the rest of a chunked body; pipelined requests follow it. */
static void a_file_behind_a_write(void) {
    static const char two[] = "GET /file HTTP/1.1\r\nHost: test\r\n\r\n"
                              "GET /small HTTP/1.1\r\nHost: test\r\n\r\n";
    int fd = new_file(4 * MIB, 4 * MIB);
    host host = new_host(app, NULL, "2");
    client client = client_open(host.address);
    for (int large = 0; large < 2; large++) {
        next(fd, 0, large ? -1 : 10);
        asked.first = "written";
        client_send(&client, two, sizeof two - 1);
        reply first = client_reply(&client, 0), second = client_reply(&client, 0);
        CHECK(reply_has(&first, "Transfer-Encoding", "chunked"));
        CHECK_INT(first.complete, 1);
        CHECK_INT(first.length, 7 + (large ? 4 * MIB : 10));
        CHECK(memcmp(first.body, "written", 7) == 0);
        for (size_t i = 7; i < first.length; i++) CHECK(first.body[i] == pattern(i - 7));
        CHECK_STR(second.body, "small");
        reply_free(&first);
        reply_free(&second);
    }
    client_close(&client);
    end_host(&host);
    close(fd);
}

static void a_sparse_file_of_64_mib_takes_no_memory(void) {
    int fd = new_file(0, 64 * MIB);
    host host = new_host(app, NULL, "1");
    client client = client_open(host.address);
    char piece[256 * KIB];
    size_t got = 0;
    next(fd, 0, -1);
    client_get(&client, "/file");
    CHECK(client_need_line(&client) > 0);
    while (memmem(client.data, client.length, "\r\n\r\n", 4) == NULL) client_receive(&client);
    char *body = (char *)memmem(client.data, client.length, "\r\n\r\n", 4) + 4;
    got = client.length - (size_t)(body - client.data);
    while (got < 64u * MIB) {
        ssize_t count = recv(client.fd, piece, sizeof piece, 0);
        CHECK(count > 0);
        for (ssize_t i = 0; i < count; i++) CHECK(piece[i] == 0);
        got += (size_t)count;
    }
    CHECK_INT(got, 64 * MIB);
    client.length = 0;
    reply reply = client_fetch(&client, "/small");
    CHECK_STR(reply.body, "small");
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
    close(fd);
}

/* One thread; a client that does not read is in nobody's way. Its own answer arrives later. */
static void a_slow_reader_holds_no_thread(void) {
    int fd = new_file(16 * MIB, 16 * MIB);
    size_t fds = descriptors();
    host host = new_host(app, NULL, "1");
    client slow = client_open(host.address), slower = client_open(host.address);
    next(fd, 0, -1);
    client_get(&slow, "/file");
    client_get(&slower, "/file");
    CHECK(client_need_line(&slow) > 0 && client_need_line(&slower) > 0);
    CHECK_INT(asked.status, WSGI_OK);
    for (int i = 0; i < 20; i++) expect(host.address, "/small", 200, "small");
    reply reply = client_reply(&slow, 0);
    check_part(&reply, 0, 16 * MIB);
    reply_free(&reply);
    client_reset(&slower);
    WAIT_FOR(descriptors() <= fds + 10 && (expect(host.address, "/small", 200, "small"), 1));
    client_close(&slow);
    end_host(&host);
    WAIT_FOR(descriptors() == fds);
    close(fd);
}

/* A request whose body was waited for, then a long answer: the rest of it must still go out. */
static void after_a_body_that_was_waited_for(void) {
    static const char head[] = "POST /file HTTP/1.1\r\nHost: test\r\nContent-Length: 300000\r\n\r\n";
    static const char part[300000];
    int fd = new_file(16 * MIB, 16 * MIB);
    host host = new_host(app, NULL, "2");
    client client = client_open(host.address);
    next(fd, 0, -1);
    client_send(&client, head, sizeof head - 1);
    client_send(&client, part, 200000);
    give_way();
    client_send(&client, part, 100000);
    WAIT_FOR(asked.status != 99);
    reply reply = client_reply(&client, 0);
    check_part(&reply, 0, 16 * MIB);
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
    close(fd);
}

/* While one client takes a large file as fast as it can, others are answered; one thread. */
static void others_have_their_turn(void) {
    enum { SIZE = 256 };
    int fd = new_file(0, (size_t)SIZE * MIB);
    host host = new_host(app, NULL, "1");
    client fast = client_open(host.address);
    next(fd, 0, -1);
    client_get(&fast, "/file");
    size_t got = 0;
    double longest = 0;
    char *piece = malloc(4 * MIB);
    CHECK(piece != NULL);
    client other = client_open(host.address);
    while (got < (size_t)SIZE * MIB) {
        ssize_t count = recv(fast.fd, piece, 4 * MIB, 0);
        CHECK(count > 0);
        got += (size_t)count;
        if (got % 16 == 0) continue; /* often enough without a clock */
        double begun = seconds_now();
        reply reply = client_fetch(&other, "/small");
        CHECK_STR(reply.body, "small");
        reply_free(&reply);
        if (seconds_now() - begun > longest) longest = seconds_now() - begun;
    }
    CHECK(longest < 5.0);
    free(piece);
    client_close(&fast);
    client_close(&other);
    end_host(&host);
    close(fd);
}

static void a_file_that_shrinks_cuts_the_connection(void) {
    int fd = new_file(16 * MIB, 16 * MIB);
    host host = new_host(app, NULL, "1");
    client client = client_open(host.address);
    next(fd, 0, -1);
    client_get(&client, "/file");
    CHECK(client_need_line(&client) > 0);
    CHECK_INT(ftruncate(fd, 100), 0);
    reply reply = client_reply(&client, 0);
    CHECK_INT(reply.status, 200);
    CHECK_INT(reply.complete, 0);
    CHECK(reply.length < 16 * MIB);
    reply_free(&reply);
    client_close(&client);
    expect(host.address, "/small", 200, "small");
    end_host(&host);
    close(fd);
}

static void no_body_where_none_may_be(void) {
    static const char heads[] = "HEAD /file HTTP/1.1\r\nHost: test\r\n\r\n"
                                "HEAD /small HTTP/1.1\r\nHost: test\r\n\r\n";
    int fd = new_file(1000, 1000);
    host host = new_host(app, NULL, "1");
    client client = client_open(host.address);
    next(fd, 0, -1);
    client_send(&client, heads, sizeof heads - 1);
    reply first = client_reply(&client, 1), second = client_reply(&client, 1);
    CHECK(first.status == 200 && second.status == 200);
    CHECK(reply_has(&first, "Content-Length", "1000"));
    reply_free(&first);
    reply_free(&second);
    for (int i = 0; i < 2; i++) {
        next(fd, 0, -1);
        reply reply = client_fetch(&client, i ? "/204" : "/304");
        CHECK_INT(reply.status, i ? 204 : 304);
        reply_free(&reply);
    }
    CHECK_INT(client.length, 0);
    reply reply = client_fetch(&client, "/small");
    CHECK_STR(reply.body, "small");
    reply_free(&reply);
    client_close(&client);
    end_host(&host);
    close(fd);
}

static void what_cannot_be_sent_leaves_room_for_another_answer(void) {
    int fd = new_file(1000, 1000), pipes[2];
    int write_only = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(pipe(pipes) == 0 && write_only >= 0 && folder >= 0);
    const struct { int fd; int64_t offset, length; wsgi_status status; } wrong[] = {
        {-1, 0, -1, WSGI_E_SYSTEM},        {9999, 0, -1, WSGI_E_SYSTEM},
        {write_only, 0, -1, WSGI_E_SYSTEM}, {folder, 0, -1, WSGI_E_SYSTEM},
        {pipes[0], 1, -1, WSGI_E_SYSTEM},  {pipes[1], 0, -1, WSGI_E_SYSTEM},
        {fd, -1, -1, WSGI_E_STATE},        {fd, 0, -2, WSGI_E_STATE},
        {fd, 1001, -1, WSGI_E_STATE},      {fd, 0, 1001, WSGI_E_STATE},
        {fd, 1000, 1, WSGI_E_STATE},       {fd, INT64_MAX, INT64_MAX, WSGI_E_STATE},
        {fd, 1, INT64_MAX, WSGI_E_STATE},
    };
    host host = new_host(app, NULL, "1");
    client client = client_open(host.address);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        next(wrong[i].fd, wrong[i].offset, wrong[i].length);
        reply reply = client_fetch(&client, "/file");
        if (asked.status != wrong[i].status)
            FAIL("case %zu: %s", i, wsgi_status_name(asked.status));
        CHECK_INT(reply.status, 404);
        CHECK_STR(reply.body, "instead");
        reply_free(&reply);
    }
    CHECK_INT(wsgi_send_file(NULL, 1, fd, 0, -1), WSGI_E_NULL);
    CHECK_INT(wsgi_send_file(host.server, 1, fd, 0, -1), WSGI_GONE);
    client_close(&client);
    end_host(&host);
    close(fd), close(write_only), close(folder), close(pipes[0]), close(pipes[1]);
}

static void declared_lengths_are_kept(void) {
    int fd = new_file(1000, 1000);
    host host = new_host(app, NULL, "1");
    next(fd, 0, -1);
    asked.declared = "1001"; /* too much: all that is there, then the end */
    client client = client_open(host.address);
    reply reply = client_fetch(&client, "/file");
    WAIT_FOR(asked.status != 99);
    CHECK(reply.status == 200 && !reply.complete && reply.length == 1000);
    reply_free(&reply);
    client_close(&client);

    next(fd, 0, -1);
    asked.declared = "999"; /* too little, and nothing was sent */
    reply = fetch(host.address, "/file");
    WAIT_FOR(asked.status != 99);
    CHECK_INT(reply.status, 500);
    CHECK_INT(asked.status, WSGI_E_LENGTH);
    reply_free(&reply);

    next(fd, 0, -1);
    asked.declared = "999", asked.first = "written";
    reply = fetch(host.address, "/file");
    WAIT_FOR(asked.status != 99);
    CHECK(reply.status == 200 && reply.complete && reply.length == 999);
    CHECK_INT(asked.status, WSGI_E_LENGTH);
    reply_free(&reply);
    end_host(&host);
    close(fd);
}

static void *feed(void *argument) {
    int fd = *(int *)argument;
    for (int i = 0; i < 100; i++) {
        char piece[10000];
        memset(piece, 'a' + i % 26, sizeof piece);
        CHECK_INT(write(fd, piece, sizeof piece), sizeof piece);
    }
    close(fd);
    return NULL;
}

static void a_pipe_is_sent_to_its_end(void) {
    for (int round = 0; round < 3; round++) {
        int pipes[2];
        pthread_t feeder;
        CHECK_INT(pipe(pipes), 0);
        host host = new_host(app, NULL, "2");
        client client = client_open(host.address);
        next(pipes[0], 0, round == 0 ? -1 : round == 1 ? 999999 : 1000001);
        CHECK_INT(pthread_create(&feeder, NULL, feed, &pipes[1]), 0);
        reply reply = client_fetch(&client, "/file");
        CHECK_INT(pthread_join(feeder, NULL), 0);
        CHECK_INT(reply.status, 200);
        CHECK_INT(reply.complete, round < 2); /* too short for the length that was named */
        CHECK_INT(reply.length, round == 1 ? 999999 : 1000000);
        for (size_t i = 0; i < reply.length; i++) CHECK(reply.body[i] == 'a' + (int)(i / 10000) % 26);
        CHECK_INT(reply_has(&reply, "Transfer-Encoding", "chunked"), round == 0);
        reply_free(&reply);
        client_close(&client);
        end_host(&host);
        close(pipes[0]);
    }
}

/* A pipe that stays empty keeps nobody when its client leaves. */
static void a_client_that_does_not_wait_for_the_pipe(void) {
    int pipes[2];
    CHECK_INT(pipe(pipes), 0);
    host host = new_host(app, NULL, "1");
    client client = client_open(host.address);
    next(pipes[0], 0, -1);
    client_get(&client, "/file");
    client_reset(&client);
    WAIT_FOR(asked.status == WSGI_E_CLIENT || asked.status == 99);
    expect(host.address, "/small", 200, "small");
    end_host(&host);
    close(pipes[0]), close(pipes[1]);
}

/* SIGPIPE at its default would end this program, on a thread of the host's too. */
static volatile wsgi_request taken;

static int32_t detach(void *user_data, wsgi_request request, const wsgi_environ *environ,
                      const wsgi_responder *responder) {
    (void)user_data, (void)responder;
    wsgi_status status = wsgi_request_detach(environ->server, request);
    taken = request;
    return status < 0 ? status : WSGI_DETACHED;
}

static void clients_that_leave_raise_no_sigpipe(void) {
    int fd = new_file(16 * MIB, 16 * MIB);
    size_t fds = descriptors();
    sigset_t pending;
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    host host = new_host(app, NULL, "2");
    for (int i = 0; i < 20; i++) {
        client client = client_open(host.address);
        next(fd, 0, -1);
        client_get(&client, "/file");
        CHECK(client_need(&client, 100 * KIB));
        (i % 2 ? client_close : client_reset)(&client);
        expect(host.address, "/small", 200, "small");
    }
    end_host(&host);
    host = new_host(detach, NULL, "2");
    for (int i = 0; i < 20; i++) {
        client client = client_open(host.address);
        taken = 0;
        client_get(&client, "/file");
        WAIT_FOR(taken != 0);
        client_reset(&client);
        WAIT_FOR(wsgi_request_aborted(host.server, taken) != 0);
        if (start_with(host.server, taken, "200 OK", NULL) == WSGI_OK)
            CHECK_INT(wsgi_send_file(host.server, taken, fd, 0, -1), WSGI_OK);
        CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 0);
    }
    end_host(&host);
    WAIT_FOR(descriptors() == fds);
    CHECK(signal(SIGPIPE, SIG_DFL) == SIG_DFL);
    close(fd);
}

/* write_timeout: a client that takes nothing is cut, however large the file. */
static void a_client_that_never_reads_is_cut(void) {
    int fd = new_file(0, 64 * MIB);
    size_t fds = descriptors();
    wsgi_server *server = new_server(app, NULL);
    set(server, "write_timeout", "0.2");
    host host = start_host(server);
    size_t idle = descriptors();
    client client = client_open(host.address);
    next(fd, 0, -1);
    client_get(&client, "/file");
    WAIT_FOR(asked.status == WSGI_OK);
    WAIT_FOR(descriptors() == idle + 1); /* only the client's own is left */
    client_close(&client);
    end_host(&host);
    WAIT_FOR(descriptors() == fds);
    close(fd);
}

int main(void) {
    static const test tests[] = {
        {"parts arrive as they are in the file", parts_arrive_as_they_are_in_the_file},
        {"a file behind a write", a_file_behind_a_write},
        {"a sparse file of 64 MiB takes no memory", a_sparse_file_of_64_mib_takes_no_memory},
        {"a slow reader holds no thread", a_slow_reader_holds_no_thread},
        {"after a body that was waited for", after_a_body_that_was_waited_for},
        {"others have their turn", others_have_their_turn},
        {"a file that shrinks cuts the connection", a_file_that_shrinks_cuts_the_connection},
        {"no body where none may be", no_body_where_none_may_be},
        {"what cannot be sent leaves room for another answer",
         what_cannot_be_sent_leaves_room_for_another_answer},
        {"declared lengths are kept", declared_lengths_are_kept},
        {"a pipe is sent to its end", a_pipe_is_sent_to_its_end},
        {"a client that does not wait for the pipe", a_client_that_does_not_wait_for_the_pipe},
        {"clients that leave raise no SIGPIPE", clients_that_leave_raise_no_sigpipe},
        {"a client that never reads is cut", a_client_that_never_reads_is_cut},
    };
    return run_tests(tests, COUNT(tests));
}
