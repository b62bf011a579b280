/* for request in server:requests() do ... end */
#include "request.h"
#include "server.h"
#include "signals.h"

/* Ends the request of the last turn, unless the loop has answered or detached it: nobody waits for
 * an answer that does not come. */
static void settle(lua_State *L) {
    request *last = lua_touserdata(L, lua_upvalueindex(2));
    if (last == NULL || last->detached || last->server->handle == NULL) return;
    /* one that has ended is WSGI_GONE, which is fine; one without an answer gets 500 */
    wsgi_finish(last->server->handle, last->id);
}

/* Upvalues: the server, the last request, the timeout in milliseconds. */
static int next_request(lua_State *L) {
    shared *server = server_check(L, lua_upvalueindex(1));
    int32_t timeout = (int32_t)lua_tointeger(L, lua_upvalueindex(3));
    settle(L);
    lua_pushnil(L);
    lua_replace(L, lua_upvalueindex(2));
    for (;;) {
        while (server->next_event < server->event_count) {
            const wsgi_event *event = &server->events[server->next_event++];
            if (event->kind != WSGI_EVENT_REQUEST) continue;
            request_push(L, server, event->request);
            lua_pushvalue(L, -1);
            lua_replace(L, lua_upvalueindex(2));
            return 1;
        }
        server->next_event = server->event_count = 0;
        server->events[0].struct_size = sizeof server->events[0];
        int32_t count = wsgi_worker_next(server->puller, server->events, EVENTS, timeout);
        if (count > 0) {
            server->event_count = count;
            continue;
        }
        if (server->signals != SIGNALS_ALWAYS) signals_release(server);
        return count == WSGI_AGAIN || count == WSGI_E_STOPPING ? 0
                                                               : error_raise(L, "requests", count);
    }
}

/* requests([timeout]): starts the server if it does not run; the loop ends with the server, or when
 * no request has come for so many seconds */
int server_requests(lua_State *L) {
    wsgi_error *error = NULL;
    shared *server = server_check(L, 1);
    lua_Number timeout = luaL_optnumber(L, 2, -1);
    luaL_argcheck(L, timeout < 2e6, 2, "not a number of seconds");
    if (server->app.kind != PROGRAM_NONE)
        return luaL_error(L,
                          "wsgiserver: requests: the server has an application, which gets them");
    if (server->signals != SIGNALS_NEVER && signals_take(server) != 0)
        return luaL_error(L, "wsgiserver: too many servers wait for signals");
    if (server->puller == NULL) {
        if (wsgi_server_listener_count(server->handle) == 0) server_start(L, server);
        if (wsgi_worker_new(server->handle, &server->puller, &error) < 0)
            return error_raise_text(L, error);
    }
    lua_settop(L, 1);
    lua_pushnil(L);
    lua_pushinteger(L, timeout < 0 ? -1 : (lua_Integer)(timeout * 1000));
    lua_pushcclosure(L, next_request, 3);
    return 1;
}
