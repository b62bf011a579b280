/* A server as all Lua states of the process see it. The state that made it owns it; the workers'
 * states are closed before it goes, so they hold no reference. */
#ifndef WSGILUA_SHARED_H
#define WSGILUA_SHARED_H

#include <pthread.h>
#include <stdint.h>
#include <wsgiserver.h>

#include "mailbox.h"
#include "program.h"

struct worker;

enum { EVENTS = 16 };

typedef struct shared {
    int references;      /* of the owner's state: its handle, and the requests that it pulled */
    wsgi_server *handle; /* NULL once it was closed */

    program app, init;
    int is_wsapi, reload;
    char *path, *cpath; /* package.path and package.cpath */
    char **variables;   /* of the option environ: name, value, name, value, ..., NULL */
    char *complaint;    /* what was last wrong with a reload, under the lock */
    int log;            /* a descriptor, -1: nothing is written */
    int owns_log;
    mailbox mailbox;

    pthread_mutex_t lock;
    struct worker
        *spare; /* the state that `new` has tried the application with: the first worker's */

    wsgi_worker *puller; /* of a pull server, as all that follows */
    wsgi_event events[EVENTS];
    int32_t next_event, event_count;

    enum { SIGNALS_WHILE_WAITING, SIGNALS_ALWAYS, SIGNALS_NEVER } signals;
    int has_signals; /* they are caught now */
} shared;

/* NULL: no memory. With one reference. */
shared *shared_new(void);
shared *shared_keep(shared *server);
void shared_release(shared *server);

/* Stops and frees the server. 0, or WSGI_BUSY: a worker does not come back from the application. */
wsgi_status shared_close(shared *server);

/* The server that this Lua state works for; NULL in a state that is no worker's. */
shared *shared_of_state(lua_State *L);
void shared_set_state(lua_State *L, shared *server);

#endif
