/* The smallest whole use of the library: a server on a free port, a request, the end. */
#include "client.h"
#include "host.h"

static int32_t hello(void *user_data, wsgi_request request, const wsgi_environ *environ,
                     const wsgi_responder *responder) {
    wsgi_header headers[] = {{{"Content-Type", 12}, {"text/plain", 10}},
                             {{"Content-Length", 14}, {"13", 2}}};
    (void)user_data, (void)request;
    if (find(environ, "REQUEST_METHOD").ptr == NULL) return -1;
    wsgi_status status =
        responder->start_response(responder->context, str("200 OK"), headers, 2, 0);
    if (status < 0) return status;
    status = responder->write(responder->context, "Hello, world!", 13);
    return status < 0 ? status : WSGI_DONE;
}

static void answers_with_the_headers_of_the_application(void) {
    static const char first[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n";
    host host = new_host(hello, NULL, "2");
    reply reply = fetch(host.address, "/");
    CHECK(strncmp(reply.head, first, sizeof first - 1) == 0);
    CHECK_STR(reply.body, "Hello, world!");
    char *date = reply_header(&reply, "Date"), *server = reply_header(&reply, "Server");
    CHECK(date != NULL && server != NULL);
    CHECK(!reply_has(&reply, "Transfer-Encoding", "chunked"));
    free(date);
    free(server);
    reply_free(&reply);
    end_host(&host);
}

static void keeps_the_connection(void) {
    host host = new_host(hello, NULL, "2");
    client client = client_open(host.address);
    for (int i = 0; i < 100; i++) {
        reply reply = client_fetch(&client, "/");
        CHECK_INT(reply.status, 200);
        CHECK_STR(reply.body, "Hello, world!");
        reply_free(&reply);
    }
    client_close(&client);
    end_host(&host);
}

static void head_has_no_body(void) {
    static const char request[] = "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n";
    host host = new_host(hello, NULL, "1");
    client client = client_open(host.address);
    for (int i = 0; i < 2; i++) {
        client_send(&client, request, sizeof request - 1);
        reply reply = client_reply(&client, 1);
        CHECK_INT(reply.status, 200);
        CHECK(reply_has(&reply, "Content-Length", "13"));
        reply_free(&reply);
    }
    client_close(&client);
    end_host(&host);
}

/* 80 requests in one packet: 80 answers, in order, nothing behind them. */
static void pipelined_requests_are_all_answered(void) {
    enum { REQUESTS = 80 };
    static const char request[] = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    char all[REQUESTS * sizeof request] = "";
    host host = new_host(hello, NULL, "4");
    for (int i = 0; i < REQUESTS; i++) memcpy(all + strlen(all), request, sizeof request);
    client client = client_open(host.address);
    client_send(&client, all, strlen(all));
    CHECK_INT(shutdown(client.fd, SHUT_WR), 0);
    for (int i = 0; i < REQUESTS; i++) {
        reply reply = client_reply(&client, 0);
        CHECK_INT(reply.status, 200);
        CHECK_STR(reply.body, "Hello, world!");
        reply_free(&reply);
    }
    expect_closed(&client);
    client_close(&client);
    end_host(&host);
}

/* A request and its FIN together, many times: each is answered, and no descriptor stays. */
static void request_and_fin_leave_no_descriptor(void) {
    enum { TIMES = 10000 };
    static const char request[] = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    host host = new_host(hello, NULL, "4");
    expect(host.address, "/", 200, "Hello, world!");
    size_t before = descriptors();
    for (int i = 0; i < TIMES; i++) {
        client client = client_open(host.address);
        int on = 1;
        setsockopt(client.fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on); /* one packet with the FIN */
        client_send(&client, request, sizeof request - 1);
        CHECK_INT(shutdown(client.fd, SHUT_WR), 0);
        reply reply = client_reply(&client, 0);
        CHECK_INT(reply.status, 200);
        reply_free(&reply);
        expect_closed(&client);
        client_close(&client);
    }
    WAIT_FOR(descriptors() <= before);
    end_host(&host);
}

int main(void) {
    static const test tests[] = {
        {"answers with the headers of the application",
         answers_with_the_headers_of_the_application},
        {"keeps the connection", keeps_the_connection},
        {"HEAD has no body", head_has_no_body},
        {"pipelined requests are all answered", pipelined_requests_are_all_answered},
        {"a request and FIN leave no descriptor", request_and_fin_leave_no_descriptor},
    };
    return run_tests(tests, COUNT(tests));
}
