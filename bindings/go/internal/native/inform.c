#include "inform.h"

#include <stdlib.h>
#include <string.h>

/* Takes the next line off the text, without its end. */
static wsgi_str next_line(wsgi_str *text) {
    wsgi_str line = {text->ptr, text->len};
    const char *end = memchr(text->ptr, '\n', text->len);
    if (end != NULL) line.len = (size_t)(end - text->ptr);
    size_t taken = end != NULL ? line.len + 1 : line.len;
    text->ptr += taken;
    text->len -= taken;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
    return line;
}

/* "Name: value" */
static wsgi_header split(wsgi_str line) {
    wsgi_header header = {line, {line.ptr + line.len, 0}};
    const char *colon = memchr(line.ptr, ':', line.len);
    if (colon == NULL) return header;
    header.name.len = (size_t)(colon - line.ptr);
    header.value.ptr = colon + 1;
    header.value.len = line.len - header.name.len - 1;
    while (header.value.len > 0 && *header.value.ptr == ' ') header.value.ptr++, header.value.len--;
    return header;
}

wsgi_status inform_flat(const wsgi_server *server, wsgi_request request, const char *head,
                        size_t length) {
    wsgi_str text = {head, length};
    wsgi_str status_line = next_line(&text);
    size_t lines = 0, count = 0;
    for (size_t i = 0; i < text.len; i++) lines += text.ptr[i] == '\n';
    wsgi_header *headers = malloc((lines + 1) * sizeof *headers);
    if (headers == NULL) return WSGI_E_SYSTEM;
    while (text.len > 0) {
        wsgi_str line = next_line(&text);
        if (line.len > 0) headers[count++] = split(line);
    }
    wsgi_status status = wsgi_inform(server, request, status_line, headers, count);
    free(headers);
    return status;
}
