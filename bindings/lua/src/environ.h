/* The environ and the headers, looked up in the library when they are touched. */
#ifndef WSGILUA_ENVIRON_H
#define WSGILUA_ENVIRON_H

#include "compat.h"

/* Pushes the environ of the request at this index: for an application of WSAPI (missing keys are
 * "", and there are input and error), else plain. */
void environ_push(lua_State *L, int request, int is_wsapi);

/* Pushes the headers of the request at this index: headers.host, headers["User-Agent"], and
 * headers() for a table of all. */
void headers_push(lua_State *L, int request);

/* Registers both, and env.input. */
void environ_open(lua_State *L);

#endif
