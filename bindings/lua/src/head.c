#include "head.h"

#include <stdio.h>
#include <string.h>

static const struct {
    int code;
    const char *text;
} reasons[] = {
    {200, "200 OK"},
    {201, "201 Created"},
    {202, "202 Accepted"},
    {203, "203 Non-Authoritative Information"},
    {204, "204 No Content"},
    {205, "205 Reset Content"},
    {206, "206 Partial Content"},
    {300, "300 Multiple Choices"},
    {301, "301 Moved Permanently"},
    {302, "302 Found"},
    {303, "303 See Other"},
    {304, "304 Not Modified"},
    {307, "307 Temporary Redirect"},
    {308, "308 Permanent Redirect"},
    {400, "400 Bad Request"},
    {401, "401 Unauthorized"},
    {402, "402 Payment Required"},
    {403, "403 Forbidden"},
    {404, "404 Not Found"},
    {405, "405 Method Not Allowed"},
    {406, "406 Not Acceptable"},
    {408, "408 Request Timeout"},
    {409, "409 Conflict"},
    {410, "410 Gone"},
    {411, "411 Length Required"},
    {412, "412 Precondition Failed"},
    {413, "413 Content Too Large"},
    {414, "414 URI Too Long"},
    {415, "415 Unsupported Media Type"},
    {416, "416 Range Not Satisfiable"},
    {417, "417 Expectation Failed"},
    {418, "418 I'm a teapot"},
    {422, "422 Unprocessable Content"},
    {425, "425 Too Early"},
    {426, "426 Upgrade Required"},
    {428, "428 Precondition Required"},
    {429, "429 Too Many Requests"},
    {431, "431 Request Header Fields Too Large"},
    {451, "451 Unavailable For Legal Reasons"},
    {500, "500 Internal Server Error"},
    {501, "501 Not Implemented"},
    {502, "502 Bad Gateway"},
    {503, "503 Service Unavailable"},
    {504, "504 Gateway Timeout"},
    {505, "505 HTTP Version Not Supported"},
    {507, "507 Insufficient Storage"},
    {511, "511 Network Authentication Required"},
    {100, "100 Continue"},
    {101, "101 Switching Protocols"},
    {102, "102 Processing"},
    {103, "103 Early Hints"},
};

static void take_status(lua_State *L, int index, head *into);
static size_t count_headers(lua_State *L, int index);
static wsgi_str text_of(lua_State *L, int index, head *into, int anchor, const char *name);

void head_take(lua_State *L, int status, int headers, head *into) {
    into->used = 0;
    into->count = 0;
    into->headers = into->fixed;
    take_status(L, status, into);
    if (lua_isnoneornil(L, headers)) return;
    if (!lua_istable(L, headers))
        luaL_error(L, "wsgiserver: the headers are a %s, not a table", luaL_typename(L, headers));

    wsgi_header *list = into->fixed;
    size_t count = count_headers(L, headers);
    if (count > HEAD_HEADERS) list = lua_newuserdata(L, count * sizeof *list);
    into->headers = list;
    lua_pushnil(L); /* here values are kept that had to be made */
    int anchor = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, headers)) {
        wsgi_header header;
        header.name.ptr = lua_tolstring(L, -2, &header.name.len);
        if (!lua_istable(L, -1)) {
            header.value = text_of(L, -1, into, anchor, header.name.ptr);
            list[into->count++] = header;
        } else {
            for (int i = 1, last = (int)lua_rawlen(L, -1); i <= last; i++) {
                lua_rawgeti(L, -1, i);
                header.value = text_of(L, -1, into, anchor, header.name.ptr);
                lua_pop(L, 1);
                list[into->count++] = header;
            }
        }
        lua_pop(L, 1);
    }
}

static void take_code(lua_State *L, int code, head *into) {
    if (code < 100 || code > 599)
        luaL_error(L, "wsgiserver: %d is no status, which are 100 to 599", code);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].code != code) continue;
        into->status.ptr = reasons[i].text;
        into->status.len = strlen(reasons[i].text);
        return;
    }
    char *at = into->scratch + into->used;
    into->status.ptr = at;
    into->status.len = (size_t)snprintf(at, HEAD_SCRATCH - into->used, "%d Status", code);
    into->used += into->status.len + 1;
}

static void take_status(lua_State *L, int index, head *into) {
    long long code;
    if (lua_type(L, index) == LUA_TNUMBER) {
        if (!compat_isinteger(L, index, &code))
            luaL_error(L, "wsgiserver: the status is no whole number");
        take_code(L, code < 0 || code > 1000 ? 0 : (int)code, into);
    } else if (lua_type(L, index) == LUA_TSTRING) {
        const char *text = into->status.ptr = lua_tolstring(L, index, &into->status.len);
        if (into->status.len == 3 && strspn(text, "0123456789") == 3)
            take_code(L, (text[0] - '0') * 100 + (text[1] - '0') * 10 + text[2] - '0', into);
    } else {
        luaL_error(L, "wsgiserver: the status is a %s, not a number or a text like '200 OK'",
                   luaL_typename(L, index));
    }
}

static size_t count_headers(lua_State *L, int index) {
    size_t count = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "wsgiserver: the name of a header is a %s, not a text",
                       luaL_typename(L, -2));
        count += lua_istable(L, -1) ? lua_rawlen(L, -1) : 1;
        lua_pop(L, 1);
    }
    return count;
}

/* Content-Length is a number in most applications, so whole numbers go without a new Lua string. */
static wsgi_str write_number(long long number, head *into) {
    char digits[24];
    size_t length = 0;
    unsigned long long rest = number < 0 ? -(unsigned long long)number : (unsigned long long)number;
    do digits[length++] = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (number < 0) digits[length++] = '-';
    char *at = into->scratch + into->used;
    for (size_t i = 0; i < length; i++) at[i] = digits[length - 1 - i];
    into->used += length;
    wsgi_str text = {at, length};
    return text;
}

static wsgi_str text_of(lua_State *L, int index, head *into, int anchor, const char *name) {
    wsgi_str text;
    long long number;
    int type = lua_type(L, index);
    if (type == LUA_TSTRING) {
        text.ptr = lua_tolstring(L, index, &text.len);
        return text;
    }
    if (into->used + 24 <= HEAD_SCRATCH && compat_isinteger(L, index, &number))
        return write_number(number, into);
    if (type != LUA_TNUMBER && !luaL_getmetafield(L, index, "__tostring"))
        luaL_error(L,
                   "wsgiserver: the value of the header '%s' is a %s, not a text, a number or a "
                   "list of them",
                   name, luaL_typename(L, index));
    if (type != LUA_TNUMBER) lua_pop(L, 1);
    if (lua_isnil(L, anchor)) {
        lua_newtable(L);
        lua_replace(L, anchor);
    }
    text.ptr = compat_tolstring(L, index, &text.len);
    lua_rawseti(L, anchor, (int)lua_rawlen(L, anchor) + 1);
    return text;
}
