/* The server objects. */
#ifndef WSGILUA_SERVER_H
#define WSGILUA_SERVER_H

#include "shared.h"

/* Pushes an object for the server that does not own it, for a worker's state or a pulled request.
 */
void server_push(lua_State *L, shared *server);

/* wsgiserver.new{...} */
int server_new(lua_State *L);

/* The server at this index of the stack; raises an error for any other value, and if it was closed.
 */
shared *server_check(lua_State *L, int index);

/* Starts it if it does not run, and catches signals if that is wanted now. */
void server_start(lua_State *L, shared *server);

/* server:requests() */
int server_requests(lua_State *L);

void server_open(lua_State *L);

#endif
