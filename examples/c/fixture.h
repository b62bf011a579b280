/* What the parts of `fixture` share. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "applications.h"

/* One request on its way through the fixture. */
typedef struct call {
    wsgi_request request;
    const wsgi_environ *environ;
    const wsgi_responder *responder;
    unsigned long number; /* what stands behind the last slash of the route, else 0 */
} call;

/* A whole answer of type text/plain in one piece; returns what the application may return. */
int32_t answer(const call *call, const char *status, const void *body, size_t length);

/* start_response with "200 OK" and text/plain, and Content-Length when one is given. */
wsgi_status start(const call *call, const char *content_length);

/* Ways to break the rules (fixture_faults.c). */
int32_t fail_at_once(const call *call);
int32_t fail_after_head(const call *call);
int32_t fail_after_end(const call *call);
int32_t declare_too_much(const call *call);
int32_t declare_too_little(const call *call);
int32_t give_bad_header(const call *call);
int32_t give_hop_by_hop(const call *call);
int32_t start_twice(const call *call);
int32_t never_start(const call *call);
int32_t write_first(const call *call);

/* Answers from a thread of the fixture's own (fixture_detach.c). */
int32_t answer_detached(const call *call);
void finish_detached(void);

#endif
