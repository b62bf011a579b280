/* The application and `init`: what a worker's Lua state loads. They come from another state, so
 * they are carried as text: a module's name, a file's name, source, or a function's bytecode. */
#ifndef WSGILUA_PROGRAM_H
#define WSGILUA_PROGRAM_H

#include "compat.h"

typedef enum program_kind { PROGRAM_NONE, PROGRAM_MODULE, PROGRAM_FILE, PROGRAM_CODE } program_kind;

typedef struct program {
    program_kind kind;
    char *text; /* the name, the source or the bytecode */
    size_t length;
    const char *what; /* "app", "wsapi" or "init", for messages */
    int is_function;  /* the code is that of a function, not of a chunk that returns one */
} program;

/* Takes the value at the index; raises an error that says what is wrong with it. */
void program_take(lua_State *L, int index, const char *what, program *into);
void program_free(program *program);

/* Loads and runs it, and pushes what it gave; for a function that is the function itself. Raises
 * what goes wrong. */
void program_load(lua_State *L, const program *program);

/* As program_load, and pushes the application, a function: what the program gave, or its `run`. */
void program_load_application(lua_State *L, const program *program);

/* Of a file: its folder, pushed. Else pushes nothing and returns 0. */
int program_push_folder(lua_State *L, const program *program);

#endif
