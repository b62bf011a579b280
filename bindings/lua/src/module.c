#define _POSIX_C_SOURCE 200809L
#include "module.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <wsgiserver.h>

#include "environ.h"
#include "log.h"
#include "request.h"
#include "server.h"

static int version(lua_State *L) {
    lua_pushstring(L, wsgi_version());
    return 1;
}

/* options(): a list of what the library's options are, for a program's help */
static int options(lua_State *L) {
    wsgi_option_info info = {0};
    info.struct_size = sizeof info;
    lua_newtable(L);
    for (size_t i = 0; i < wsgi_server_option_count(); i++) {
        if (wsgi_server_option_info(i, &info) < 0) continue;
        lua_createtable(L, 0, 5);
        const char *const fields[][2] = {{"name", info.name},
                                         {"type", info.type},
                                         {"default", info.default_value},
                                         {"accepts", info.accepts},
                                         {"help", info.help}};
        for (size_t j = 0; j < sizeof fields / sizeof *fields; j++) {
            lua_pushstring(L, fields[j][1]);
            lua_setfield(L, -2, fields[j][0]);
        }
        lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
    }
    return 1;
}

/* chdir(folder): the working directory of the process from here on; returns the one before, or nil and
 * why it cannot be changed */
static int change_folder(lua_State *L) {
    char before[PATH_MAX];
    const char *folder = luaL_checkstring(L, 1);
    if (getcwd(before, sizeof before) == NULL || chdir(folder) != 0) {
        lua_pushnil(L);
        lua_pushfstring(L, "%s: %s", folder, strerror(errno));
        return 2;
    }
    lua_pushstring(L, before);
    return 1;
}

static const luaL_Reg functions[] = {
    {"new", server_new},  {"log", log_from_lua},    {"version", version},
    {"options", options}, {"chdir", change_folder}, {NULL, NULL},
};

int luaopen_wsgiserver(lua_State *L) {
    error_open(L);
    environ_open(L);
    request_open(L);
    server_open(L);
    lua_newtable(L);
    compat_setfuncs(L, functions);
    return 1;
}
