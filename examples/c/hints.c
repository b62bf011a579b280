/* An answer with something before and behind it: 103 Early Hints, so that the browser fetches what the
 * page will need while the page is still being made, and trailers that tell what is only known at the
 * end.
 *
 *     hints [--port N]
 *
 * Try it: curl -i --raw http://127.0.0.1:8070/ */
#define _POSIX_C_SOURCE 200809L

#include "applications.h"
#include "run.h"

enum { ROWS = 3 };

static int32_t page(void *user_data, wsgi_request request, const wsgi_environ *environ,
                    const wsgi_responder *responder) {
    wsgi_server *server = environ->server;
    wsgi_header hint = {text("Link"), text("</style.css>; rel=preload; as=style")};
    wsgi_header headers[] = {{text("Content-Type"), text("text/html")},
                             {text("Trailer"), text("X-Rows")}};
    char row[64];
    (void)user_data;
    wsgi_status status = wsgi_inform(server, request, text("103 Early Hints"), &hint, 1);
    if (status >= 0)
        status = responder->start_response(responder->context, text("200 OK"), headers, 2, 0);
    /* here the application would ask its database; without a Content-Length the body is chunked */
    for (int i = 1; status >= 0 && i <= ROWS; i++) {
        int length = snprintf(row, sizeof row, "<p>row %d</p>\n", i);
        status = responder->write(responder->context, row, (size_t)length);
    }
    snprintf(row, sizeof row, "%d", ROWS);
    if (status >= 0) status = wsgi_add_trailer(server, request, text("X-Rows"), text(row));
    return status < 0 ? status : WSGI_DONE;
}

int main(int argc, char **argv) {
    int port_given = argc == 3 && strcmp(argv[1], "--port") == 0;
    if (argc != 1 && !port_given) {
        fprintf(stderr, "usage: hints [--port N]\n");
        return 2;
    }
    return run("hints", port_given ? argv[2] : "8070", page, NULL, NULL);
}
