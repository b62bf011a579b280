/* `hello`: 13 bytes the WSGI way. It is what the benchmarks call; like their peers' it looks at
 * nothing of the request, but the environ has been built for it all the same. */
#include "applications.h"

static const char body[] = "Hello, world!";

static int32_t hello(void *user_data, wsgi_request request, const wsgi_environ *environ,
                     const wsgi_responder *responder) {
    wsgi_header headers[] = {
        {{"Content-Type", 12}, {"text/plain", 10}},
        {{"Content-Length", 14}, {"13", 2}},
    };
    wsgi_str status = {"200 OK", 6};
    (void)user_data, (void)request, (void)environ;

    wsgi_status result = responder->start_response(responder->context, status, headers, 2, 0);
    if (result < 0) return result;
    result = responder->write(responder->context, body, sizeof body - 1);
    return result < 0 ? result : WSGI_DONE;
}

const application hello_application = {"hello", hello, NULL, "13 bytes, Hello, world!"};
