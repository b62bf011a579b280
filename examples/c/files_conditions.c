/* Conditional requests and ranges (RFC 9110, sections 13 and 14). */
#define _GNU_SOURCE

#include "files.h"

#include <ctype.h>
#include <stdlib.h>
#include <time.h>

static int is_listed(const char *list, const char *etag);
static time_t parse_date(const char *text);

int is_unmodified(const wsgi_environ *environ, const char *etag, time_t modified) {
    wsgi_str tags = environ_get(environ, "HTTP_IF_NONE_MATCH");
    if (tags.ptr != NULL) return is_listed(tags.ptr, etag); /* the date says nothing then */
    wsgi_str since = environ_get(environ, "HTTP_IF_MODIFIED_SINCE");
    if (since.ptr == NULL) return 0;
    time_t date = parse_date(since.ptr);
    return date != (time_t)-1 && modified <= date;
}

/* Whether one of the tags of the list is ours; a weak one will do here. */
static int is_listed(const char *list, const char *etag) {
    size_t length = strlen(etag);
    while (*list) {
        list += strspn(list, " \t,");
        if (*list == '*') return 1;
        if (strncmp(list, "W/", 2) == 0) list += 2;
        if (strncmp(list, etag, length) == 0) return 1;
        if (*list != '"') return 0; /* not a tag: the rest cannot be read */
        list++;
        list += strcspn(list, "\"");
        if (*list == '"') list++;
    }
    return 0;
}

/* The three forms that a date may have; -1 for another one. */
static time_t parse_date(const char *text) {
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %d %H:%M:%S %Y"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm date = {0};
        const char *end = strptime(text, forms[i], &date);
        if (end != NULL && *end == '\0') return timegm(&date);
    }
    return (time_t)-1;
}

/* If-Range: the part only if the file is the one that the client has the rest of. */
static int is_same_file(const wsgi_environ *environ, const char *etag, time_t modified) {
    wsgi_str condition = environ_get(environ, "HTTP_IF_RANGE");
    if (condition.ptr == NULL) return 1;
    if (condition.ptr[0] == '"') return strcmp(condition.ptr, etag) == 0;
    return parse_date(condition.ptr) == modified;
}

/* Digits only, and not more than fit; -1 if there are none. */
static off_t number(const char **text) {
    const off_t most = (off_t)((uint64_t)-1 >> 2);
    off_t value = 0;
    if (!isdigit((unsigned char)**text)) return -1;
    for (; isdigit((unsigned char)**text); ++*text)
        value = value > most / 10 - 1 ? most : value * 10 + (**text - '0');
    return value;
}

/* What cannot be understood, and more than one range, are answered with the whole. */
enum range requested_range(const wsgi_environ *environ, const char *etag, time_t modified,
                           off_t size, off_t *first, off_t *length) {
    wsgi_str range = environ_get(environ, "HTTP_RANGE");
    *first = 0, *length = size;
    if (range.ptr == NULL || strncmp(range.ptr, "bytes=", 6) != 0) return WHOLE;
    const char *at = range.ptr + 6;
    off_t from = number(&at);
    if (*at++ != '-') return WHOLE;
    off_t to = number(&at);
    if (*at != '\0' || (from < 0 && to < 0)) return WHOLE;
    if (from >= 0 && to >= 0 && to < from) return WHOLE;
    if (!is_same_file(environ, etag, modified)) return WHOLE;
    if (from < 0) { /* the last so many bytes */
        if (to == 0 || size == 0) return UNSATISFIABLE;
        from = to < size ? size - to : 0;
        to = size - 1;
    }
    if (from >= size) return UNSATISFIABLE;
    if (to < 0 || to >= size) to = size - 1;
    *first = from, *length = to - from + 1;
    return PART;
}
