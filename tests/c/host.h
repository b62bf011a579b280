/* What the tests do to a server of theirs: start it, find its address, stop it. */
#ifndef HOST_H
#define HOST_H

#include "check.h"

#include <wsgiserver.h>

#include <dirent.h>

typedef struct host {
    wsgi_server *server;
    char address[64];
} host;

static inline wsgi_str str(const char *string) {
    wsgi_str result = {string, strlen(string)};
    return result;
}

static inline wsgi_str find(const wsgi_environ *environ, const char *key) {
    wsgi_str none = {NULL, 0};
    for (size_t i = 0; i < environ->count; i++)
        if (strcmp(environ->pairs[i].key.ptr, key) == 0) return environ->pairs[i].value;
    return none;
}

static inline int path_is(const wsgi_environ *environ, const char *path) {
    return strcmp(find(environ, "PATH_INFO").ptr, path) == 0;
}

/* A whole text/plain answer. */
static inline int32_t say(wsgi_server *server, wsgi_request request, const char *body) {
    wsgi_header type = {{"Content-Type", 12}, {"text/plain", 10}};
    return wsgi_respond(server, request, str("200 OK"), &type, 1, body, strlen(body));
}

static inline void set(wsgi_server *server, const char *name, const char *value) {
    wsgi_error *error = NULL;
    wsgi_status status = wsgi_server_set(server, name, value, &error);
    if (status < 0) FAIL("%s=%s: %s", name, value, wsgi_error_message(error));
}

/* A server on a free port, not yet started. `app` NULL makes a pull server. */
static inline wsgi_server *new_server(wsgi_app_fn app, void *user_data) {
    wsgi_error *error = NULL;
    wsgi_server *server = NULL;
    wsgi_status status = wsgi_server_new("127.0.0.1:0", app, user_data, NULL, &server, &error);
    if (status < 0) FAIL("wsgi_server_new: %s", wsgi_error_message(error));
    CHECK(error == NULL && server != NULL);
    return server;
}

static inline host start_host(wsgi_server *server) {
    host host = {server, ""};
    wsgi_error *error = NULL;
    size_t length = 0;
    wsgi_status status = wsgi_server_start_background(server, &error);
    if (status < 0) FAIL("wsgi_server_start_background: %s", wsgi_error_message(error));
    CHECK_INT(wsgi_server_bound_addr(server, host.address, sizeof host.address, &length), WSGI_OK);
    CHECK_INT(length, strlen(host.address));
    return host;
}

static inline host new_host(wsgi_app_fn app, void *user_data, const char *threads) {
    wsgi_server *server = new_server(app, user_data);
    set(server, "numthreads", threads);
    return start_host(server);
}

/* Stops and frees; no request may be cut by it. */
static inline void end_host(host *host) {
    uint32_t cut = 99;
    CHECK_INT(wsgi_server_stop(host->server, &cut), WSGI_OK);
    CHECK_INT(cut, 0);
    CHECK_INT(wsgi_server_free(host->server), WSGI_OK);
    host->server = NULL;
}

static inline size_t entries_in(const char *folder) {
    size_t count = 0;
    DIR *dir = opendir(folder);
    CHECK(dir != NULL);
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

static inline size_t descriptors(void) {
    return entries_in("/proc/self/fd");
}

static inline size_t threads(void) {
    return entries_in("/proc/self/task");
}

#endif
