#include "tls.h"

#include <string.h>

#include "error.h"

/* What the table's keys are called in the library; others are options of the adapter by their
 * names. */
static const char *const names[][2] = {
    {"cert", "certificate"},
    {"key", "private_key"},
    {"chain", "certificate_chain"},
    {"password", "private_key_password"},
};
static const char *const own_keys[] = {
    "cert", "key", "chain", "certificate", "private_key", "certificate_chain", "adapter", "sni"};

/* The text under the key, or under its long name; NULL if there is none. It stays in the table. */
static const char *text_field(lua_State *L, const char *key) {
    lua_getfield(L, -1, key);
    for (size_t i = 0; lua_isnil(L, -1) && i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i][0], key) != 0) continue;
        lua_pop(L, 1);
        lua_getfield(L, -1, names[i][1]);
    }
    if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "wsgiserver: tls: %s is a %s, not a text", key, luaL_typename(L, -1));
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return text;
}

static int is_own(const char *key) {
    for (size_t i = 0; i < sizeof own_keys / sizeof *own_keys; i++)
        if (strcmp(own_keys[i], key) == 0) return 1;
    return 0;
}

static void set_options(lua_State *L, wsgi_ssl_adapter *adapter) {
    wsgi_error *error = NULL;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || is_own(lua_tostring(L, -2))) continue;
        const char *name = lua_tostring(L, -2);
        if (strcmp(name, "password") == 0) name = "private_key_password";
        if (lua_isboolean(L, -1))
            lua_pushstring(L, lua_toboolean(L, -1) ? "1" : "0");
        else
            lua_pushvalue(L, -1);
        if (!lua_isstring(L, -1))
            luaL_error(L, "wsgiserver: tls: %s is a %s, not a text", name, luaL_typename(L, -1));
        if (wsgi_ssl_adapter_set(adapter, name, lua_tostring(L, -1), &error) < 0)
            error_raise_text(L, error);
        lua_pop(L, 1);
    }
}

/* sni: a table of names and of tables with cert, key and chain. */
static void add_names(lua_State *L, wsgi_ssl_adapter *adapter) {
    wsgi_error *error = NULL;
    lua_getfield(L, -1, "sni");
    if (!lua_isnil(L, -1) && !lua_istable(L, -1))
        luaL_error(L, "wsgiserver: tls: sni is a %s, not a table", luaL_typename(L, -1));
    if (lua_istable(L, -1)) {
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
            if (lua_type(L, -2) != LUA_TSTRING || !lua_istable(L, -1))
                luaL_error(
                    L,
                    "wsgiserver: tls: sni has names of hosts, each with a table of cert and key");
            const char *certificate = text_field(L, "cert"), *key = text_field(L, "key");
            if (certificate == NULL)
                luaL_error(L, "wsgiserver: tls: sni: %s has no cert", lua_tostring(L, -2));
            if (wsgi_ssl_adapter_add_sni(adapter, lua_tostring(L, -2), certificate, key,
                                         text_field(L, "chain"), &error) < 0)
                error_raise_text(L, error);
        }
    }
    lua_pop(L, 1);
}

typedef struct making {
    shared *server;
    wsgi_ssl_adapter *adapter;
} making;

/* Arguments: the table, a `making`. */
static int make(lua_State *L) {
    wsgi_error *error = NULL;
    making *making = lua_touserdata(L, 2);
    wsgi_server *handle = making->server->handle;
    lua_settop(L, 1);
    const char *certificate = text_field(L, "cert");
    if (certificate == NULL)
        luaL_error(L,
                   "wsgiserver: tls: cert is missing, the name of a PEM file with the certificate");
    if (wsgi_ssl_adapter_new(handle, text_field(L, "adapter"), certificate, text_field(L, "key"),
                             text_field(L, "chain"), &making->adapter, &error) < 0)
        error_raise_text(L, error);
    set_options(L, making->adapter);
    add_names(L, making->adapter);
    if (wsgi_server_set_ssl_adapter(handle, making->adapter, &error) < 0)
        error_raise_text(L, error);
    return 0;
}

void tls_take(lua_State *L, shared *server) {
    making making = {server, NULL};
    if (lua_isnil(L, -1)) return;
    if (!lua_istable(L, -1))
        luaL_error(L, "wsgiserver: tls is a %s, not a table with cert and key",
                   luaL_typename(L, -1));
    lua_pushcfunction(L, make);
    lua_pushvalue(L, -2);
    lua_pushlightuserdata(L, &making);
    int failed = lua_pcall(L, 2, 0, 0);
    wsgi_ssl_adapter_free(making.adapter);
    if (failed) lua_error(L);
}
