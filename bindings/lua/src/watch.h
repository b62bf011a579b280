/* The files that a Lua state was loaded from, and whether one of them has changed. */
#ifndef WSGILUA_WATCH_H
#define WSGILUA_WATCH_H

#include "program.h"

typedef struct watched watched;

typedef struct watch {
    watched *files;
    size_t count;
} watch;

/* Looks at the programs' files and those of all modules that are loaded. Raises errors. */
void watch_state(lua_State *L, watch *watch, const program *app, const program *init);
int watch_has_changed(const watch *watch);
void watch_free(watch *watch);

#endif
