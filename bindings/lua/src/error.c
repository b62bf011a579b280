#include "error.h"

#define ERROR "wsgiserver.error"

static const char *explain(int32_t status) {
    switch (status) {
        case WSGI_GONE: return "the request has ended";
        case WSGI_BUSY: return "another thread is using it";
        case WSGI_E_STATE: return "not possible now";
        case WSGI_E_HEADER: return "a status or a header that cannot be sent";
        case WSGI_E_LENGTH: return "more body than Content-Length declares";
        case WSGI_E_CLIENT: return "the client has left, or is too slow";
        case WSGI_E_MAX_SIZE_EXCEEDED: return "the request body is too large";
        case WSGI_E_BODY: return "the request body is malformed";
        case WSGI_E_STOPPING: return "the server is stopping";
        case WSGI_E_TIMEOUT: return "the time is up";
        case WSGI_E_FORKED: return "this is a forked child of the process that runs the server";
        default: return "failed";
    }
}

static int is_from_outside(int32_t status) {
    return status == WSGI_E_CLIENT || status == WSGI_E_MAX_SIZE_EXCEEDED || status == WSGI_E_BODY ||
           status == WSGI_E_STOPPING || status == WSGI_E_TIMEOUT || status == WSGI_E_PANIC;
}

int error_raise(lua_State *L, const char *function, int32_t status) {
    const char *name = wsgi_status_name(status);
    if (!is_from_outside(status))
        return luaL_error(L, "wsgiserver: %s: %s (%s)", function, explain(status), name);
    lua_createtable(L, 0, 3);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "status");
    lua_pushfstring(L, "wsgiserver: %s: %s (%s)", function, explain(status), name);
    lua_setfield(L, -2, "message");
    lua_pushinteger(L, status);
    lua_setfield(L, -2, "code");
    luaL_getmetatable(L, ERROR);
    lua_setmetatable(L, -2);
    return lua_error(L);
}

int error_raise_text(lua_State *L, wsgi_error *error) {
    lua_pushfstring(L, "wsgiserver: %s (%s)", wsgi_error_message(error),
                    wsgi_status_name(wsgi_error_status(error)));
    wsgi_error_free(error);
    return lua_error(L);
}

int32_t error_status(lua_State *L, int index) {
    int32_t status = 0;
    index = compat_absindex(L, index);
    if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return 0;
    luaL_getmetatable(L, ERROR);
    if (lua_rawequal(L, -1, -2)) {
        lua_pushliteral(L, "code");
        lua_rawget(L, index);
        status = (int32_t)lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    return status;
}

static int error_tostring(lua_State *L) {
    lua_getfield(L, 1, "message");
    return 1;
}

static int error_concat(lua_State *L) {
    compat_tolstring(L, 1, NULL);
    compat_tolstring(L, 2, NULL);
    lua_concat(L, 2);
    return 1;
}

void error_open(lua_State *L) {
    luaL_newmetatable(L, ERROR);
    lua_pushcfunction(L, error_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushcfunction(L, error_concat);
    lua_setfield(L, -2, "__concat");
    lua_pop(L, 1);
}
