#define _POSIX_C_SOURCE 200809L
#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "options.h"
#include "request.h"
#include "signals.h"

#define SERVER "wsgiserver.server"

enum { TEXT = 512 };

typedef struct handle {
    shared *server; /* NULL: closed */
    int owns;
} handle;

static handle *push_handle(lua_State *L, shared *server, int owns) {
    handle *made = lua_newuserdata(L, sizeof *made);
    made->server = server;
    made->owns = owns;
    luaL_getmetatable(L, SERVER);
    lua_setmetatable(L, -2);
    return made;
}

void server_push(lua_State *L, shared *server) {
    int is_worker = shared_of_state(L) == server;
    push_handle(L, is_worker ? server : shared_keep(server), is_worker ? 0 : -1);
}

int server_new(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    handle *made = push_handle(L, NULL, 1);
    made->server = shared_new();
    if (made->server == NULL) return luaL_error(L, "wsgiserver: not enough memory or descriptors");
    options_take(L, 1, made->server); /* on an error the handle is collected */
    return 1;
}

shared *server_check(lua_State *L, int index) {
    handle *found = luaL_checkudata(L, index, SERVER);
    if (found->server == NULL || found->server->handle == NULL)
        luaL_error(L, "wsgiserver: the server has been closed");
    return found->server;
}

/* close(): stops and frees it, which a collected server is as well */
static int server_close(lua_State *L) {
    handle *found = luaL_checkudata(L, 1, SERVER);
    shared *server = found->server;
    found->server = NULL;
    if (server == NULL || found->owns == 0) return 0;
    wsgi_status status = found->owns > 0 ? shared_close(server) : WSGI_OK;
    shared_release(server);
    lua_pushboolean(L, status == WSGI_OK);
    return 1;
}

/* Signals are caught before the first client can be served: one that came between would be lost. */
static void start_with_signals(lua_State *L, shared *server, int catches) {
    wsgi_error *error = NULL;
    int is_pull = server->app.kind == PROGRAM_NONE, had_signals = server->has_signals;
    if (catches && signals_take(server) != 0)
        luaL_error(L, "wsgiserver: too many servers wait for signals");
    wsgi_status status = is_pull ? wsgi_server_prepare(server->handle, &error)
                                 : wsgi_server_start_background(server->handle, &error);
    if (status < 0) {
        if (!had_signals) signals_release(server);
        error_raise_text(L, error);
    }
}

void server_start(lua_State *L, shared *server) {
    start_with_signals(L, server, server->signals == SIGNALS_ALWAYS);
}

static int start(lua_State *L) {
    server_start(L, server_check(L, 1));
    lua_settop(L, 1);
    return 1;
}

static void wait_for_end(lua_State *L, shared *server) {
    wsgi_status status = wsgi_server_wait(server->handle);
    signals_release(server);
    if (status < 0 && status != WSGI_E_INTERRUPTED) error_raise(L, "wait", status);
}

static int wait_method(lua_State *L) {
    wait_for_end(L, server_check(L, 1));
    return 0;
}

/* run([ready]): start, call ready(server), and wait for the stop; SIGINT and SIGTERM stop it,
 * unless signals is false */
static int run(lua_State *L) {
    shared *server = server_check(L, 1);
    if (server->app.kind == PROGRAM_NONE)
        return luaL_error(L, "wsgiserver: run: the server has no app and no wsapi; "
                             "for request in server:requests() gets its requests");
    start_with_signals(L, server, server->signals != SIGNALS_NEVER);
    if (!lua_isnoneornil(L, 2)) {
        lua_pushvalue(L, 2);
        lua_pushvalue(L, 1);
        if (lua_pcall(L, 1, 0, 0) != 0) {
            wsgi_server_stop(server->handle, NULL);
            signals_release(server);
            return lua_error(L);
        }
    }
    wait_for_end(L, server);
    return 0;
}

/* stop(): how many requests were cut; inside a worker it only asks */
static int stop(lua_State *L) {
    uint32_t cut = 0;
    shared *server = server_check(L, 1);
    wsgi_status status = wsgi_server_stop(server->handle, &cut);
    if (shared_of_state(L) != server) signals_release(server);
    if (status < 0) return error_raise(L, "stop", status);
    lua_pushinteger(L, (lua_Integer)cut);
    return 1;
}

static int push_address(lua_State *L, shared *server, size_t index) {
    char text[TEXT];
    size_t length;
    wsgi_status status =
        wsgi_server_bound_addr_at(server->handle, index, text, sizeof text, &length);
    if (status < 0) return error_raise(L, "address", status);
    lua_pushlstring(L, text, length);
    return 1;
}

static int address(lua_State *L) { return push_address(L, server_check(L, 1), 0); }

static int addresses(lua_State *L) {
    shared *server = server_check(L, 1);
    lua_newtable(L);
    for (size_t i = 0; i < wsgi_server_listener_count(server->handle); i++) {
        push_address(L, server, i);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

/* port(): of the first address; nil for a UNIX socket */
static int port(lua_State *L) {
    push_address(L, server_check(L, 1), 0);
    const char *text = lua_tostring(L, -1), *colon = strrchr(text, ':');
    if (*text == '@' || strncmp(text, "unix:", 5) == 0 || colon == NULL)
        lua_pushnil(L);
    else
        lua_pushinteger(L, atoi(colon + 1));
    return 1;
}

/* option(name): its value, as a text */
static int option(lua_State *L) {
    char text[TEXT];
    size_t length;
    shared *server = server_check(L, 1);
    const char *name = luaL_checkstring(L, 2);
    if (strcmp(name, "threads") == 0) name = "numthreads";
    wsgi_status status = wsgi_server_get(server->handle, name, text, sizeof text, &length);
    if (status == WSGI_E_OPTION) return luaL_error(L, "wsgiserver: no option '%s'", name);
    if (status < 0) return error_raise(L, "option", status);
    lua_pushlstring(L, text, length);
    return 1;
}

static void count(lua_State *L, const char *name, uint64_t value) {
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

static void seconds(lua_State *L, const char *name, double value) {
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

/* As long as it is; it may grow between two calls. The buffer is Lua's, in case that raises. */
static int stats_text(lua_State *L, shared *server, const char *form) {
    wsgi_status status;
    size_t capacity = 16384, length = 0;
    do {
        char *buffer = lua_newuserdata(L, capacity);
        if (strcmp(form, "json") == 0)
            status = wsgi_server_stats_json(server->handle, buffer, capacity, &length);
        else if (strcmp(form, "prometheus") == 0)
            status = wsgi_server_stats_prometheus(server->handle, buffer, capacity, &length);
        else if (strcmp(form, "text") == 0)
            status = wsgi_server_stats_text(server->handle, buffer, capacity, &length);
        else
            return luaL_argerror(L, 2, "not json, prometheus or text");
        if (status >= 0) lua_pushlstring(L, buffer, length);
        capacity = length + 1024;
    } while (status == WSGI_E_LENGTH);
    return status < 0 ? error_raise(L, "stats", status) : 1;
}

/* stats(): a table; stats(form): a text */
static int stats(lua_State *L) {
    wsgi_stats stats = {0};
    shared *server = server_check(L, 1);
    if (!lua_isnoneornil(L, 2)) return stats_text(L, server, luaL_checkstring(L, 2));
    stats.struct_size = sizeof stats;
    wsgi_status status = wsgi_server_stats(server->handle, &stats);
    if (status < 0) return error_raise(L, "stats", status);
    lua_createtable(L, 0, 16);
    lua_pushboolean(L, stats.enabled);
    lua_setfield(L, -2, "enabled");
    count(L, "accepts", stats.accepts);
    count(L, "socket_errors", stats.socket_errors);
    count(L, "requests", stats.requests);
    count(L, "bytes_read", stats.bytes_read);
    count(L, "bytes_written", stats.bytes_written);
    seconds(L, "run_time", stats.run_time);
    seconds(L, "work_time", stats.work_time);
    count(L, "queue", stats.queue);
    count(L, "threads", stats.threads);
    count(L, "threads_idle", stats.threads_idle);
    count(L, "connections", stats.connections);
    count(L, "requests_in_work", stats.requests_in_work);
    return 1;
}

/* request(name): the request that detach has given this name */
static int request_method(lua_State *L) {
    char *end;
    shared *server = server_check(L, 1);
    const char *name = luaL_checkstring(L, 2);
    errno = 0;
    unsigned long long id = strtoull(name, &end, 16);
    luaL_argcheck(L, *name && !*end && errno == 0, 2, "not what request:detach() gives");
    request_push(L, server, (wsgi_request)id)->detached = 1;
    return 1;
}

/* post(text): for the Lua state that receives */
static int post(lua_State *L) {
    size_t length;
    shared *server = server_check(L, 1);
    const char *text = luaL_checklstring(L, 2, &length);
    if (mailbox_put(&server->mailbox, text, length) == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushliteral(L, "too many texts wait for server:receive");
    return 2;
}

/* reloadtls(): reads the certificates again */
static int reload_tls(lua_State *L) {
    wsgi_error *error = NULL;
    shared *server = server_check(L, 1);
    if (wsgi_server_reload_ssl(server->handle, &error) < 0) return error_raise_text(L, error);
    return 0;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int give_up(lua_State *L, const char *why) {
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

/* receive([timeout]): the oldest text that was posted; nil and "timeout" or "stopped" */
static int receive(lua_State *L) {
    shared *server = server_check(L, 1);
    lua_Number timeout = luaL_optnumber(L, 2, -1);
    double end = now() + timeout;
    for (;;) {
        letter *letter = mailbox_take(&server->mailbox);
        if (letter != NULL) {
            lua_pushlstring(L, letter->text, letter->length);
            free(letter);
            return 1;
        }
        double left = end - now();
        if (wsgi_server_ready(server->handle) != 1) return give_up(L, "stopped");
        if (timeout >= 0 && left <= 0) return give_up(L, "timeout");
        mailbox_wait(&server->mailbox, timeout < 0  ? -1
                                       : left > 1e6 ? 1000000000
                                                    : (int)(left * 1000) + 1);
    }
}

static int server_tostring(lua_State *L) {
    handle *found = luaL_checkudata(L, 1, SERVER);
    lua_pushfstring(L, "wsgiserver.server (%s)", found->server ? "open" : "closed");
    return 1;
}

static const luaL_Reg methods[] = {
    {"start", start},
    {"run", run},
    {"wait", wait_method},
    {"stop", stop},
    {"close", server_close},
    {"address", address},
    {"addresses", addresses},
    {"port", port},
    {"option", option},
    {"stats", stats},
    {"request", request_method},
    {"post", post},
    {"receive", receive},
    {"requests", server_requests},
    {"reloadtls", reload_tls},
    {NULL, NULL},
};

void server_open(lua_State *L) {
    luaL_newmetatable(L, SERVER);
    lua_newtable(L);
    compat_setfuncs(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, server_close);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, server_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
}
