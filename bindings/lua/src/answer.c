/* Answering a request. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "head.h"
#include "request.h"

enum { PARTS = 16 };

static const char *text_argument(lua_State *L, int index, size_t *length) {
    if (lua_isnoneornil(L, index)) {
        *length = 0;
        return "";
    }
    return luaL_checklstring(L, index, length);
}

/* respond(status, headers, body): all of it in one call */
static int respond(lua_State *L) {
    head head;
    size_t length;
    request *request = request_check(L, 1);
    const char *body = text_argument(L, 4, &length);
    lua_settop(L, 4);
    head_take(L, 2, 3, &head);
    request_result(L, "respond",
                   wsgi_respond(request->server->handle, request->id, head.status, head.headers,
                                head.count, body, length));
    return 0;
}

static int start_with(lua_State *L, const char *name, int restart) {
    head head;
    request *request = request_check(L, 1);
    lua_settop(L, 3);
    head_take(L, 2, 3, &head);
    request_result(L, name,
                   wsgi_start_response(request->server->handle, request->id, head.status,
                                       head.headers, head.count, restart));
    return 0;
}

/* start(status, headers): then write and finish */
static int start(lua_State *L) { return start_with(L, "start", 0); }

/* restart(status, headers): another head, if none was sent yet */
static int restart(lua_State *L) { return start_with(L, "restart", 1); }

/* write(text, ...): together they are one chunk */
static int write_method(lua_State *L) {
    wsgi_str parts[PARTS];
    request *request = request_check(L, 1);
    int last = lua_gettop(L);
    for (int i = 2; i <= last;) {
        size_t count = 0;
        for (; i <= last && count < PARTS; i++, count++)
            parts[count].ptr = luaL_checklstring(L, i, &parts[count].len);
        request_result(L, "write",
                       wsgi_writev(request->server->handle, request->id, parts, count, 0));
    }
    return 0;
}

/* The descriptor of the file that is named, or open; *opened is to be closed, or -1. */
static int file_argument(lua_State *L, int index, int *opened) {
    *opened = -1;
    if (lua_type(L, index) == LUA_TNUMBER) return (int)lua_tointeger(L, index);
    FILE **file = compat_testudata(L, index, LUA_FILEHANDLE); /* first in every Lua's struct */
    if (file != NULL) {
        luaL_argcheck(L, *file != NULL, index, "the file is closed");
        return fileno(*file);
    }
    const char *name = luaL_checkstring(L, index);
    *opened = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*opened < 0) luaL_error(L, "wsgiserver: sendfile: %s: %s", name, strerror(errno));
    return *opened;
}

/* sendfile(file [, offset [, length]]): the rest of the answer; file is a name, an open file or a
 * descriptor */
static int sendfile_method(lua_State *L) {
    int opened;
    request *request = request_check(L, 1);
    lua_Number offset = luaL_optnumber(L, 3, 0);
    lua_Number length = luaL_optnumber(L, 4, -1);
    int descriptor = file_argument(L, 2, &opened);
    wsgi_status status = wsgi_send_file(request->server->handle, request->id, descriptor,
                                        (int64_t)offset, (int64_t)length);
    if (opened >= 0) close(opened);
    request_result(L, "sendfile", status);
    return 0;
}

static int finish(lua_State *L) {
    request *request = request_check(L, 1);
    request_result(L, "finish", wsgi_finish(request->server->handle, request->id));
    return 0;
}

static int abort_method(lua_State *L) {
    request *request = request_check(L, 1);
    request_result(L, "abort", wsgi_abort(request->server->handle, request->id));
    return 0;
}

static int flush(lua_State *L) {
    request *request = request_check(L, 1);
    request_result(L, "flush", wsgi_flush(request->server->handle, request->id, 0));
    return 0;
}

/* inform(status, headers): an interim answer, like 103 */
static int inform(lua_State *L) {
    head head;
    request *request = request_check(L, 1);
    lua_settop(L, 3);
    head_take(L, 2, 3, &head);
    request_result(
        L, "inform",
        wsgi_inform(request->server->handle, request->id, head.status, head.headers, head.count));
    return 0;
}

/* trailer(name, value): a field behind the body */
static int trailer(lua_State *L) {
    wsgi_str name, value;
    request *request = request_check(L, 1);
    name.ptr = luaL_checklstring(L, 2, &name.len);
    value.ptr = luaL_checklstring(L, 3, &value.len);
    request_result(L, "trailer",
                   wsgi_add_trailer(request->server->handle, request->id, name, value));
    return 0;
}

static const luaL_Reg methods[] = {
    {"respond", respond},
    {"start", start},
    {"restart", restart},
    {"write", write_method},
    {"sendfile", sendfile_method},
    {"finish", finish},
    {"abort", abort_method},
    {"flush", flush},
    {"inform", inform},
    {"trailer", trailer},
    {NULL, NULL},
};

void answer_open(lua_State *L) { compat_setfuncs(L, methods); }
