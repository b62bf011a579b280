/* What is called for each request: the application, by way of WSAPI or with a request object. */
#ifndef WSGILUA_ENTRY_H
#define WSGILUA_ENTRY_H

#include "shared.h"

/* A request on its way through the application. */
typedef struct call {
    shared *server;
    wsgi_request request;
    int32_t result; /* what the library is told */
} call;

/* Takes the application off the top of the stack and pushes the function for it. Its argument is a
 * call, as a light userdata; it raises the application's errors. */
void entry_make(lua_State *L, int is_wsapi);

/* Whether the error is WSAPI's way to answer: error {404, "what"}. */
int entry_is_answer(lua_State *L, int index);

/* Answers with such an error; arguments: it, and the call as a light userdata. */
int entry_answer_error(lua_State *L);

#endif
