/* The request objects. */
#ifndef WSGILUA_REQUEST_H
#define WSGILUA_REQUEST_H

#include "error.h"
#include "shared.h"

#define REQUEST "wsgiserver.request"

typedef struct request {
    shared *server;
    wsgi_request id;
    int keeps; /* it holds a reference to the server, which may go before it does */
    int detached, interrupted;
} request;

/* Pushes an object for the request. In the state that owns the server it keeps the server. */
request *request_push(lua_State *L, shared *server, wsgi_request id);

/* The same in a worker's state, with the metatable REQUEST, which stands at this index. */
request *request_push_fast(lua_State *L, shared *server, wsgi_request id, int metatable);

/* The request at this index of the stack; raises an error for any other value, and if the server
 * has been closed. */
request *request_check(lua_State *L, int index);

/* Raises what the status says, if it is a failure. */
int32_t request_result(lua_State *L, const char *function, int32_t status);

/* request:read and env.input:read: pushes a text, or nil at the end of the body. What to read
 * stands at `index`: a number of bytes, "a", "l" or "L". */
int body_read(lua_State *L, const request *request, int index);

/* Pushes at most so many bytes, which are waited for; returns how many. */
size_t body_read_bytes(lua_State *L, const request *request, size_t most);

/* Pushes all that is left of the body. */
void body_read_all(lua_State *L, const request *request);

/* Methods of the body and the answer, for the table on top. */
void body_open(lua_State *L);
void answer_open(lua_State *L);

/* Registers the objects. */
void request_open(lua_State *L);

#endif
