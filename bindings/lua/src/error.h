/* What a status of the library becomes in Lua. */
#ifndef WSGILUA_ERROR_H
#define WSGILUA_ERROR_H

#include <stdint.h>
#include <wsgiserver.h>

#include "compat.h"

/* Raises a failure of the function that is named. What the client did (it left, it sent a bad body)
 * and the server's stop become error objects with `status` and `message`; a misuse becomes a text
 * with the place in it. */
int error_raise(lua_State *L, const char *function, int32_t status);

/* Raises the library's own text and frees the error. */
int error_raise_text(lua_State *L, wsgi_error *error);

/* The status in such an error object, 0 for any other value. */
int32_t error_status(lua_State *L, int index);

/* Registers what error objects can. */
void error_open(lua_State *L);

#endif
