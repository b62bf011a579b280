/* Lines of the log: of the server, of the application, of this module. */
#ifndef WSGILUA_LOG_H
#define WSGILUA_LOG_H

#include "shared.h"

/* Writes "TIME LEVEL TEXT" with one system call. Any thread. */
void log_line(int descriptor, int32_t level, const char *text, size_t length);

/* The server's error_log handler; user data is a `shared`. */
void log_from_server(void *user_data, int32_t level, uint32_t code, const char *text,
                     size_t length);

/* The number of a level: "debug", "info", "warning", "error"; 0 for another word. */
int32_t log_level(const char *name);

/* wsgiserver.log([level,] text) */
int log_from_lua(lua_State *L);

#endif
