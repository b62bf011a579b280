#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "environ.h"
#include "log.h"
#include "server.h"

/* One that keeps its server has to be finalised, which the others do not pay for. */
#define KEEPING_REQUEST "wsgiserver.request that keeps its server"

enum { TEXT = 256 };

static request *push(lua_State *L, shared *server, wsgi_request id, int keeps) {
    request *made = lua_newuserdata(L, sizeof *made);
    made->server = keeps ? shared_keep(server) : server;
    made->id = id;
    made->keeps = keeps;
    made->detached = made->interrupted = 0;
    return made;
}

request *request_push(lua_State *L, shared *server, wsgi_request id) {
    int keeps = shared_of_state(L) != server;
    request *made = push(L, server, id, keeps);
    luaL_getmetatable(L, keeps ? KEEPING_REQUEST : REQUEST);
    lua_setmetatable(L, -2);
    return made;
}

request *request_push_fast(lua_State *L, shared *server, wsgi_request id, int metatable) {
    request *made = push(L, server, id, 0);
    lua_pushvalue(L, metatable);
    lua_setmetatable(L, -2);
    return made;
}

request *request_check(lua_State *L, int index) {
    request *found = compat_testudata(L, index, REQUEST);
    if (found == NULL) found = compat_testudata(L, index, KEEPING_REQUEST);
    if (found == NULL) luaL_checkudata(L, index, REQUEST); /* its words are the usual ones */
    if (found->server->handle == NULL) luaL_error(L, "wsgiserver: the server has been closed");
    return found;
}

int32_t request_result(lua_State *L, const char *function, int32_t status) {
    return status < 0 ? error_raise(L, function, status) : status;
}

static int request_gc(lua_State *L) {
    request *request = lua_touserdata(L, 1);
    if (request->keeps) shared_release(request->server);
    request->keeps = 0;
    return 0;
}

/* aborted(): false while the client waits, else what has happened */
static int aborted(lua_State *L) {
    static const char *const what[] = {NULL, "half-closed", "left", "stopping"};
    request *request = request_check(L, 1);
    int32_t status =
        request_result(L, "aborted", wsgi_request_aborted(request->server->handle, request->id));
    if (status == 0 || status > 3)
        lua_pushboolean(L, status != 0);
    else
        lua_pushstring(L, what[status]);
    return 1;
}

/* detach(): the name by which any Lua state finds it again, with server:request(name) */
static int detach(lua_State *L) {
    char name[24];
    request *request = request_check(L, 1);
    request_result(L, "detach", wsgi_request_detach(request->server->handle, request->id));
    request->detached = 1;
    snprintf(name, sizeof name, "%llx", (unsigned long long)request->id);
    lua_pushstring(L, name);
    return 1;
}

static int interrupt(lua_State *L) {
    request_check(L, 1)->interrupted = 1;
    return 0;
}

static int deadline(lua_State *L) {
    request *request = request_check(L, 1);
    lua_Number seconds = luaL_checknumber(L, 2);
    luaL_argcheck(L, seconds >= 0 && seconds <= 1e9, 2, "not a number of seconds");
    request_result(
        L, "deadline",
        wsgi_request_set_deadline(request->server->handle, request->id, (int64_t)(seconds * 1000)));
    return 0;
}

static int log_text(lua_State *L) {
    request *request = request_check(L, 1);
    size_t length;
    int32_t level = WSGI_LEVEL_INFO;
    int has_level = lua_gettop(L) > 2;
    if (has_level) {
        level = log_level(luaL_checkstring(L, 2));
        luaL_argcheck(L, level != 0, 2, "not one of debug, info, warning, error");
    }
    const char *text = luaL_checklstring(L, 2 + has_level, &length);
    request_result(L, "log",
                   wsgi_request_log(request->server->handle, request->id, level, text, length));
    return 0;
}

static int push_text(lua_State *L, const char *name,
                     wsgi_status (*get)(const wsgi_server *, wsgi_request, char *, size_t,
                                        size_t *)) {
    char text[TEXT];
    size_t length;
    request *request = request_check(L, 1);
    request_result(L, name, get(request->server->handle, request->id, text, sizeof text, &length));
    lua_pushlstring(L, text, length);
    return 1;
}

static int id(lua_State *L) { return push_text(L, "id", wsgi_request_id); }
static int peer(lua_State *L) { return push_text(L, "peer", wsgi_request_peer_addr); }

static const luaL_Reg methods[] = {
    {"aborted", aborted}, {"detach", detach}, {"interrupt", interrupt}, {"deadline", deadline},
    {"log", log_text},    {"id", id},         {"peer", peer},           {NULL, NULL},
};

/* env and headers are made when they are first asked for, and kept. */
static int kept(lua_State *L, const char *name) {
    compat_push_own_table(L, 1);
    lua_getfield(L, -1, name);
    if (!lua_isnil(L, -1)) return 1;
    lua_pop(L, 1);
    if (strcmp(name, "env") == 0)
        environ_push(L, 1);
    else
        headers_push(L, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, name);
    return 1;
}

static int push_key(lua_State *L, uint32_t key) {
    wsgi_str value = {NULL, 0};
    request *request = request_check(L, 1);
    request_result(L, "request",
                   wsgi_request_get(request->server->handle, request->id, key, &value));
    lua_pushlstring(L, value.ptr ? value.ptr : "", value.len);
    return 1;
}

/* request.NAME: a method, or one of the fields */
static int request_index(lua_State *L) {
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (!lua_isnil(L, -1)) return 1;
    request *request = request_check(L, 1);
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (strcmp(name, "env") == 0 || strcmp(name, "headers") == 0) return kept(L, name);
    if (strcmp(name, "method") == 0) return push_key(L, WSGI_KEY_REQUEST_METHOD);
    if (strcmp(name, "path") == 0) return push_key(L, WSGI_KEY_PATH_INFO);
    if (strcmp(name, "query") == 0) return push_key(L, WSGI_KEY_QUERY_STRING);
    if (strcmp(name, "server") == 0) {
        server_push(L, request->server);
        return 1;
    }
    return 0;
}

static int request_tostring(lua_State *L) {
    request *request = lua_touserdata(L, 1);
    char text[64];
    snprintf(text, sizeof text, "wsgiserver.request (%llx)", (unsigned long long)request->id);
    lua_pushstring(L, text);
    return 1;
}

static void open_kind(lua_State *L, const char *name, int keeps) {
    luaL_newmetatable(L, name);
    lua_newtable(L);
    compat_setfuncs(L, methods);
    body_open(L);
    answer_open(L);
    lua_pushcclosure(L, request_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, request_tostring);
    lua_setfield(L, -2, "__tostring");
    if (keeps) {
        lua_pushcfunction(L, request_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
}

void request_open(lua_State *L) {
    open_kind(L, REQUEST, 0);
    open_kind(L, KEEPING_REQUEST, 1);
}
