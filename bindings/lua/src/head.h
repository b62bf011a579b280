/* Status and headers from Lua values. */
#ifndef WSGILUA_HEAD_H
#define WSGILUA_HEAD_H

#include <wsgiserver.h>

#include "compat.h"

enum { HEAD_HEADERS = 32, HEAD_SCRATCH = 256 };

/* What it points to are strings that the Lua values hold, and the scratch. */
typedef struct head {
    wsgi_str status;
    const wsgi_header *headers;
    size_t count;
    wsgi_header fixed[HEAD_HEADERS];
    char scratch[HEAD_SCRATCH];
    size_t used;
} head;

/* Takes the status (a number, "200", "200 OK") and the headers (a table of names and values, where
 * a value may be a list of them; nil) at two indexes. Leaves values on the stack that have to stay
 * while the head is used. Raises an error that names what is wrong. */
void head_take(lua_State *L, int status, int headers, head *into);

#endif
