/* `hello`: 13 bytes the WSGI way. It is what the benchmarks call, so it does what a real host
 * would do with each request: look at every pair of the environ, once. */
#include "applications.h"

static const char body[] = "Hello, world!";

static int32_t hello(void *user_data, wsgi_request request, const wsgi_environ *environ,
                     const wsgi_responder *responder) {
    wsgi_header headers[] = {
        {{"Content-Type", 12}, {"text/plain", 10}},
        {{"Content-Length", 14}, {"13", 2}},
    };
    wsgi_str status = {"200 OK", 6};
    size_t seen = 0;
    (void)user_data, (void)request;

    for (size_t i = 0; i < environ->count; i++) {
        const wsgi_pair *pair = &environ->pairs[i];
        seen += pair->key.len + pair->value.len;
        seen += (unsigned char)pair->key.ptr[0];
    }
    if (seen == 0) return -1; /* an environ is never empty */

    wsgi_status result = responder->start_response(responder->context, status, headers, 2, 0);
    if (result < 0) return result;
    result = responder->write(responder->context, body, sizeof body - 1);
    return result < 0 ? result : WSGI_DONE;
}

const application hello_application = {"hello", hello, NULL, "13 bytes, Hello, world!"};
