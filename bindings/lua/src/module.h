/* require "wsgiserver" */
#ifndef WSGILUA_MODULE_H
#define WSGILUA_MODULE_H

#include "compat.h"

#define WSGILUA_EXPORT __attribute__((visibility("default")))

WSGILUA_EXPORT int luaopen_wsgiserver(lua_State *L);

#endif
