/* Reading the request's body. */
#include <string.h>

#include "request.h"

#if LUA_VERSION_NUM < 502
enum { WINDOW = LUAL_BUFFERSIZE };
#define prepare(buffer, size) ((void)(size), luaL_prepbuffer(buffer))
#else
enum { WINDOW = 64 * 1024 };
#define prepare(buffer, size) luaL_prepbuffsize(buffer, size)
#endif

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

size_t body_read_bytes(lua_State *L, const request *request, size_t most) {
    luaL_Buffer buffer;
    size_t filled = 0;
    luaL_buffinit(L, &buffer);
    while (filled < most) {
        size_t room = smaller(most - filled, WINDOW);
        char *at = prepare(&buffer, room);
        int64_t got = wsgi_request_read(request->server->handle, request->id, at, room, 0);
        if (got < 0) request_result(L, "read", (int32_t)got);
        luaL_addsize(&buffer, (size_t)got);
        filled += (size_t)got;
        if (got == 0) break;
    }
    luaL_pushresult(&buffer);
    return filled;
}

void body_read_all(lua_State *L, const request *request) {
    body_read_bytes(L, request, (size_t)-1);
}

/* A line, with its end if that is wanted; 0 at the body's end. */
static size_t read_line(lua_State *L, const request *request, int with_end) {
    luaL_Buffer buffer;
    size_t filled = 0;
    int ended = 0;
    luaL_buffinit(L, &buffer);
    while (!ended) {
        size_t room = smaller(4096, WINDOW);
        char *at = prepare(&buffer, room);
        int64_t got = wsgi_request_readline(request->server->handle, request->id, at, room);
        if (got < 0) request_result(L, "read", (int32_t)got);
        if (got == 0) break;
        filled += (size_t)got;
        ended = at[got - 1] == '\n';
        luaL_addsize(&buffer, (size_t)got - (ended && !with_end));
    }
    luaL_pushresult(&buffer);
    return filled;
}

int body_read(lua_State *L, const request *request, int index) {
    size_t got;
    if (lua_type(L, index) == LUA_TNUMBER) {
        lua_Number wanted = lua_tonumber(L, index);
        luaL_argcheck(L, wanted >= 0 && wanted <= 9e15, index, "not a number of bytes");
        got = body_read_bytes(L, request, (size_t)wanted);
        if (wanted == 0) return 1;
    } else {
        const char *format = luaL_optstring(L, index, "a");
        if (*format == '*') format++;
        switch (*format) {
            case 'a': body_read_all(L, request); return 1;
            case 'l': got = read_line(L, request, 0); break;
            case 'L': got = read_line(L, request, 1); break;
            default: return luaL_argerror(L, index, "not a number of bytes, 'a', 'l' or 'L'");
        }
    }
    if (got == 0) lua_pushnil(L);
    return 1;
}

/* read(what): so many bytes, "a": all that is left, "l", "L": a line without or with its end */
static int read_method(lua_State *L) { return body_read(L, request_check(L, 1), 2); }

/* readsome([most]): what has come, of which there is some at least; nil at the end */
static int read_some(lua_State *L) {
    request *request = request_check(L, 1);
    lua_Number wanted = luaL_optnumber(L, 2, WINDOW);
    luaL_argcheck(L, wanted >= 1, 2, "not a number of bytes");
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    size_t room = wanted < WINDOW ? (size_t)wanted : WINDOW;
    char *at = prepare(&buffer, room);
    int64_t got = wsgi_request_read(request->server->handle, request->id, at, room, 0);
    if (got < 0) request_result(L, "readsome", (int32_t)got);
    luaL_addsize(&buffer, (size_t)got);
    luaL_pushresult(&buffer);
    if (got == 0) lua_pushnil(L);
    return 1;
}

static int next_line(lua_State *L) {
    if (read_line(L, request_check(L, lua_upvalueindex(1)), 0) == 0) lua_pushnil(L);
    return 1;
}

/* for line in request:lines() */
static int lines(lua_State *L) {
    request_check(L, 1);
    lua_settop(L, 1);
    lua_pushcclosure(L, next_line, 1);
    return 1;
}

static const luaL_Reg methods[] = {
    {"read", read_method},
    {"readsome", read_some},
    {"lines", lines},
    {NULL, NULL},
};

void body_open(lua_State *L) { compat_setfuncs(L, methods); }
