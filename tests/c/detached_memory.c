/* A thousand requests that wait for their answers: no thread is added, and little memory. */
#include "pull.h"

/* Less than 2 KiB was measured; a test must not depend on the allocator. */
enum { MANY = 1000, WARM = 100, MOST = 6144 };

static wsgi_request waiting[MANY + WARM];
static client clients[MANY + WARM];

static size_t resident(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%*d %ld", &pages) == 1);
    fclose(file);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Sends requests with the header fields of a browser, and has them all out at the host. */
static void detach_some(host *host, wsgi_worker *worker, int from, int to) {
    static const char head[] =
        "GET /wait?for=something HTTP/1.1\r\nHost: www.example.com\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
        "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n"
        "Cookie: session=0123456789abcdef0123456789abcdef\r\nConnection: keep-alive\r\n\r\n";
    for (int i = from; i < to; i++) {
        wsgi_environ environ = {0};
        clients[i] = client_open(host->address);
        client_send(&clients[i], head, sizeof head - 1);
        waiting[i] = next_request(worker);
        environ.struct_size = sizeof environ;
        CHECK_INT(wsgi_request_environ(host->server, waiting[i], &environ), WSGI_OK);
        CHECK_STR(find(&environ, "QUERY_STRING").ptr, "for=something");
        CHECK_INT(wsgi_request_detach(host->server, waiting[i]), WSGI_OK);
    }
}

static void a_thousand_wait_in_little_memory(void) {
    host host = start_host(new_server(NULL, NULL));
    wsgi_worker *worker = new_worker(host.server);
    detach_some(&host, worker, 0, WARM);
    size_t threads_before = threads(), before = resident();
    detach_some(&host, worker, WARM, MANY + WARM);
    size_t each = (resident() - before) / MANY;
    fprintf(stderr, "    %zu bytes each\n", each);
    CHECK(each <= MOST || is_watched());
    CHECK_INT(threads(), threads_before);
    for (int i = 0; i < MANY + WARM; i++) {
        wsgi_environ environ = {0};
        environ.struct_size = sizeof environ;
        CHECK_INT(wsgi_request_environ(host.server, waiting[i], &environ), WSGI_OK);
        CHECK_STR(find(&environ, "QUERY_STRING").ptr, "for=something");
        CHECK_INT(say(host.server, waiting[i], "at last"), WSGI_OK);
        reply reply = client_reply(&clients[i], 0);
        CHECK_STR(reply.body, "at last");
        reply_free(&reply);
        if (i % 100 == 0) { /* the connection goes on as before */
            client_get(&clients[i], "/again");
            CHECK_INT(say(host.server, next_request(worker), "again"), WSGI_OK);
            reply = client_reply(&clients[i], 0);
            CHECK_STR(reply.body, "again");
            reply_free(&reply);
        }
        client_close(&clients[i]);
    }
    end_pull(&host, worker);
}

static int taken; /* by the application's only thread, read when all have been */

static int32_t detach(void *data, wsgi_request request, const wsgi_environ *environ,
                      const wsgi_responder *responder) {
    (void)data, (void)responder;
    CHECK_INT(wsgi_request_detach(environ->server, request), WSGI_OK);
    /* What is lent for the call is good until it returns. */
    CHECK_STR(find(environ, "QUERY_STRING").ptr, "for=something");
    __atomic_store_n(&waiting[taken], request, __ATOMIC_SEQ_CST);
    __atomic_store_n(&taken, taken + 1, __ATOMIC_SEQ_CST);
    return WSGI_DETACHED;
}

static void call_some(host *host, int from, int to) {
    for (int i = from; i < to; i++) {
        clients[i] = client_open(host->address);
        client_get(&clients[i], "/wait?for=something");
        WAIT_FOR(__atomic_load_n(&taken, __ATOMIC_SEQ_CST) == i + 1);
    }
}

static void a_thousand_calls_that_were_detached(void) {
    host host = new_host(detach, NULL, "1");
    call_some(&host, 0, WARM);
    size_t threads_before = threads(), before = resident();
    call_some(&host, WARM, MANY + WARM);
    size_t each = (resident() - before) / MANY;
    fprintf(stderr, "    %zu bytes each\n", each);
    CHECK(each <= MOST || is_watched());
    CHECK_INT(threads(), threads_before);
    for (int i = 0; i < MANY + WARM; i++) {
        CHECK_INT(say(host.server, waiting[i], "at last"), WSGI_OK);
        reply reply = client_reply(&clients[i], 0);
        CHECK_STR(reply.body, "at last");
        reply_free(&reply);
        client_close(&clients[i]);
    }
    end_host(&host);
}

int main(void) {
    static const test tests[] = {
        {"a thousand wait in little memory", a_thousand_wait_in_little_memory},
        {"a thousand calls that were detached", a_thousand_calls_that_were_detached},
    };
    return run_tests(tests, COUNT(tests));
}
