/* The access log: a line for each answer, in the "combined" format that log tools read, followed by
 * the seconds that it took. The library calls this on whichever thread has sent the last byte, so
 * it needs no GIL: the line goes to a descriptor by one write, which appends it as a whole. */
#include "host.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_LIMIT = 8192, FIELD_LIMIT = 3072 };

typedef struct line {
    char text[LINE_LIMIT];
    size_t length;
} line;

static void put(line *line, const char *text, size_t length) {
    size_t room = LINE_LIMIT - 1 - line->length; /* the LF has a place in any case */
    if (length > room) length = room;
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

/* What a client sent cannot end the line, or the quotes that it stands in. */
static void put_escaped(line *line, wsgi_str text) {
    char hex[8];
    size_t length = text.len < FIELD_LIMIT ? text.len : FIELD_LIMIT;
    if (length == 0) put(line, "-", 1);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c > 0x1f && c < 0x7f && c != '"' && c != '\\') put(line, &text.ptr[i], 1);
        else put(line, hex, (size_t)snprintf(hex, sizeof hex, "\\x%02X", c));
    }
}

/* Like [28/Nov/2026:15:43:01 +0000]; strftime would use the month names of the locale. */
static void put_time(line *line, uint64_t nanoseconds) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[64];
    struct tm local;
    time_t seconds = (time_t)(nanoseconds / 1000000000u);
    if (localtime_r(&seconds, &local) == NULL) memset(&local, 0, sizeof local);
    long offset = local.tm_gmtoff / 60, size = offset < 0 ? -offset : offset;
    int length = snprintf(text, sizeof text, "[%02d/%.3s/%04d:%02d:%02d:%02d %c%02ld%02ld]",
                          local.tm_mday, months + 3 * (local.tm_mon % 12), local.tm_year + 1900,
                          local.tm_hour, local.tm_min, local.tm_sec, offset < 0 ? '-' : '+',
                          size / 60, size % 60);
    put(line, text, (size_t)length);
}

static void put_request(line *line, const wsgi_access_record *record) {
    put(line, " \"", 2);
    put_escaped(line, record->method);
    if (record->method.len > 0) {
        put(line, " ", 1);
        put_escaped(line, record->target);
        put(line, " ", 1);
        put_escaped(line, record->protocol);
    }
    put(line, "\"", 1);
}

static void log_access(void *user_data, const wsgi_access_record *record) {
    char numbers[64];
    line line;
    line.length = 0;
    put_escaped(&line, record->remote_addr);
    put(&line, " - - ", 5);
    put_time(&line, record->arrived_ns);
    put_request(&line, record);
    put(&line, numbers, (size_t)snprintf(numbers, sizeof numbers, " %03u %llu \"", record->status,
                                         (unsigned long long)record->sent));
    put_escaped(&line, record->referer);
    put(&line, "\" \"", 3);
    put_escaped(&line, record->user_agent);
    put(&line, numbers, (size_t)snprintf(numbers, sizeof numbers, "\" %.6f",
                                         (double)record->duration_ns / 1e9));
    line.text[line.length++] = '\n';
    /* A full disk is no reason not to serve; there is nobody to tell here. */
    if (write(*(int *)user_data, line.text, line.length) < 0) return;
}

static void forget(void *user_data) {
    close(*(int *)user_data);
    PyMem_RawFree(user_data);
}

PyObject *server_log_access(PyObject *object, PyObject *file) {
    wsgi_handlers handlers = {.struct_size = sizeof handlers, .access_log = log_access};
    wsgi_error *error = NULL;
    int given = PyObject_AsFileDescriptor(file);
    if (given < 0) return NULL;
    int *own = PyMem_RawMalloc(sizeof *own);
    if (own == NULL) return PyErr_NoMemory();
    *own = fcntl(given, F_DUPFD_CLOEXEC, 3);
    if (*own < 0) {
        PyMem_RawFree(own);
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    wsgi_status status = wsgi_server_set_handlers(((Server *)object)->handle->server, &handlers, own,
                                                  forget, &error);
    if (status < 0) return fail_with_error(status, error);
    Py_RETURN_NONE;
}
