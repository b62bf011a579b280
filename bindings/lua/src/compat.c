#include "compat.h"

#if LUA_VERSION_NUM < 502

void compat_setfuncs(lua_State *L, const luaL_Reg *functions) {
    for (; functions->name != NULL; functions++) {
        lua_pushcfunction(L, functions->func);
        lua_setfield(L, -2, functions->name);
    }
}

void *compat_testudata(lua_State *L, int index, const char *name) {
    void *data = lua_touserdata(L, index);
    if (data == NULL || !lua_getmetatable(L, index)) return NULL;
    luaL_getmetatable(L, name);
    if (!lua_rawequal(L, -1, -2)) data = NULL;
    lua_pop(L, 2);
    return data;
}

const char *compat_tolstring(lua_State *L, int index, size_t *length) {
    index = compat_absindex(L, index);
    if (luaL_callmeta(L, index, "__tostring")) {
        if (!lua_isstring(L, -1)) luaL_error(L, "'__tostring' must return a string");
    } else if (lua_type(L, index) == LUA_TNUMBER || lua_type(L, index) == LUA_TSTRING) {
        lua_pushvalue(L, index);
    } else if (lua_type(L, index) == LUA_TBOOLEAN) {
        lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
    } else if (lua_isnil(L, index)) {
        lua_pushliteral(L, "nil");
    } else {
        lua_pushfstring(L, "%s: %p", luaL_typename(L, index), lua_topointer(L, index));
    }
    return lua_tolstring(L, -1, length);
}

#endif

#if LUA_VERSION_NUM < 502 && !defined(LUAJIT_VERSION) && !defined(LUA_LJDIR)

/* Lua 5.1 has it in Lua only; an application may have taken it away. */
void compat_traceback(lua_State *L, const char *message, int level) {
    lua_getfield(L, LUA_GLOBALSINDEX, "debug");
    if (lua_istable(L, -1)) lua_getfield(L, -1, "traceback");
    if (!lua_isfunction(L, -1)) {
        lua_pushstring(L, message);
        return;
    }
    lua_pushstring(L, message);
    lua_pushinteger(L, level + 1);
    lua_call(L, 2, 1);
}

#else

void compat_traceback(lua_State *L, const char *message, int level) {
    luaL_traceback(L, L, message, level);
}

#endif

int compat_absindex(lua_State *L, int index) {
    return index > 0 || index <= LUA_REGISTRYINDEX ? index : lua_gettop(L) + index + 1;
}

#if LUA_VERSION_NUM < 502

/* A userdata begins with the table of the function that made it, so ours bears a mark. */
void compat_push_own_table(lua_State *L, int index) {
    static char mark;
    index = compat_absindex(L, index);
    lua_getfenv(L, index);
    lua_pushlightuserdata(L, &mark);
    lua_rawget(L, -2);
    int is_own = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (is_own) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushlightuserdata(L, &mark);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_pushvalue(L, -1);
    lua_setfenv(L, index);
}

#else

void compat_push_own_table(lua_State *L, int index) {
    index = compat_absindex(L, index);
    lua_getuservalue(L, index);
    if (!lua_isnil(L, -1)) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setuservalue(L, index);
}

#endif

int compat_isinteger(lua_State *L, int index, long long *value) {
    lua_Number number = lua_tonumber(L, index);
    if (lua_type(L, index) != LUA_TNUMBER || number < -9e15 || number > 9e15) return 0;
    *value = (long long)number;
    return (lua_Number)*value == number;
}
