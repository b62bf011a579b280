#define _POSIX_C_SOURCE 200809L
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "log.h"
#include "tls.h"
#include "worker.h"

static void take_own(lua_State *L, int index, shared *server);
static void take_programs(lua_State *L, int index, shared *server);
static void make_server(lua_State *L, int index, shared *server);
static void take_rest(lua_State *L, int index, shared *server);
static void set_handlers(lua_State *L, shared *server);
static void try_application(lua_State *L, shared *server);

/* What is ours; every other key is an option of the library's. */
static const char *const own_options[] = {"bind",    "fd",     "app",     "wsapi", "init", "log",
                                          "signals", "reload", "environ", "tls",   NULL};

void options_take(lua_State *L, int index, shared *server) {
    index = compat_absindex(L, index);
    take_own(L, index, server);
    take_programs(L, index, server);
    make_server(L, index, server);
    take_rest(L, index, server);
    lua_getfield(L, index, "tls");
    tls_take(L, server);
    lua_pop(L, 1);
    set_handlers(L, server);
    if (server->app.kind != PROGRAM_NONE) try_application(L, server);
}

static char *copy(lua_State *L, const char *text) {
    char *made = strdup(text);
    if (made == NULL) luaL_error(L, "wsgiserver: not enough memory");
    return made;
}

/* log: the name of a file, or false for none; unset: standard error. */
static void take_log(lua_State *L, shared *server) {
    if (lua_isnil(L, -1) || (lua_isboolean(L, -1) && lua_toboolean(L, -1))) return;
    if (lua_isboolean(L, -1)) {
        server->log = -1;
        return;
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "wsgiserver: log is a %s, and can be a file's name or false",
                   luaL_typename(L, -1));
    const char *name = lua_tostring(L, -1);
    server->log = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (server->log < 0) luaL_error(L, "wsgiserver: log: %s: %s", name, strerror(errno));
    server->owns_log = 1;
}

static void take_variables(lua_State *L, shared *server) {
    size_t count = 0;
    if (lua_isnil(L, -1)) return;
    if (!lua_istable(L, -1))
        luaL_error(L, "wsgiserver: environ is a %s, not a table", luaL_typename(L, -1));
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "wsgiserver: names and values of environ are texts");
        count++;
    }
    server->variables = calloc(2 * count + 1, sizeof *server->variables);
    if (server->variables == NULL) luaL_error(L, "wsgiserver: not enough memory");
    char **at = server->variables;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        *at++ = copy(L, lua_tostring(L, -2));
        *at++ = copy(L, lua_tostring(L, -1));
    }
}

static void take_own(lua_State *L, int index, shared *server) {
    lua_getfield(L, index, "log");
    take_log(L, server);
    lua_getfield(L, index, "environ");
    take_variables(L, server);
    lua_getfield(L, index, "reload");
    server->reload = lua_toboolean(L, -1);
    lua_getfield(L, index, "signals");
    if (!lua_isnil(L, -1)) server->signals = lua_toboolean(L, -1) ? SIGNALS_ALWAYS : SIGNALS_NEVER;
    lua_pop(L, 4);
}

static void take_programs(lua_State *L, int index, shared *server) {
    lua_getfield(L, index, "app");
    lua_getfield(L, index, "wsapi");
    lua_getfield(L, index, "init");
    int has_app = !lua_isnil(L, -3), has_wsapi = !lua_isnil(L, -2), has_init = !lua_isnil(L, -1);
    if (has_app && has_wsapi) luaL_error(L, "wsgiserver: app and wsapi exclude each other");
    if (has_init && !has_app && !has_wsapi)
        luaL_error(L,
                   "wsgiserver: init is for the states of workers, and without app or wsapi there "
                   "are none");
    if (server->reload && !has_app && !has_wsapi)
        luaL_error(L, "wsgiserver: reload is for an application, and there is none");
    if (has_app) program_take(L, -3, "app", &server->app);
    if (has_wsapi) program_take(L, -2, "wsapi", &server->app);
    if (has_init) program_take(L, -1, "init", &server->init);
    server->is_wsapi = has_wsapi;
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_getfield(L, -2, "cpath");
    server->path = copy(L, luaL_checkstring(L, -2));
    server->cpath = copy(L, luaL_checkstring(L, -1));
    lua_pop(L, 6);
}

static void listen_on(lua_State *L, shared *server, int index) {
    wsgi_error *error = NULL;
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L,
                   "wsgiserver: bind is a %s, and can be an address like '127.0.0.1:8080' or a "
                   "list of them",
                   luaL_typename(L, index));
    if (wsgi_server_listen(server->handle, lua_tostring(L, index), &error) < 0)
        error_raise_text(L, error);
}

static void make_server(lua_State *L, int index, shared *server) {
    wsgi_error *error = NULL;
    if (wsgi_server_new(NULL, NULL, NULL, NULL, &server->handle, &error) < 0)
        error_raise_text(L, error);
    lua_getfield(L, index, "fd");
    lua_getfield(L, index, "bind");
    if (lua_istable(L, -1)) {
        for (int i = 1, last = (int)lua_rawlen(L, -1); i <= last; i++) {
            lua_rawgeti(L, -1, i);
            listen_on(L, server, -1);
            lua_pop(L, 1);
        }
    } else if (!lua_isnil(L, -1)) {
        listen_on(L, server, -1);
    } else if (lua_isnil(L, -2)) {
        luaL_error(L, "wsgiserver: bind is missing: an address like '127.0.0.1:8080', "
                      "'unix:/run/app.sock', or a list of them");
    }
    if (!lua_isnil(L, -2) &&
        wsgi_server_listen_fd(server->handle, (int)luaL_checkinteger(L, -2), &error) < 0)
        error_raise_text(L, error);
    lua_pop(L, 2);
}

static int is_own(const char *name) {
    for (const char *const *own = own_options; *own; own++)
        if (strcmp(*own, name) == 0) return 1;
    return 0;
}

static void take_rest(lua_State *L, int index, shared *server) {
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        wsgi_error *error = NULL;
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "wsgiserver: the name of an option is a %s", luaL_typename(L, -2));
        const char *name = lua_tostring(L, -2);
        if (is_own(name)) continue;
        if (strcmp(name, "threads") == 0) name = "numthreads";
        if (lua_isboolean(L, -1)) {
            lua_pushstring(L, lua_toboolean(L, -1) ? "1" : "0");
        } else if (lua_isstring(L, -1)) {
            lua_pushvalue(L, -1);
        } else {
            luaL_error(L, "wsgiserver: the option '%s' is a %s, not a text, a number or a boolean",
                       name, luaL_typename(L, -1));
        }
        if (wsgi_server_set(server->handle, name, lua_tostring(L, -1), &error) < 0)
            error_raise_text(L, error);
        lua_pop(L, 1);
    }
}

static void set_handlers(lua_State *L, shared *server) {
    wsgi_error *error = NULL;
    wsgi_handlers handlers = {0};
    handlers.struct_size = sizeof handlers;
    handlers.error_log = log_from_server;
    if (server->app.kind != PROGRAM_NONE) {
        handlers.thread_start = worker_begin;
        handlers.thread_stop = worker_end;
        handlers.gateway = worker_handle;
    }
    if (wsgi_server_set_handlers(server->handle, &handlers, server, NULL, &error) < 0)
        error_raise_text(L, error);
}

/* What is wrong with the application is told now. The state is the first worker's. */
static void try_application(lua_State *L, shared *server) {
    char reason[4096], threads[16];
    if (wsgi_server_get(server->handle, "numthreads", threads, sizeof threads, NULL) == WSGI_OK &&
        strcmp(threads, "0") == 0)
        luaL_error(L, "wsgiserver: an application needs at least one thread");
    server->spare = worker_new(server, reason, sizeof reason);
    if (server->spare == NULL) {
        lua_pushstring(L, reason);
        lua_error(L);
    }
}
