#include "environ.h"

#include <ctype.h>
#include <string.h>

#include "request.h"

#define ENVIRON "wsgiserver.environ"
#define INPUT "wsgiserver.input"
#define ERRORS "wsgiserver.errors"
#define HEADERS "wsgiserver.headers"

/* Under this key environ, input, errors and headers hold their request. */
static const char request_key[] = "wsgiserver.request";

/* WSAPI's environ is that of CGI (RFC 3875, 4.1.4). */
static const char gateway_key[] = "GATEWAY_INTERFACE", gateway_interface[] = "CGI/1.1";

static void push_holder(lua_State *L, int index, int fields, const char *kind) {
    index = compat_absindex(L, index);
    lua_createtable(L, 0, fields);
    lua_pushliteral(L, "wsgiserver.request");
    lua_pushvalue(L, index);
    lua_rawset(L, -3);
    luaL_getmetatable(L, kind);
    lua_setmetatable(L, -2);
}

void environ_push(lua_State *L, int request) { push_holder(L, request, 4, ENVIRON); }

void environ_push_wsapi(lua_State *L, int request, int metatable) {
    lua_createtable(L, 0, 4);
    lua_pushliteral(L, "wsgiserver.request");
    lua_pushvalue(L, request);
    lua_rawset(L, -3);
    lua_pushvalue(L, metatable);
    lua_setmetatable(L, -2);
}

void headers_push(lua_State *L, int request) { push_holder(L, request, 1, HEADERS); }

/* The request of the holder at index 1; it stays on the stack. */
static request *held(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushlstring(L, request_key, sizeof request_key - 1);
    lua_rawget(L, 1);
    return request_check(L, lua_gettop(L));
}

/* A key without a number: a field that is not well known. */
static wsgi_str find_pair(lua_State *L, const request *request, const char *key, size_t length) {
    wsgi_str none = {NULL, 0};
    wsgi_environ environ;
    environ.struct_size = sizeof environ;
    request_result(L, "env", wsgi_request_environ(request->server->handle, request->id, &environ));
    for (size_t i = 0; i < environ.count; i++)
        if (environ.pairs[i].key.len == length &&
            memcmp(environ.pairs[i].key.ptr, key, length) == 0)
            return environ.pairs[i].value;
    return none;
}

/* Of the option environ; NULL if it is not there. */
static const char *find_variable(const request *request, const char *key) {
    for (char **at = request->server->variables; at && *at; at += 2)
        if (strcmp(*at, key) == 0) return at[1];
    return NULL;
}

static int push_special(lua_State *L, const char *key);

/* env.KEY; upvalues: the table of well-known keys and their numbers, whether it is WSAPI's */
static int environ_index(lua_State *L) {
    wsgi_str value = {NULL, 0};
    int is_wsapi = lua_toboolean(L, lua_upvalueindex(2));
    if (lua_type(L, 2) != LUA_TSTRING) return 0;
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    uint32_t number = (uint32_t)lua_tointeger(L, -1);
    size_t length;
    const char *key = lua_tolstring(L, 2, &length);
    if (number == 0 && is_wsapi && push_special(L, key)) return 1;
    request *request = held(L);
    const char *variable = request->server->variables ? find_variable(request, key) : NULL;
    if (variable)
        value.ptr = variable, value.len = strlen(variable);
    else if (number)
        request_result(L, "env",
                       wsgi_request_get(request->server->handle, request->id, number, &value));
    else
        value = find_pair(L, request, key, length);
    if (value.ptr == NULL) {
        if (!is_wsapi) return 0;
        if (strcmp(key, gateway_key) != 0) {
            lua_pushliteral(L, "");
            return 1;
        }
        value.ptr = gateway_interface, value.len = sizeof gateway_interface - 1;
    }
    if (number == WSGI_KEY_PATH_INFO && is_wsapi && value.len == 0) value.ptr = "/", value.len = 1;
    lua_pushlstring(L, value.ptr, value.len);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

/* env.input and env.error, made when they are asked for. */
static int push_special(lua_State *L, const char *key) {
    int is_input = strcmp(key, "input") == 0;
    if (!is_input && strcmp(key, "error") != 0) return 0;
    request *request = held(L);
    push_holder(L, -1, 2, is_input ? INPUT : ERRORS);
    if (is_input) {
        wsgi_str length = {NULL, 0};
        request_result(L, "input",
                       wsgi_request_get(request->server->handle, request->id,
                                        WSGI_KEY_CONTENT_LENGTH, &length));
        lua_pushlstring(L, length.ptr ? length.ptr : "", length.len);
        if (lua_isnumber(L, -1)) {
            lua_pushinteger(L, (lua_Integer)lua_tonumber(L, -1));
            lua_setfield(L, -3, "length");
        }
        lua_pop(L, 1);
    }
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

static int fill_environ(lua_State *L) {
    wsgi_environ environ;
    request *request = held(L);
    environ.struct_size = sizeof environ;
    request_result(L, "env", wsgi_request_environ(request->server->handle, request->id, &environ));
    for (size_t i = 0; i < environ.count; i++) {
        lua_pushlstring(L, environ.pairs[i].key.ptr, environ.pairs[i].key.len);
        lua_gettable(L, 1);
        lua_pop(L, 1);
    }
    for (char **at = request->server->variables; at && *at; at += 2) {
        lua_getfield(L, 1, *at);
        lua_pop(L, 1);
    }
    lua_getfield(L, 1, gateway_key);
    lua_pop(L, 1);
    return 0;
}

static int raw_next(lua_State *L) {
    lua_settop(L, 2);
    return lua_next(L, 1) ? 2 : 0;
}

/* pairs(env), from Lua 5.2 on: all of it; 5.1 shows what was touched, or all after env() */
static int environ_pairs(lua_State *L) {
    fill_environ(L);
    lua_pushcfunction(L, raw_next);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* env(): the same table, with all keys in it */
static int environ_call(lua_State *L) {
    lua_settop(L, 1);
    fill_environ(L);
    lua_settop(L, 1);
    return 1;
}

static int headers_index(lua_State *L) {
    wsgi_str name, value = {NULL, 0};
    if (lua_type(L, 2) != LUA_TSTRING) return 0;
    name.ptr = lua_tolstring(L, 2, &name.len);
    request *request = held(L);
    request_result(L, "headers",
                   wsgi_request_header(request->server->handle, request->id, name, &value));
    if (value.ptr == NULL) return 0;
    lua_pushlstring(L, value.ptr, value.len);
    return 1;
}

static void push_lower(lua_State *L, wsgi_str text) {
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (size_t i = 0; i < text.len; i++)
        luaL_addchar(&buffer, (char)tolower((unsigned char)text.ptr[i]));
    luaL_pushresult(&buffer);
}

/* headers(): a new table of all, by their names in lower case; of several with one name the values
 * are joined as the protocol joins them */
static int headers_call(lua_State *L) {
    wsgi_view view;
    lua_settop(L, 1);
    request *request = held(L);
    view.struct_size = sizeof view;
    request_result(L, "headers", wsgi_request_view(request->server->handle, request->id, &view));
    lua_createtable(L, 0, (int)view.count);
    for (size_t i = 0; i < view.count; i++) {
        const wsgi_pair *field = &view.fields[i];
        push_lower(L, field->key);
        lua_pushvalue(L, -1);
        lua_rawget(L, -3);
        int again = !lua_isnil(L, -1);
        if (again)
            lua_pushstring(L, field->key_id == WSGI_KEY_HTTP_COOKIE ? "; " : ", ");
        else
            lua_pop(L, 1);
        lua_pushlstring(L, field->value.ptr, field->value.len);
        if (again) lua_concat(L, 3);
        lua_rawset(L, -3);
    }
    return 1;
}

static int headers_pairs(lua_State *L) {
    headers_call(L);
    lua_pushcfunction(L, raw_next);
    lua_insert(L, -2);
    lua_pushnil(L);
    return 3;
}

/* env.input:read([n]): without a number all of the body; nil at its end */
static int input_read(lua_State *L) {
    lua_settop(L, 2);
    return body_read(L, held(L), 2);
}

static int next_line(lua_State *L) {
    lua_settop(L, 0);
    lua_pushliteral(L, "l");
    return body_read(L, request_check(L, lua_upvalueindex(1)), 1);
}

static int input_lines(lua_State *L) {
    lua_settop(L, 1);
    held(L);
    lua_pushcclosure(L, next_line, 1);
    return 1;
}

/* env.error:write(...): one line of the server's error log */
static int errors_write(lua_State *L) {
    size_t length;
    int last = lua_gettop(L);
    for (int i = 2; i <= last; i++) luaL_checkstring(L, i);
    lua_concat(L, last - 1);
    const char *text = lua_tolstring(L, -1, &length);
    request *request = held(L);
    if (length > 0)
        request_result(
            L, "write",
            wsgi_request_log(request->server->handle, request->id, WSGI_LEVEL_ERROR, text, length));
    lua_pushboolean(L, 1);
    return 1;
}

static int nothing(lua_State *L) {
    (void)L;
    return 0;
}

static const luaL_Reg input_methods[] = {
    {"read", input_read}, {"lines", input_lines}, {NULL, NULL}};
static const luaL_Reg errors_methods[] = {
    {"write", errors_write}, {"flush", nothing}, {NULL, NULL}};

static void open_environ(lua_State *L, const char *name, int is_wsapi) {
    luaL_newmetatable(L, name);
    lua_newtable(L);
    for (uint32_t number = 1; wsgi_key_name(number) != NULL; number++) {
        lua_pushinteger(L, (lua_Integer)number);
        lua_setfield(L, -2, wsgi_key_name(number));
    }
    lua_pushboolean(L, is_wsapi);
    lua_pushcclosure(L, environ_index, 2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, environ_pairs);
    lua_setfield(L, -2, "__pairs");
    lua_pushcfunction(L, environ_call);
    lua_setfield(L, -2, "__call");
    lua_pop(L, 1);
}

static void open_methods(lua_State *L, const char *name, const luaL_Reg *methods) {
    luaL_newmetatable(L, name);
    lua_newtable(L);
    compat_setfuncs(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void environ_open(lua_State *L) {
    open_environ(L, ENVIRON, 0);
    open_environ(L, WSAPI_ENVIRON, 1);
    open_methods(L, INPUT, input_methods);
    open_methods(L, ERRORS, errors_methods);
    luaL_newmetatable(L, HEADERS);
    lua_pushcfunction(L, headers_index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, headers_call);
    lua_setfield(L, -2, "__call");
    lua_pushcfunction(L, headers_pairs);
    lua_setfield(L, -2, "__pairs");
    lua_pop(L, 1);
}
