/* The environ and the headers, looked up in the library when they are touched. */
#ifndef WSGILUA_ENVIRON_H
#define WSGILUA_ENVIRON_H

#include "compat.h"

#define WSAPI_ENVIRON "wsgiserver.environ of WSAPI"

/* Pushes the environ of the request at this index; missing keys are nil. */
void environ_push(lua_State *L, int request);

/* Pushes the environ for an application of WSAPI: missing keys are "", and there are input and error.
 * Its metatable, WSAPI_ENVIRON, stands at the other index. */
void environ_push_wsapi(lua_State *L, int request, int metatable);

/* Pushes the headers of the request at this index: headers.host, headers["User-Agent"], and
 * headers() for a table of all. */
void headers_push(lua_State *L, int request);

/* Registers both, and env.input. */
void environ_open(lua_State *L);

#endif
