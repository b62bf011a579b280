/* One spelling for what the Lua versions name differently. */
#ifndef WSGILUA_COMPAT_H
#define WSGILUA_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#if LUA_VERSION_NUM < 502 /* 5.1 and LuaJIT */

#define lua_rawlen lua_objlen
void compat_setfuncs(lua_State *L, const luaL_Reg *functions);
void *compat_testudata(lua_State *L, int index, const char *name);
const char *compat_tolstring(lua_State *L, int index, size_t *length);

#else

#define compat_setfuncs(L, functions) luaL_setfuncs(L, functions, 0)
#define compat_testudata luaL_testudata
#define compat_tolstring luaL_tolstring

#endif

#if LUA_VERSION_NUM < 503
#define compat_dump(L, writer, data) lua_dump(L, writer, data)
#else
#define compat_dump(L, writer, data) lua_dump(L, writer, data, 0)
#endif

/* The index of a stack slot that stays the same while others are pushed. */
int compat_absindex(lua_State *L, int index);

/* Pushes the text of the message with the stack behind it, from `level` on. */
void compat_traceback(lua_State *L, const char *message, int level);

/* Pushes the table of the userdata's own, which is made when it is first asked for. */
void compat_push_own_table(lua_State *L, int index);

/* A number that is a whole one, of those that fit. */
int compat_isinteger(lua_State *L, int index, long long *value);

#endif
