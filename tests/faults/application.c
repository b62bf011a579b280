/* `faults`: what the tests of failing system calls talk to, for examples/c/serve.c.
 *
 *     /file      the file that FAULTS_FILE names, by wsgi_send_file
 *     /upload    writes the body to a new file in the folder FAULTS_FOLDER, which is gone afterwards:
 *                201 when all of it was written, 507 with the reason when it was not
 *
 * Everything else goes to `fixture`. It stands in the place of examples/c/hello.c, under its name. */
#define _GNU_SOURCE

#include "../../examples/c/applications.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { WINDOW = 64 * 1024 };

static int32_t respond(const wsgi_environ *environ, wsgi_request request, const char *status,
                       const char *body) {
    wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    wsgi_status result = wsgi_respond(environ->server, request, text(status), &type, 1, body,
                                      strlen(body));
    return result < 0 ? result : WSGI_DONE;
}

static int32_t send_file(const wsgi_environ *environ, wsgi_request request,
                         const wsgi_responder *responder) {
    wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    int fd = open(getenv("FAULTS_FILE"), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return respond(environ, request, "503 Service Unavailable", strerror(errno));
    wsgi_status status =
        responder->start_response(responder->context, text("200 OK"), &type, 1, 0);
    if (status >= 0) status = wsgi_send_file(environ->server, request, fd, 0, -1);
    close(fd);
    return status < 0 ? status : WSGI_DONE;
}

/* 0, or the error number of the system call that failed. */
static int write_all(int fd, const char *data, size_t length) {
    while (length > 0) {
        ssize_t written = write(fd, data, length);
        if (written < 0 && errno != EINTR) return errno;
        if (written < 0) continue;
        data += written;
        length -= (size_t)written;
    }
    return 0;
}

static int32_t take_upload(const wsgi_environ *environ, wsgi_request request) {
    char window[WINDOW];
    int64_t got;
    int fd = open(getenv("FAULTS_FOLDER"), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    int failure = fd < 0 ? errno : 0;
    /* read to its end in any case, so that the client gets to see the answer */
    while ((got = wsgi_request_read(environ->server, request, window, sizeof window, 0)) > 0)
        if (failure == 0) failure = write_all(fd, window, (size_t)got);
    if (fd >= 0 && close(fd) < 0 && failure == 0) failure = errno;
    if (got < 0) return (int32_t)got;
    return failure == 0 ? respond(environ, request, "201 Created", "written")
                        : respond(environ, request, "507 Insufficient Storage", strerror(failure));
}

static int32_t faults(void *user_data, wsgi_request request, const wsgi_environ *environ,
                      const wsgi_responder *responder) {
    wsgi_str path = environ_get(environ, "PATH_INFO");
    if (strcmp(path.ptr, "/file") == 0) return send_file(environ, request, responder);
    if (strcmp(path.ptr, "/upload") == 0) return take_upload(environ, request);
    return fixture_application.app(user_data, request, environ, responder);
}

static void finish(void) {
    fixture_application.finish();
}

const application hello_application = {"faults", faults, finish, "see tests/faults/application.c"};
