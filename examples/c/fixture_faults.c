/* An application that breaks the rules, one at a time. What the server says is handed back as the
 * application's result, as a careful application would. */
#include "fixture.h"

static wsgi_status put(const call *call, const char *data) {
    return call->responder->write(call->responder->context, data, strlen(data));
}

static int32_t result_of(wsgi_status status) {
    return status < 0 ? status : WSGI_DONE;
}

int32_t fail_at_once(const call *call) {
    (void)call;
    return -1;
}

int32_t fail_after_head(const call *call) {
    if (start(call, NULL) >= 0) put(call, "begun");
    return -1;
}

int32_t fail_after_end(const call *call) {
    answer(call, "200 OK", "ended", 5);
    return -1;
}

int32_t declare_too_much(const call *call) {
    wsgi_status status = start(call, "10");
    return result_of(status < 0 ? status : put(call, "four"));
}

int32_t declare_too_little(const call *call) {
    wsgi_status status = start(call, "4");
    return result_of(status < 0 ? status : put(call, "fourandten"));
}

static int32_t start_with(const call *call, const char *name, const char *value) {
    wsgi_header header = {text(name), text(value)};
    wsgi_status status = call->responder->start_response(call->responder->context, text("200 OK"),
                                                         &header, 1, 0);
    return result_of(status < 0 ? status : put(call, "accepted"));
}

int32_t give_bad_header(const call *call) {
    return start_with(call, "X-Split", "one\r\nX-Injected: two");
}

int32_t give_hop_by_hop(const call *call) {
    wsgi_header headers[] = {{text("Transfer-Encoding"), text("gzip")},
                             {text("Connection"), text("keep-alive")},
                             {text("Keep-Alive"), text("timeout=99")}};
    wsgi_status status = call->responder->start_response(call->responder->context, text("200 OK"),
                                                         headers, 3, 0);
    return result_of(status < 0 ? status : put(call, "accepted"));
}

int32_t start_twice(const call *call) {
    wsgi_status status = start(call, NULL);
    return result_of(status < 0 ? status : start(call, NULL));
}

int32_t never_start(const call *call) {
    (void)call;
    return WSGI_DONE;
}

int32_t write_first(const call *call) {
    return result_of(put(call, "too early"));
}
