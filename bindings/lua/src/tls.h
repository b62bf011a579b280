/* The option tls. */
#ifndef WSGILUA_TLS_H
#define WSGILUA_TLS_H

#include "shared.h"

/* Takes the table on top of the stack, if there is one there: the server speaks TLS from its start
 * on. Raises errors. */
void tls_take(lua_State *L, shared *server);

#endif
