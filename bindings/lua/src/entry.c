#define _POSIX_C_SOURCE 200809L
#include "entry.h"

#include <time.h>

#include "environ.h"
#include "head.h"
#include "request.h"

static int32_t result_of(const request *request) {
    return request->interrupted ? WSGI_INTERRUPT : request->detached ? WSGI_DETACHED : WSGI_DONE;
}

/* For how many seconds a client may have half-closed its connection before an empty piece takes it as
 * gone: most that do so have left, but a few still read. */
enum { HALF_CLOSED_FOR = 1 };

static double now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* An application that has nothing to say yet gives an empty piece: the head is sent, if it was not,
 * and a client that has left ends the iterator as it does in a write. *half_closed_at is 0, or when
 * the client was first seen to have half-closed its connection. */
static void look_after_client(lua_State *L, const request *request, double *half_closed_at) {
    enum { HALF_CLOSED = 1, HAS_LEFT };
    wsgi_server *server = request->server->handle;
    request_result(L, "write", wsgi_flush(server, request->id, 0));
    int32_t state = request_result(L, "write", wsgi_request_aborted(server, request->id));
    if (state == HALF_CLOSED && *half_closed_at == 0) *half_closed_at = now();
    if (state == HAS_LEFT || (state == HALF_CLOSED && now() - *half_closed_at >= HALF_CLOSED_FOR))
        request_result(L, "write", WSGI_E_CLIENT);
}

/* Writes the piece on top of the stack. */
static void write_piece(lua_State *L, const request *request, double *half_closed_at) {
    size_t length;
    const char *piece = lua_tolstring(L, -1, &length);
    if (piece == NULL) {
        if (!luaL_getmetafield(L, -1, "__tostring"))
            luaL_error(L, "wsgiserver: the iterator gave a %s, not a text", luaL_typename(L, -1));
        lua_pop(L, 1);
        piece = compat_tolstring(L, -1, &length);
    }
    if (length == 0) {
        look_after_client(L, request, half_closed_at);
        return;
    }
    request_result(L, "write",
                   wsgi_write(request->server->handle, request->id, piece, length, 0));
    *half_closed_at = 0; /* it reads */
}

/* Sends what the application has returned, which stands at 3 (status), 4 (headers) and 5. */
static void send(lua_State *L, const request *request) {
    enum { STATUS = 3, HEADERS = 4, BODY = 5 };
    head head;
    wsgi_server *server = request->server->handle;
    int type = lua_type(L, BODY);
    head_take(L, STATUS, HEADERS, &head);
    if (type == LUA_TNIL || type == LUA_TSTRING) {
        size_t length = 0;
        const char *body = type == LUA_TNIL ? "" : lua_tolstring(L, BODY, &length);
        request_result(
            L, "respond",
            wsgi_respond(server, request->id, head.status, head.headers, head.count, body, length));
        return;
    }
    if (type != LUA_TFUNCTION && !luaL_getmetafield(L, BODY, "__call"))
        luaL_error(L, "wsgiserver: the third result of the application is a %s, not an iterator",
                   luaL_typename(L, BODY));
    request_result(
        L, "start",
        wsgi_start_response(server, request->id, head.status, head.headers, head.count, 0));
    int top = lua_gettop(L);
    double half_closed_at = 0;
    for (;;) {
        lua_pushvalue(L, BODY);
        lua_call(L, 0, 1);
        if (lua_isnil(L, -1)) return;
        write_piece(L, request, &half_closed_at);
        lua_settop(L, top);
    }
}

/* What an application that answers by itself, now or later, has returned does not matter. */
static int has_answer(lua_State *L, const request *request, int is_wsapi) {
    int type = lua_type(L, 3);
    if (request->detached || request->interrupted || type == LUA_TNIL) return 0;
    return is_wsapi || type == LUA_TNUMBER || type == LUA_TSTRING;
}

enum { APPLICATION = 1, IS_WSAPI, REQUEST_METATABLE, ENVIRON_METATABLE, UPVALUES = 4 };

/* function(request) end, or function(env) return status, headers, iterator end */
static int entry(lua_State *L) {
    call *call = lua_touserdata(L, 1);
    int is_wsapi = lua_toboolean(L, lua_upvalueindex(IS_WSAPI));
    request *request = request_push_fast(L, call->server, call->request,
                                         lua_upvalueindex(REQUEST_METATABLE));
    lua_pushvalue(L, lua_upvalueindex(APPLICATION));
    if (is_wsapi)
        environ_push_wsapi(L, 2, lua_upvalueindex(ENVIRON_METATABLE));
    else
        lua_pushvalue(L, 2);
    lua_call(L, 1, 3);
    if (has_answer(L, request, is_wsapi)) send(L, request);
    call->result = result_of(request);
    return 0;
}

void entry_make(lua_State *L, int is_wsapi) {
    lua_pushboolean(L, is_wsapi);
    luaL_getmetatable(L, REQUEST);
    luaL_getmetatable(L, WSAPI_ENVIRON);
    lua_pushcclosure(L, entry, UPVALUES);
}

int entry_is_answer(lua_State *L, int index) {
    if (!lua_istable(L, index)) return 0;
    lua_rawgeti(L, index, 1);
    int is_answer = lua_type(L, -1) == LUA_TNUMBER;
    lua_pop(L, 1);
    return is_answer;
}

int entry_answer_error(lua_State *L) {
    head head;
    size_t length = 0;
    const char *body = "";
    call *call = lua_touserdata(L, 2);
    lua_settop(L, 1);
    lua_rawgeti(L, 1, 1);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "text/plain");
    lua_setfield(L, -2, "Content-Type");
    lua_rawgeti(L, 1, 2);
    if (!lua_isnil(L, 4)) body = compat_tolstring(L, 4, &length);
    head_take(L, 2, 3, &head);
    request_result(L, "respond",
                   wsgi_respond(call->server->handle, call->request, head.status, head.headers,
                                head.count, body, length));
    return 0;
}
