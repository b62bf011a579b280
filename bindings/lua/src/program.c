#include "program.h"

#include <stdlib.h>
#include <string.h>

static void take_function(lua_State *L, int index, const char *what);
static void take_table(lua_State *L, int index, const char *what, program_kind *kind);
static program_kind kind_of(const char *text);

/* Pushes the name of the module that has given this value: the workers load it by that. */
static int push_module_name(lua_State *L, int index) {
    if (!lua_isfunction(L, index) && !lua_istable(L, index)) return 0;
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "loaded");
    lua_remove(L, -2);
    for (lua_pushnil(L); lua_istable(L, -2) && lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || !lua_rawequal(L, -1, index)) continue;
        lua_pop(L, 1);
        lua_remove(L, -2);
        return 1;
    }
    lua_pop(L, 1);
    return 0;
}

void program_take(lua_State *L, int index, const char *what, program *into) {
    program_kind kind = PROGRAM_CODE;
    size_t length;
    int is_function = 0;
    index = compat_absindex(L, index);
    if (push_module_name(L, index)) {
        kind = PROGRAM_MODULE;
    } else if (lua_isfunction(L, index)) {
        is_function = 1;
        take_function(L, index, what);
    } else if (lua_istable(L, index)) {
        take_table(L, index, what, &kind);
    } else if (lua_type(L, index) == LUA_TSTRING) {
        kind = kind_of(lua_tostring(L, index));
        lua_pushvalue(L, index);
    } else {
        luaL_error(L,
                   "wsgiserver: %s is a %s, and can be a module's or a file's name, source text, "
                   "a function, or one of {module=}, {file=}, {code=}",
                   what, luaL_typename(L, index));
    }
    const char *text = lua_tolstring(L, -1, &length);
    char *copy = malloc(length + 1);
    if (copy == NULL) luaL_error(L, "wsgiserver: not enough memory");
    memcpy(copy, text, length + 1);
    program_free(into);
    into->kind = kind, into->text = copy, into->length = length, into->what = what;
    into->is_function = is_function;
    lua_pop(L, 1);
}

void program_free(program *program) {
    free(program->text);
    program->text = NULL;
    program->kind = PROGRAM_NONE;
}

typedef struct bytes {
    char *data;
    size_t length, capacity;
} bytes;

static int append(lua_State *L, const void *data, size_t length, void *into) {
    bytes *to = into;
    (void)L;
    if (to->capacity - to->length < length) {
        size_t capacity = (to->capacity + length) * 2;
        char *larger = realloc(to->data, capacity);
        if (larger == NULL) return 1;
        to->data = larger, to->capacity = capacity;
    }
    memcpy(to->data + to->length, data, length);
    to->length += length;
    return 0;
}

/* Pushes the bytecode. A worker's state has none of the variables around the function. */
static void take_function(lua_State *L, int index, const char *what) {
    index = compat_absindex(L, index);
    if (lua_iscfunction(L, index))
        luaL_error(L,
                   "wsgiserver: %s is a C function, which cannot be carried to the Lua states of "
                   "the workers: give a module's name, a file or source text",
                   what);
    for (int i = 1;; i++) {
        const char *name = lua_getupvalue(L, index, i);
        if (name == NULL) break;
        lua_pop(L, 1);
#if LUA_VERSION_NUM >= 502
        if (i == 1 && strcmp(name, "_ENV") == 0) continue; /* the globals, there as here */
#endif
        luaL_error(L,
                   "wsgiserver: %s is a function that uses '%s', a local variable around it: each "
                   "worker thread has a Lua state of its own, where that variable is not. Make it "
                   "in the function, require it there, set it as a global in init, or give a "
                   "module or a file in the function's place",
                   what, *name ? name : "?");
    }
    bytes code = {NULL, 0, 0};
    lua_pushvalue(L, index);
    int failed = compat_dump(L, append, &code);
    lua_pop(L, 1);
    if (!failed) lua_pushlstring(L, code.data, code.length);
    free(code.data);
    if (failed) luaL_error(L, "wsgiserver: %s is a function that cannot be carried", what);
}

static void take_table(lua_State *L, int index, const char *what, program_kind *kind) {
    static const struct {
        const char *key;
        program_kind kind;
    } forms[] = {{"module", PROGRAM_MODULE}, {"file", PROGRAM_FILE}, {"code", PROGRAM_CODE}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        lua_getfield(L, index, forms[i].key);
        if (lua_type(L, -1) == LUA_TSTRING) {
            *kind = forms[i].kind;
            return;
        }
        lua_pop(L, 1);
    }
    luaL_error(L,
               "wsgiserver: %s is a table, but neither a module that was required nor one of "
               "{module=}, {file=}, {code=}: each worker loads the application anew",
               what);
}

/* A file by its ending or its slash, source text by what no name has, else a module. */
static program_kind kind_of(const char *text) {
    size_t length = strlen(text);
    static const char *const endings[] = {".lua", ".ws", ".wsapi", ".luac"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strcmp(text + length - ending, endings[i]) == 0 &&
            strchr(text, '\n') == NULL)
            return PROGRAM_FILE;
    }
    if (text[strcspn(text, " \t\r\n()\"'=\033")] != '\0') return PROGRAM_CODE;
    return strchr(text, '/') ? PROGRAM_FILE : PROGRAM_MODULE;
}

void program_load(lua_State *L, const program *program) {
    int top = lua_gettop(L);
    int failed = 0;
    if (program->kind == PROGRAM_MODULE) {
        lua_getglobal(L, "require");
        lua_pushlstring(L, program->text, program->length);
        lua_call(L, 1, 1);
        return;
    }
    if (program->kind == PROGRAM_FILE)
        failed = luaL_loadfile(L, program->text);
    else
        failed = luaL_loadbuffer(L, program->text, program->length,
                                 program->is_function ? program->what : program->text);
    if (failed) lua_error(L);
    if (program->is_function) return;
    lua_call(L, 0, LUA_MULTRET);
    lua_settop(L, top + 1);
}

static const char *kind_name(const program *program) {
    return program->kind == PROGRAM_MODULE ? "the module"
           : program->kind == PROGRAM_FILE ? "the file"
                                           : "the source text";
}

void program_load_application(lua_State *L, const program *program) {
    program_load(L, program);
    const char *given = luaL_typename(L, -1);
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "run");
        lua_remove(L, -2);
        given = "table without a function 'run'";
    }
    if (lua_isfunction(L, -1)) return;
    luaL_error(L,
               "%s%s%s%s returned a %s: an application is a function, or a table with a function "
               "'run'",
               kind_name(program), program->kind == PROGRAM_CODE ? "" : " '",
               program->kind == PROGRAM_CODE ? "" : program->text,
               program->kind == PROGRAM_CODE ? "" : "'", given);
}

int program_push_folder(lua_State *L, const program *program) {
    if (program->kind != PROGRAM_FILE) return 0;
    const char *slash = strrchr(program->text, '/');
    if (slash == NULL)
        lua_pushliteral(L, ".");
    else
        lua_pushlstring(L, program->text, slash == program->text ? 1 : slash - program->text);
    return 1;
}
