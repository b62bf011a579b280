#define _XOPEN_SOURCE 700 /* realpath is an XSI function */
#include "worker.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "log.h"
#include "module.h"
#include "request.h"

/* The stack of an idle state: what a request needs before anything may fail. */
enum { SLOT_TRACEBACK = 1, SLOT_ENTRY = 2, SLOT_FAILED = 3, SLOTS = 3 };

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static const char no_text[] = "an error that is no text, or no memory to tell it";
static char entry_key, traceback_key, failed_key;

static int load(lua_State *L);
static void prepare_stack(lua_State *L);
static void refresh(worker *worker);
static int failed(lua_State *L);
static int32_t answer_trouble(const worker *worker, wsgi_request request);

worker *worker_new(shared *server, char *reason, size_t capacity) {
    worker *made = calloc(1, sizeof *made);
    if (made != NULL) made->L = luaL_newstate();
    if (made == NULL || made->L == NULL) {
        free(made);
        snprintf(reason, capacity, "not enough memory for a Lua state");
        return NULL;
    }
    made->server = server;
    lua_State *L = made->L;
    pthread_mutex_lock(&loading);
#if LUA_VERSION_NUM < 502
    int failed = lua_cpcall(L, load, made);
#else
    lua_pushcfunction(L, load); /* without memory of its own */
    lua_pushlightuserdata(L, made);
    int failed = lua_pcall(L, 1, 0, 0);
#endif
    pthread_mutex_unlock(&loading);
    if (failed == 0) {
        prepare_stack(L);
        return made;
    }
    const char *message = lua_tostring(L, -1);
    snprintf(reason, capacity, "%s", message ? message : "an error that is no text");
    worker_free(made);
    return NULL;
}

void worker_free(worker *worker) {
    lua_close(worker->L);
    watch_free(&worker->watch);
    free(worker->trouble);
    free(worker);
}

static int no_exit(lua_State *L) {
    return luaL_error(L,
                      "os.exit is not for a worker of wsgiserver, since it would cut the requests "
                      "of all others; request.server:stop() ends the server");
}

/* Takes the lines off the end of the traceback on top that only say that C has called. */
static void push_trimmed(lua_State *L) {
    size_t length;
    const char *text = lua_tolstring(L, -1, &length);
    for (size_t line = length; line > 0;) {
        if (text[--line] != '\n') continue;
        const char *rest = text + line + 1;
        if (strncmp(rest, "\t[C]:", 5) != 0 && strcmp(rest, "stack traceback:") != 0 &&
            strncmp(rest, "stack traceback:\n", 17) != 0)
            break;
        length = line;
    }
    lua_pushlstring(L, text, length);
}

/* The error, with the stack behind it where it is a text. */
static int traceback(lua_State *L) {
    if (lua_istable(L, 1) && (error_status(L, 1) < 0 || entry_is_answer(L, 1))) return 1;
    const char *message = compat_tolstring(L, 1, NULL);
    compat_traceback(L, message, 1);
    push_trimmed(L);
    return 1;
}

/* `init` or the application; an error gets its name in front. */
static int load_program(lua_State *L) {
    const shared *server = lua_touserdata(L, lua_upvalueindex(1));
    if (lua_toboolean(L, lua_upvalueindex(2))) {
        program_load(L, &server->init);
        if (server->init.is_function) lua_call(L, 0, 0);
        return 0;
    }
    program_load_application(L, &server->app);
    return 1;
}

static void run(lua_State *L, shared *server, const program *program, int results) {
    lua_pushcfunction(L, traceback);
    lua_pushlightuserdata(L, server);
    lua_pushboolean(L, program == &server->init);
    lua_pushcclosure(L, load_program, 2);
    if (lua_pcall(L, 0, results, -2) != 0) {
        compat_tolstring(L, -1, NULL);
        lua_pushfstring(L, "wsgiserver: %s: %s", program->what, lua_tostring(L, -1));
        lua_error(L);
    }
    lua_remove(L, -1 - results);
}

static void set_paths(lua_State *L, const shared *server) {
    lua_getglobal(L, "package");
    lua_pushstring(L, server->path);
    if (program_push_folder(L, &server->app)) {
        lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;", lua_tostring(L, -1), lua_tostring(L, -1));
        lua_remove(L, -2);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    lua_setfield(L, -2, "path");
    lua_pushstring(L, server->cpath);
    lua_setfield(L, -2, "cpath");
    lua_getfield(L, -1, "loaded");
    lua_pushcfunction(L, luaopen_wsgiserver);
    lua_call(L, 0, 1);
    lua_setfield(L, -2, "wsgiserver");
    lua_pop(L, 2);
}

/* Orbit finds its static files and pages in wsapi.app_path, which WSAPI's launchers set. */
static void set_app_path(lua_State *L, const program *program) {
    static const char code[] =
        "local found, wsapi = pcall(require, 'wsapi')\n"
        "if found and type(wsapi) == 'table' then wsapi.app_path = ... end\n";
    char full[PATH_MAX];
    if (!program_push_folder(L, program)) return;
    if (realpath(lua_tostring(L, -1), full) != NULL) {
        if (luaL_loadbuffer(L, code, sizeof code - 1, "=wsgiserver")) lua_error(L);
        lua_pushstring(L, full);
        lua_call(L, 1, 0);
    }
    lua_pop(L, 1);
}

static int load(lua_State *L) {
    worker *made = lua_touserdata(L, 1);
    shared *server = made->server;
    luaL_openlibs(L);
    shared_set_state(L, server);
    set_paths(L, server);
    lua_getglobal(L, "os");
    lua_pushcfunction(L, no_exit);
    lua_setfield(L, -2, "exit");
    if (server->is_wsapi) set_app_path(L, &server->app);
    lua_settop(L, 0);
    if (server->init.kind != PROGRAM_NONE) run(L, server, &server->init, 0);
    lua_pushlightuserdata(L, &entry_key);
    run(L, server, &server->app, 1);
    entry_make(L, server->is_wsapi);
    lua_rawset(L, LUA_REGISTRYINDEX);
    lua_pushlightuserdata(L, &traceback_key);
    lua_pushcfunction(L, traceback);
    lua_rawset(L, LUA_REGISTRYINDEX);
    lua_pushlightuserdata(L, &failed_key);
    lua_pushcfunction(L, failed);
    lua_rawset(L, LUA_REGISTRYINDEX);
    if (server->reload) watch_state(L, &made->watch, &server->app, &server->init);
    return 0;
}

static void prepare_stack(lua_State *L) {
    lua_settop(L, 0);
    lua_pushlightuserdata(L, &traceback_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_pushlightuserdata(L, &entry_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_pushlightuserdata(L, &failed_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
}

int32_t worker_begin(void *user_data, uint32_t index, void **thread_data, char *reason,
                     size_t capacity) {
    shared *server = user_data;
    (void)index;
    pthread_mutex_lock(&server->lock);
    worker *worker = server->spare;
    server->spare = NULL;
    pthread_mutex_unlock(&server->lock);
    if (worker == NULL) worker = worker_new(server, reason, capacity);
    *thread_data = worker;
    return worker == NULL;
}

void worker_end(void *user_data, uint32_t index, void *thread_data) {
    shared *server = user_data;
    (void)index;
    worker_free(thread_data);
    mailbox_ring(&server->mailbox); /* the server may be stopping */
}

int32_t worker_handle(void *user_data, void *thread_data, wsgi_server *server,
                      wsgi_request request) {
    worker *worker = thread_data;
    call call = {worker->server, request, WSGI_DONE};
    (void)user_data, (void)server;
    if (worker->server->reload) refresh(worker);
    if (worker->trouble) return answer_trouble(worker, request);
    lua_State *L = worker->L;
    lua_pushvalue(L, SLOT_ENTRY);
    lua_pushlightuserdata(L, &call);
    if (lua_pcall(L, 1, 0, SLOT_TRACEBACK) != 0) {
        call.result = -1;
        lua_pushvalue(L, SLOT_FAILED);
        lua_insert(L, -2);
        lua_pushlightuserdata(L, &call);
        if (lua_pcall(L, 2, 0, 0) != 0)
            log_line(worker->server->log, WSGI_LEVEL_ERROR, no_text, sizeof no_text - 1);
    }
    lua_settop(L, SLOTS);
    return call.result;
}

/* What an error of the application means for its client. Arguments: the error, the call. */
static int failed(lua_State *L) {
    call *call = lua_touserdata(L, 2);
    size_t length;
    int32_t status = error_status(L, 1);
    if (status < 0) { /* the client left or sent something wrong: no fault of the application's */
        call->result = status;
        return 0;
    }
    lua_settop(L, 1);
    if (entry_is_answer(L, 1)) {
        lua_pushcfunction(L, entry_answer_error);
        lua_pushvalue(L, 1);
        lua_pushlightuserdata(L, call);
        if (lua_pcall(L, 2, 0, 0) == 0) {
            call->result = WSGI_DONE;
            return 0;
        }
    }
    const char *text = lua_tolstring(L, -1, &length);
    if (text == NULL) text = no_text, length = sizeof no_text - 1;
    if (wsgi_request_log(call->server->handle, call->request, WSGI_LEVEL_ERROR, text, length) < 0)
        log_line(call->server->log, WSGI_LEVEL_ERROR, text, length);
    return 0;
}

/* Whether the log has not been told of this yet: all workers try again with each request, until the
 * file is mended. NULL: nothing is wrong. */
static int complain(shared *server, const char *reason) {
    pthread_mutex_lock(&server->lock);
    const char *before = server->complaint;
    int is_new = reason != NULL && (before == NULL || strcmp(reason, before) != 0);
    if (is_new || reason == NULL) {
        free(server->complaint);
        server->complaint = reason ? strdup(reason) : NULL;
    }
    pthread_mutex_unlock(&server->lock);
    return is_new;
}

/* With the option reload: a new state in the place of one whose files have changed. */
static void refresh(worker *worker) {
    char reason[1024];
    if (worker->trouble == NULL && !watch_has_changed(&worker->watch)) return;
    struct worker *fresh = worker_new(worker->server, reason, sizeof reason);
    free(worker->trouble);
    worker->trouble = NULL;
    if (fresh == NULL) {
        worker->trouble = strdup(reason);
        if (complain(worker->server, reason))
            log_line(worker->server->log, WSGI_LEVEL_ERROR, reason, strlen(reason));
        return;
    }
    complain(worker->server, NULL);
    struct worker old = *worker;
    *worker = *fresh;
    *fresh = old;
    worker_free(fresh);
}

/* The developer looks at the browser, not at the log. */
static int32_t answer_trouble(const worker *worker, wsgi_request request) {
    static const char head[] = "500 Internal Server Error\r\nContent-Type: text/plain\r\n";
    return wsgi_respond_flat(worker->server->handle, request, head, sizeof head - 1,
                             worker->trouble, strlen(worker->trouble));
}
