/* The routes with large or incoming bodies. */
#ifndef BENCH_APP_BODIES_H
#define BENCH_APP_BODIES_H

#include <wsgiserver.h>

#include <stdbool.h>

/* Where "/file/NAME" finds its files. */
void set_folder(const char *folder);

/* Answers if the path is one of these routes; then `result` is how that went. */
bool answer_with_body(wsgi_str path, wsgi_request request, const wsgi_environ *environ,
                      wsgi_status *result);

#endif
