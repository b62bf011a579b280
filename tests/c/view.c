/* The request without an environ: view, fields by name and number, addresses; and the helpers. */
#include "client.h"
#include "host.h"

#define IS(string, text) ((string).len == strlen(text) && memcmp((string).ptr, text, (string).len) == 0)

static wsgi_server *server;
static wsgi_request last; /* a request that has ended */

static wsgi_str header(wsgi_request request, const char *name) {
    wsgi_str value = {"untouched", 9};
    CHECK_INT(wsgi_request_header(server, request, str(name), &value), WSGI_OK);
    return value;
}

static wsgi_str get(wsgi_request request, uint32_t key) {
    wsgi_str value = {"untouched", 9};
    CHECK_INT(wsgi_request_get(server, request, key, &value), WSGI_OK);
    return value;
}

static void looks_at_the_view(wsgi_request request) {
    wsgi_view view = {0};
    CHECK_INT(wsgi_request_view(server, request, &view), WSGI_E_STATE);
    view.struct_size = sizeof view;
    CHECK_INT(wsgi_request_view(NULL, request, &view), WSGI_E_NULL);
    CHECK_INT(wsgi_request_view(server, request, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_request_view(server, request, &view), WSGI_OK);
    CHECK(IS(view.method, "POST") && IS(view.target, "/a%20b%2Fc?d=%20"));
    CHECK(IS(view.path, "/a b%2Fc") && IS(view.query, "d=%20"));
    CHECK(IS(view.protocol, "HTTP/1.1") && IS(view.scheme, "http"));
    CHECK_INT(view.content_length, 5);
    CHECK_INT(view.version_minor, 1);
    CHECK_INT(view.count, 5);
    CHECK_STR(view.fields[0].key.ptr, "hOsT");
    CHECK_STR(view.fields[0].value.ptr, "test");
    CHECK_INT(view.fields[0].key_id, WSGI_KEY_HTTP_HOST);
    CHECK_STR(view.fields[1].key.ptr, "X-Own");
    CHECK_INT(view.fields[1].key_id, 0);
    CHECK_INT(view.fields[3].key_id, WSGI_KEY_HTTP_COOKIE);
    CHECK_STR(view.fields[4].value.ptr, "c=3");

    wsgi_view again = {0};
    char rest[16];
    again.struct_size = sizeof again;
    CHECK_INT(wsgi_request_read(server, request, rest, sizeof rest, 0), 5);
    CHECK_INT(wsgi_request_view(server, request, &again), WSGI_OK);
    CHECK(again.fields == view.fields && again.method.ptr == view.method.ptr);
}

static void looks_at_fields(wsgi_request request) {
    wsgi_str value = {"untouched", 9}, null_string = {NULL, 1};
    CHECK_STR(header(request, "x-own").ptr, "1");
    CHECK_STR(header(request, "COOKIE").ptr, "a=1; b=\"two\"");
    CHECK(header(request, "X-None").ptr == NULL);
    CHECK_STR(get(request, WSGI_KEY_HTTP_HOST).ptr, "test");
    CHECK_STR(get(request, WSGI_KEY_CONTENT_LENGTH).ptr, "5");
    CHECK_STR(get(request, WSGI_KEY_REQUEST_METHOD).ptr, "POST");
    CHECK_STR(get(request, WSGI_KEY_QUERY_STRING).ptr, "d=%20");
    CHECK_STR(get(request, WSGI_KEY_REMOTE_ADDR).ptr, "127.0.0.1");
    CHECK_STR(get(request, WSGI_KEY_PATH_INFO).ptr, "/a b%2Fc");
    CHECK_STR(get(request, WSGI_KEY_HTTP_COOKIE).ptr, "a=1; b=\"two\"; c=3");
    CHECK(get(request, WSGI_KEY_HTTP_ACCEPT).ptr == NULL);
    CHECK_INT(wsgi_request_get(server, request, 0, &value), WSGI_E_OPTION);
    CHECK_INT(wsgi_request_get(server, request, 10000, &value), WSGI_E_OPTION);
    CHECK_INT(wsgi_request_get(server, request, 1, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_request_get(NULL, request, 1, &value), WSGI_E_NULL);
    CHECK_INT(wsgi_request_header(NULL, request, str("a"), &value), WSGI_E_NULL);
    CHECK_INT(wsgi_request_header(server, request, str("a"), NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_request_header(server, request, null_string, &value), WSGI_E_NULL);
    CHECK_STR(value.ptr, "untouched");
}

static void looks_at_addresses(wsgi_request request) {
    char text[64], bound[64], small[3];
    size_t length = 0;
    CHECK_INT(wsgi_request_peer_addr(server, request, text, sizeof text, &length), WSGI_OK);
    CHECK(strncmp(text, "127.0.0.1:", 10) == 0 && length == strlen(text));
    CHECK_INT(wsgi_server_bound_addr(server, bound, sizeof bound, NULL), WSGI_OK);
    CHECK_INT(wsgi_request_local_addr(server, request, text, sizeof text, NULL), WSGI_OK);
    CHECK_STR(text, bound);
    CHECK_INT(wsgi_request_id(server, request, text, sizeof text, NULL), WSGI_OK);
    CHECK_CONTAINS(text, "-1");
    CHECK_INT(wsgi_request_peer_addr(server, request, small, sizeof small, NULL), WSGI_E_LENGTH);
    CHECK_INT(wsgi_request_local_addr(server, request, NULL, 64, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_request_peer_addr(NULL, request, text, sizeof text, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_request_id(NULL, request, text, sizeof text, NULL), WSGI_E_NULL);
}

static void everything_of_a_request(void) {
    static const char sent[] = "POST /a%20b%2Fc?d=%20 HTTP/1.1\r\nhOsT: test\r\nX-Own: 1\r\n"
                               "Content-Length: 5\r\nCookie: a=1; b=\"two\"\r\nCookie:  c=3 \r\n\r\nhello";
    host host = start_host(new_server(NULL, NULL));
    client client = client_open(host.address);
    wsgi_worker *worker = NULL;
    wsgi_event event = {0};
    event.struct_size = sizeof event;
    server = host.server;
    CHECK_INT(wsgi_worker_new(server, &worker, NULL), WSGI_OK);
    client_send(&client, sent, sizeof sent - 1);
    CHECK_INT(wsgi_worker_next(worker, &event, 1, FACT_DEADLINE * 1000), 1);
    looks_at_the_view(event.request);
    looks_at_fields(event.request);
    looks_at_addresses(event.request);
    CHECK_INT(say(server, event.request, "seen"), WSGI_OK);
    last = event.request;

    /* the next one on this connection has a view of its own */
    client_send(&client, "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n", 28);
    CHECK_INT(wsgi_worker_next(worker, &event, 1, FACT_DEADLINE * 1000), 1);
    wsgi_view view = {0};
    view.struct_size = sizeof view;
    CHECK_INT(wsgi_request_view(server, event.request, &view), WSGI_OK);
    CHECK(IS(view.path, "/2") && view.count == 1 && view.content_length == 0);
    CHECK_INT(say(server, event.request, "seen"), WSGI_OK);

    wsgi_str value;
    char text[64];
    CHECK_INT(wsgi_request_view(server, last, &view), WSGI_GONE);
    CHECK_INT(wsgi_request_header(server, last, str("Host"), &value), WSGI_GONE);
    CHECK_INT(wsgi_request_get(server, last, WSGI_KEY_HTTP_HOST, &value), WSGI_GONE);
    CHECK_INT(wsgi_request_peer_addr(server, last, text, sizeof text, NULL), WSGI_GONE);
    CHECK_INT(wsgi_request_local_addr(server, last, text, sizeof text, NULL), WSGI_GONE);
    CHECK_INT(wsgi_request_id(server, last, text, sizeof text, NULL), WSGI_GONE);
    client_close(&client);
    CHECK_INT(wsgi_worker_free(worker), WSGI_OK);
    end_host(&host);
}

/* What the environ has otherwise than the fields: the length of chunks, the coding, the target's host. */
static void keys_are_those_of_the_environ(void) {
    static const char chunks[] = "POST http://other:1/ HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: CHUNKED\r\n"
                                 "\r\n5\r\nhello\r\n0\r\n\r\n";
    static const char waits[] = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: CHUNKED\r\n"
                                "Expect: 100-continue\r\n\r\n";
    static const char old[] = "GET http://other/ HTTP/1.0\r\nUpgrade: websocket\r\n\r\n";
    const struct {
        const char *sent, *length, *coding, *host, *field;
        int64_t in_view;
    } requests[] = {{chunks, "5", NULL, "other:1", "other:1", -1},
                    {waits, NULL, "chunked", "test", "test", -1},
                    {old, NULL, NULL, "other", NULL, 0}};
    host host = start_host(new_server(NULL, NULL));
    wsgi_worker *worker = NULL;
    wsgi_event event = {0};
    event.struct_size = sizeof event;
    server = host.server;
    CHECK_INT(wsgi_worker_new(server, &worker, NULL), WSGI_OK);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        client client = client_open(host.address);
        wsgi_view view = {0};
        view.struct_size = sizeof view;
        client_send(&client, requests[i].sent, strlen(requests[i].sent));
        CHECK_INT(wsgi_worker_next(worker, &event, 1, FACT_DEADLINE * 1000), 1);
        wsgi_str length = get(event.request, WSGI_KEY_CONTENT_LENGTH);
        wsgi_str coding = get(event.request, WSGI_KEY_HTTP_TRANSFER_ENCODING);
        wsgi_str field = header(event.request, "Host");
        if (requests[i].length) CHECK_STR(length.ptr, requests[i].length);
        else CHECK(length.ptr == NULL);
        if (requests[i].coding) CHECK_STR(coding.ptr, requests[i].coding);
        else CHECK(coding.ptr == NULL);
        if (requests[i].field) CHECK_STR(field.ptr, requests[i].field);
        else CHECK(field.ptr == NULL);
        CHECK_STR(get(event.request, WSGI_KEY_HTTP_HOST).ptr, requests[i].host);
        CHECK(get(event.request, WSGI_KEY_HTTP_UPGRADE).ptr == NULL);
        CHECK(header(event.request, "Upgrade").ptr == NULL);
        CHECK_INT(wsgi_request_view(server, event.request, &view), WSGI_OK);
        CHECK_INT(view.content_length, requests[i].in_view);
        CHECK_INT(say(server, event.request, "seen"), WSGI_OK);
        client_close(&client);
    }
    CHECK_INT(wsgi_worker_free(worker), WSGI_OK);
    end_host(&host);
}

static void keys_have_names(void) {
    CHECK_STR(wsgi_key_name(WSGI_KEY_HTTP_HOST), "HTTP_HOST");
    CHECK_STR(wsgi_key_name(WSGI_KEY_WSGI_URL_SCHEME), "wsgi.url_scheme");
    CHECK(wsgi_key_name(0) == NULL && wsgi_key_name(UINT32_MAX) == NULL);
}

static void percent_decoding(void) {
    char text[] = "a%20b+c%zz%", copy[16];
    int64_t length = wsgi_percent_decode(text, sizeof text - 1, 0, copy, sizeof copy);
    CHECK_INT(length, 9);
    CHECK(memcmp(copy, "a b+c%zz%", 9) == 0);
    length = wsgi_percent_decode(text, sizeof text - 1, 1, text, sizeof text);
    CHECK(length == 9 && memcmp(text, "a b c%zz%", 9) == 0);
    CHECK_INT(wsgi_percent_decode(NULL, 0, 0, NULL, 0), 0);
    CHECK_INT(wsgi_percent_decode(NULL, 1, 0, copy, 16), WSGI_E_NULL);
    CHECK_INT(wsgi_percent_decode("a", 1, 0, NULL, 16), WSGI_E_NULL);
    CHECK_INT(wsgi_percent_decode("abc", 3, 0, copy, 2), WSGI_E_LENGTH);
}

static void queries(void) {
    wsgi_str rest = str("a=1&&b&c=x%20y="), name, value, null_string = {NULL, 1};
    CHECK_INT(wsgi_query_next(&rest, &name, &value), 1);
    CHECK(IS(name, "a") && IS(value, "1"));
    CHECK_INT(wsgi_query_next(&rest, &name, &value), 1);
    CHECK(IS(name, "b") && value.ptr == NULL);
    CHECK_INT(wsgi_query_next(&rest, &name, &value), 1);
    CHECK(IS(name, "c") && IS(value, "x%20y="));
    CHECK_INT(wsgi_query_next(&rest, &name, &value), 0);
    CHECK_INT(wsgi_query_next(&rest, &name, &value), 0);
    CHECK_INT(wsgi_query_next(NULL, &name, &value), WSGI_E_NULL);
    CHECK_INT(wsgi_query_next(&rest, NULL, &value), WSGI_E_NULL);
    CHECK_INT(wsgi_query_next(&rest, &name, NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_query_next(&null_string, &name, &value), WSGI_E_NULL);
}

static void cookies(void) {
    wsgi_str value = {"", 0}, null_string = {NULL, 1};
    CHECK_INT(wsgi_cookie_get(str("a=1; b=\"two\""), str("b"), &value), WSGI_OK);
    CHECK(IS(value, "two"));
    CHECK_INT(wsgi_cookie_get(str("a=1"), str("b"), &value), WSGI_OK);
    CHECK(value.ptr == NULL);
    CHECK_INT(wsgi_cookie_get(str("a=1"), str("a"), NULL), WSGI_E_NULL);
    CHECK_INT(wsgi_cookie_get(null_string, str("a"), &value), WSGI_E_NULL);
}

int main(void) {
    static const test tests[] = {
        {"everything of a request", everything_of_a_request},
        {"keys are those of the environ", keys_are_those_of_the_environ},
        {"keys have names", keys_have_names},
        {"percent-decoding", percent_decoding},
        {"queries", queries},
        {"cookies", cookies},
    };
    return run_tests(tests, COUNT(tests));
}
