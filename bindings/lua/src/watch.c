#define _POSIX_C_SOURCE 200809L
#include "watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct watched {
    char *name;
    struct stat was;
};

/* package.searchpath is missing in 5.1. */
static const char list_modules[] =
    "local add = ...\n"
    "for name in pairs(package.loaded) do\n"
    "    local path = tostring(name):gsub('%.', '/'):gsub('%%', '%%%%')\n"
    "    for template in package.path:gmatch '[^;]+' do\n"
    "        if add((template:gsub('%?', path))) then break end\n"
    "    end\n"
    "end\n";

/* add(name): whether there is such a file, which then is watched. */
static int add(lua_State *L) {
    watch *watch = lua_touserdata(L, lua_upvalueindex(1));
    const char *name = luaL_checkstring(L, 1);
    struct stat now;
    lua_pushboolean(L, 0);
    if (stat(name, &now) != 0 || !S_ISREG(now.st_mode)) return 1;
    watched *files = realloc(watch->files, (watch->count + 1) * sizeof *files);
    if (files == NULL) return 1;
    watch->files = files;
    char *copy = strdup(name);
    if (copy == NULL) return 1;
    files[watch->count].name = copy;
    files[watch->count++].was = now;
    lua_pushboolean(L, 1);
    return 1;
}

static void add_program(lua_State *L, const program *program) {
    if (program->kind != PROGRAM_FILE) return;
    lua_pushvalue(L, -1);
    lua_pushstring(L, program->text);
    lua_call(L, 1, 0);
}

void watch_state(lua_State *L, watch *watch, const program *app, const program *init) {
    watch_free(watch);
    lua_pushlightuserdata(L, watch);
    lua_pushcclosure(L, add, 1);
    add_program(L, app);
    add_program(L, init);
    if (luaL_loadbuffer(L, list_modules, sizeof list_modules - 1, "=wsgiserver")) lua_error(L);
    lua_insert(L, -2);
    lua_call(L, 1, 0);
}

int watch_has_changed(const watch *watch) {
    for (size_t i = 0; i < watch->count; i++) {
        const struct stat *was = &watch->files[i].was;
        struct stat now;
        if (stat(watch->files[i].name, &now) != 0 || now.st_mtim.tv_sec != was->st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != was->st_mtim.tv_nsec || now.st_size != was->st_size ||
            now.st_ino != was->st_ino)
            return 1;
    }
    return 0;
}

void watch_free(watch *watch) {
    for (size_t i = 0; i < watch->count; i++) free(watch->files[i].name);
    free(watch->files);
    watch->files = NULL;
    watch->count = 0;
}
