#define _POSIX_C_SOURCE 200809L
#include "log.h"

#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *level_name(int32_t level) {
    return level >= WSGI_LEVEL_ERROR     ? "error"
           : level >= WSGI_LEVEL_WARNING ? "warning"
           : level >= WSGI_LEVEL_INFO    ? "info"
                                         : "debug";
}

int32_t log_level(const char *name) {
    for (int32_t level = WSGI_LEVEL_DEBUG; level <= WSGI_LEVEL_ERROR; level += 10)
        if (strcmp(name, level_name(level)) == 0) return level;
    return 0;
}

void log_line(int descriptor, int32_t level, const char *text, size_t length) {
    char head[64];
    struct tm now;
    time_t seconds = time(NULL);
    if (descriptor < 0) return;
    while (length > 0 && text[length - 1] == '\n') length--;
    localtime_r(&seconds, &now);
    size_t size = strftime(head, sizeof head, "%Y-%m-%d %H:%M:%S ", &now);
    size += (size_t)snprintf(head + size, sizeof head - size, "%-7s ", level_name(level));
    struct iovec parts[] = {{head, size}, {(char *)text, length}, {(char *)"\n", 1}};
    /* where the log cannot be written there is nobody to tell */
    ssize_t written = writev(descriptor, parts, 3);
    (void)written;
}

void log_from_server(void *user_data, int32_t level, uint32_t code, const char *text,
                     size_t length) {
    shared *server = user_data;
    (void)code;
    log_line(server->log, level, text, length);
}

int log_from_lua(lua_State *L) {
    size_t length;
    int32_t level = WSGI_LEVEL_INFO;
    shared *server = shared_of_state(L);
    int has_level = lua_gettop(L) > 1;
    if (has_level) {
        const char *name = luaL_checkstring(L, 1);
        level = log_level(name);
        luaL_argcheck(L, level != 0, 1, "not one of debug, info, warning, error");
    }
    luaL_checkany(L, 1 + has_level);
    const char *text = compat_tolstring(L, 1 + has_level, &length);
    log_line(server ? server->log : STDERR_FILENO, level, text, length);
    return 0;
}
