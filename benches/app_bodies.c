/* "/file/NAME" sends a file of the folder, "/stream/N" writes N KiB piece by piece, "/upload" reads its
   body in pieces and answers how long it was, "/echo" answers with its body. */
#define _POSIX_C_SOURCE 200809L
#include "app_bodies.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 64 * 1024 };

static const char *folder = ".";

void set_folder(const char *name) {
    folder = name;
}

static wsgi_status send_file(const char *name, wsgi_request request, const wsgi_environ *environ) {
    wsgi_str status = {"200 OK", 6};
    wsgi_header type = {{"Content-Type", 12}, {"application/octet-stream", 24}};
    char path[1024];
    wsgi_status result;
    int fd;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = strchr(name, '/') == NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return -1;
    }
    result = wsgi_start_response(environ->server, request, status, &type, 1, 0);
    if (result >= 0) {
        result = wsgi_send_file(environ->server, request, fd, 0, -1);
    }
    close(fd);
    return result;
}

static wsgi_status answer(const void *body, size_t length, wsgi_request request,
                          const wsgi_environ *environ) {
    wsgi_str status = {"200 OK", 6};
    wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};

    return wsgi_respond(environ->server, request, status, &type, 1, body, length);
}

static wsgi_status answer_stream(const char *kibibytes, wsgi_request request,
                                 const wsgi_environ *environ) {
    wsgi_str status = {"200 OK", 6};
    wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    char piece[1024];
    long left = strtol(kibibytes, NULL, 10);
    wsgi_status result = wsgi_start_response(environ->server, request, status, &type, 1, 0);

    memset(piece, 'x', sizeof piece);
    while (result >= 0 && left-- > 0) {
        result = wsgi_write(environ->server, request, piece, sizeof piece, 0);
    }
    return result;
}

static wsgi_status take_upload(wsgi_request request, const wsgi_environ *environ) {
    char piece[WINDOW];
    unsigned long long total = 0;
    int64_t got;

    while ((got = wsgi_request_read(environ->server, request, piece, sizeof piece, 0)) > 0) {
        total += (unsigned long long)got;
    }
    if (got < 0) {
        return (wsgi_status)got;
    }
    snprintf(piece, sizeof piece, "%llu", total);
    return answer(piece, strlen(piece), request, environ);
}

static wsgi_status echo(wsgi_request request, const wsgi_environ *environ) {
    char body[WINDOW];
    size_t length = 0;
    int64_t got;

    do {
        got = wsgi_request_read(environ->server, request, body + length, sizeof body - length, 0);
        if (got < 0) {
            return (wsgi_status)got;
        }
        length += (size_t)got;
    } while (got > 0 && length < sizeof body);
    return answer(body, length, request, environ);
}

static bool is(wsgi_str path, const char *route) {
    return path.len == strlen(route) && memcmp(path.ptr, route, path.len) == 0;
}

bool answer_with_body(wsgi_str path, wsgi_request request, const wsgi_environ *environ,
                      wsgi_status *result) {
    if (path.len > 6 && memcmp(path.ptr, "/file/", 6) == 0) {
        *result = send_file(path.ptr + 6, request, environ);
    } else if (path.len > 8 && memcmp(path.ptr, "/stream/", 8) == 0) {
        *result = answer_stream(path.ptr + 8, request, environ);
    } else if (is(path, "/upload")) {
        *result = take_upload(request, environ);
    } else if (is(path, "/echo")) {
        *result = echo(request, environ);
    } else {
        return false;
    }
    return true;
}
