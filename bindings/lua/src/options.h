/* The table that wsgiserver.new is given. */
#ifndef WSGILUA_OPTIONS_H
#define WSGILUA_OPTIONS_H

#include "shared.h"

/* Takes the options of the table at the index, makes the library's server, and tries the
 * application in a state. Raises errors; what was made until then belongs to `server`. */
void options_take(lua_State *L, int index, shared *server);

#endif
