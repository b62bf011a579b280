#include "shared.h"

#include <stdlib.h>
#include <unistd.h>

#include "signals.h"
#include "worker.h"

static char state_key;

shared *shared_new(void) {
    shared *server = calloc(1, sizeof *server);
    if (server == NULL) return NULL;
    server->references = 1;
    server->log = STDERR_FILENO;
    if (mailbox_init(&server->mailbox) != 0) {
        free(server);
        return NULL;
    }
    pthread_mutex_init(&server->lock, NULL);
    return server;
}

shared *shared_keep(shared *server) {
    server->references++;
    return server;
}

void shared_release(shared *server) {
    if (--server->references > 0 || server->handle != NULL) return;
    program_free(&server->app);
    program_free(&server->init);
    free(server->path);
    free(server->cpath);
    free(server->complaint);
    for (char **at = server->variables; at && *at; at++) free(*at);
    free(server->variables);
    if (server->owns_log) close(server->log);
    mailbox_free(&server->mailbox);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

wsgi_status shared_close(shared *server) {
    if (server->handle == NULL) return WSGI_OK;
    wsgi_server_stop(server->handle, NULL);
    signals_release(server);
    if (server->puller && wsgi_worker_free(server->puller) == WSGI_OK) server->puller = NULL;
    wsgi_status status = wsgi_server_free(server->handle);
    /* Busy: the thread that is stuck goes on using all this, so it stays. */
    if (status < 0) return status;
    server->handle = NULL;
    if (server->spare) worker_free(server->spare);
    server->spare = NULL;
    return WSGI_OK;
}

shared *shared_of_state(lua_State *L) {
    lua_pushlightuserdata(L, &state_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    shared *server = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return server;
}

void shared_set_state(lua_State *L, shared *server) {
    lua_pushlightuserdata(L, &state_key);
    lua_pushlightuserdata(L, server);
    lua_rawset(L, LUA_REGISTRYINDEX);
}
