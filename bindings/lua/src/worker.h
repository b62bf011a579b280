/* The Lua state of one worker thread. */
#ifndef WSGILUA_WORKER_H
#define WSGILUA_WORKER_H

#include "shared.h"
#include "watch.h"

typedef struct worker {
    lua_State *L;
    shared *server;
    watch watch;   /* with the option reload: the files that the state came from */
    char *trouble; /* the same: why there is no application now */
} worker;

/* Makes a state, runs init in it and loads the application. NULL: it did not work, and reason says
 * why. States are made one at a time in the whole process, since modules written in C may not
 * expect more. */
worker *worker_new(shared *server, char *reason, size_t capacity);
void worker_free(worker *worker);

/* For wsgi_handlers; user data is a `shared`, thread data a `worker`. */
int32_t worker_begin(void *user_data, uint32_t index, void **thread_data, char *reason,
                     size_t capacity);
void worker_end(void *user_data, uint32_t index, void *thread_data);
int32_t worker_handle(void *user_data, void *thread_data, wsgi_server *server,
                      wsgi_request request);

#endif
