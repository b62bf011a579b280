/* One request for a file. */
#define _GNU_SOURCE

#include "files.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { MOST_HEADERS = 8 };

/* A request on its way; headers gather until the answer is known. */
typedef struct call {
    wsgi_server *server;
    wsgi_request request;
    const wsgi_environ *environ;
    wsgi_header headers[MOST_HEADERS];
    size_t count;
} call;

static void add(call *call, const char *name, const char *value) {
    call->headers[call->count].name = text(name);
    call->headers[call->count++].value = text(value);
}

static int32_t respond(call *call, const char *status, const char *body) {
    wsgi_status result = wsgi_respond(call->server, call->request, text(status), call->headers,
                                      call->count, body, strlen(body));
    return result < 0 ? result : WSGI_DONE;
}

static int32_t refuse(call *call, const char *status) {
    add(call, "Content-Type", "text/plain; charset=utf-8");
    return respond(call, status, status);
}

static int method_is(const call *call, const char *method) {
    wsgi_str given = environ_get(call->environ, "REQUEST_METHOD");
    return given.ptr != NULL && strcmp(given.ptr, method) == 0;
}

static void format_date(time_t when, char *date, size_t capacity) {
    struct tm utc;
    gmtime_r(&when, &utc);
    strftime(date, capacity, "%a, %d %b %Y %H:%M:%S GMT", &utc);
}

/* Sends a file or a part of it. The library has a descriptor of its own when this returns, and this
 * thread is free: a slow client keeps neither. */
static int32_t send_part(call *call, const char *status, int fd, off_t first, off_t length) {
    char decimal[24];
    snprintf(decimal, sizeof decimal, "%lld", (long long)length);
    add(call, "Content-Length", decimal); /* for HEAD too, so not left to the library */
    wsgi_status result = wsgi_start_response(call->server, call->request, text(status),
                                             call->headers, call->count, 0);
    if (result >= 0) result = wsgi_send_file(call->server, call->request, fd, first, length);
    if (result == WSGI_E_STATE || result == WSGI_E_SYSTEM) {
        /* the file became shorter since we looked: nothing was sent yet */
        wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
        result = wsgi_start_response(call->server, call->request, text("503 Service Unavailable"),
                                     &type, 1, 1);
    }
    return result < 0 ? result : WSGI_DONE;
}

static int32_t answer_file(call *call, int fd, const struct stat *about, const char *name) {
    char etag[64], modified[40], range[80];
    off_t first, length;
    snprintf(etag, sizeof etag, "\"%llx-%lx-%llx\"", (unsigned long long)about->st_mtim.tv_sec,
             (unsigned long)about->st_mtim.tv_nsec, (unsigned long long)about->st_size);
    format_date(about->st_mtime, modified, sizeof modified);
    add(call, "ETag", etag);
    add(call, "Last-Modified", modified);
    if (is_unmodified(call->environ, etag, about->st_mtime))
        return respond(call, "304 Not Modified", "");

    add(call, "Accept-Ranges", "bytes");
    enum range kind = WHOLE;
    first = 0, length = about->st_size;
    if (method_is(call, "GET"))
        kind = requested_range(call->environ, etag, about->st_mtime, about->st_size, &first,
                               &length);
    if (kind == UNSATISFIABLE) {
        snprintf(range, sizeof range, "bytes */%lld", (long long)about->st_size);
        add(call, "Content-Range", range);
        return refuse(call, "416 Range Not Satisfiable");
    }
    add(call, "Content-Type", content_type(name));
    add(call, "X-Content-Type-Options", "nosniff");
    if (kind == WHOLE) return send_part(call, "200 OK", fd, first, length);
    snprintf(range, sizeof range, "bytes %lld-%lld/%lld", (long long)first,
             (long long)(first + length - 1), (long long)about->st_size);
    add(call, "Content-Range", range);
    return send_part(call, "206 Partial Content", fd, first, length);
}

static int32_t answer_list(call *call, int fd, wsgi_str path) {
    char *page = list_of_files(fd, path);
    if (page == NULL) return refuse(call, "404 Not Found");
    add(call, "Content-Type", "text/html; charset=utf-8");
    int32_t result = respond(call, "200 OK", page);
    free(page);
    return result;
}

/* The folder's own URL ends with a slash, so that the links on its page lead into it. */
static int32_t redirect(call *call, const char *path) {
    growing location = {NULL, 0, 0};
    wsgi_str script = environ_get(call->environ, "SCRIPT_NAME");
    if (script.ptr != NULL) grow_percent_encoded(&location, script.ptr, script.len);
    /* one slash in front, whatever came: two would be another host */
    grow(&location, "/", 1);
    grow_percent_encoded(&location, path, strlen(path));
    grow(&location, "/", 1);
    if (location.text == NULL) return refuse(call, "404 Not Found");
    add(call, "Location", location.text);
    int32_t result = refuse(call, "301 Moved Permanently");
    free(location.text);
    return result;
}

static int32_t answer_folder(call *call, const folder *folder, int fd, const char *path,
                             wsgi_str shown) {
    struct stat about;
    char index[4096];
    size_t length = strlen(path);
    if (length > 0 && path[length - 1] != '/') {
        close(fd);
        return redirect(call, path);
    }
    int written = snprintf(index, sizeof index, "%sindex.html", path);
    int file = written < (int)sizeof index ? open_inside(folder, index) : -1;
    if (file < 0) return answer_list(call, fd, shown);
    close(fd);
    int32_t result = fstat(file, &about) == 0 && S_ISREG(about.st_mode)
                         ? answer_file(call, file, &about, index)
                         : refuse(call, "404 Not Found");
    close(file);
    return result;
}

int32_t serve_files(void *user_data, wsgi_request request, const wsgi_environ *environ,
                    const wsgi_responder *responder) {
    const folder *folder = user_data;
    call call = {environ->server, request, environ, {{{NULL, 0}, {NULL, 0}}}, 0};
    wsgi_str path = environ_get(environ, "PATH_INFO");
    struct stat about;
    (void)responder;
    if (!method_is(&call, "GET") && !method_is(&call, "HEAD")) {
        add(&call, "Allow", "GET, HEAD");
        return refuse(&call, "405 Method Not Allowed");
    }
    /* "%00" is a byte of the path here, and would end the name for the system */
    if (path.ptr == NULL || memchr(path.ptr, '\0', path.len)) return refuse(&call, "404 Not Found");

    const char *name = path.ptr + strspn(path.ptr, "/");
    int fd = open_inside(folder, *name ? name : ".");
    if (fd < 0 || fstat(fd, &about) < 0 || (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode))) {
        if (fd >= 0) close(fd);
        return refuse(&call, "404 Not Found");
    }
    if (S_ISDIR(about.st_mode)) return answer_folder(&call, folder, fd, name, path);
    int32_t result = answer_file(&call, fd, &about, name);
    close(fd); /* the library has its own */
    return result;
}
