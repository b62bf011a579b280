/* Status and headers of an answer, as start_response is given them. They are checked here, so that
 * the application hears of a mistake where it makes it, and kept as what the library takes. What it
 * does about hop-by-hop headers is the library's. */
#include "host.h"

/* Says what is wrong with a text, and of which header if it is a value. */
static int refuse(PyObject *type, const char *what, PyObject *text, PyObject *header,
                  const char *why) {
    if (header != NULL)
        PyErr_Format(type, "WSGI response %s %R of %R %s.", what, text, header, why);
    else
        PyErr_Format(type, "WSGI response %s %R %s.", what, text, why);
    return -1;
}

/* The bytes of a str of ISO-8859-1, which are how Python keeps it. header: whose value it is, or NULL. */
static int latin1(PyObject *text, const char *what, PyObject *header, wsgi_str *out) {
    if (!PyUnicode_Check(text))
        return refuse(PyExc_TypeError, what, text, header, "is not of type str");
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(text) < 0) return -1;
#endif
    if (PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND)
        return refuse(PyExc_ValueError, what, text, header, "has characters beyond ISO-8859-1");
    out->ptr = (const char *)PyUnicode_1BYTE_DATA(text);
    out->len = (size_t)PyUnicode_GET_LENGTH(text);
    return 0;
}

/* What may stand in a field's name (RFC 9110, tchar) and in its value. */
enum { IN_NAME = 1, IN_VALUE = 2 };
static unsigned char kinds[256];

void head_init(void) {
    for (int c = 0; c < 256; c++) {
        int alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        int control = (c < ' ' && c != '\t') || c == 0x7f;
        if (alphanumeric || (c != 0 && strchr("!#$%&'*+-.^_`|~", c))) kinds[c] |= IN_NAME;
        if (!control) kinds[c] |= IN_VALUE;
    }
}

static int consists_of(wsgi_str text, int kind) {
    int all = kind;
    for (size_t i = 0; i < text.len; i++) all &= kinds[(unsigned char)text.ptr[i]];
    return all != 0;
}

static int is_value(wsgi_str text) {
    return consists_of(text, IN_VALUE);
}

static int is_token(wsgi_str text) {
    return text.len > 0 && consists_of(text, IN_NAME);
}

static int is(wsgi_str name, const char *lower) {
    for (size_t i = 0; i < name.len; i++)
        if (Py_TOLOWER(name.ptr[i]) != lower[i]) return 0;
    return lower[name.len] == '\0';
}

static int parse_length(head *self, PyObject *text, wsgi_str value) {
    int64_t length = 0;
    int good = value.len > 0 && value.len < 19;
    for (size_t i = 0; good && i < value.len; i++) {
        good = value.ptr[i] >= '0' && value.ptr[i] <= '9';
        length = length * 10 + (value.ptr[i] - '0');
    }
    if (!good || self->content_length >= 0) {
        PyErr_Format(PyExc_ValueError, "WSGI response has a malformed or second Content-Length %R.",
                     text);
        return -1;
    }
    self->content_length = length;
    return 0;
}

/* Blanks around a value are not part of it (RFC 9110, 5.5). */
static wsgi_str without_blanks(wsgi_str text) {
    while (text.len > 0 && (*text.ptr == ' ' || *text.ptr == '\t')) text.ptr++, text.len--;
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t')) text.len--;
    return text;
}

/* Takes one (name, value); the objects are held behind the headers. */
static int take(head *self, PyObject *pair, PyObject **objects) {
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
        PyErr_Format(PyExc_TypeError, "WSGI response header %R is not a tuple of name and value.",
                     pair);
        return -1;
    }
    PyObject *name = PyTuple_GET_ITEM(pair, 0), *value = PyTuple_GET_ITEM(pair, 1);
    wsgi_header *header = &self->headers[self->count];
    if (latin1(name, "header key", NULL, &header->name) < 0 ||
        latin1(value, "header value", name, &header->value) < 0)
        return -1;
    header->value = without_blanks(header->value);
    if (!is_token(header->name) || !is_value(header->value)) {
        PyErr_Format(PyExc_ValueError,
                     "WSGI response header %R: a character that may not stand there.", pair);
        return -1;
    }
    if (header->name.len == 14 && is(header->name, "content-length") &&
        parse_length(self, value, header->value) < 0)
        return -1;
    objects[self->held++] = Py_NewRef(name);
    objects[self->held++] = Py_NewRef(value);
    self->count++;
    return 0;
}

static int set_status(head *self, PyObject *status) {
    if (!PyUnicode_Check(status)) {
        PyErr_SetString(PyExc_TypeError, "WSGI response status is not of type str.");
        return -1;
    }
    if (latin1(status, "status", NULL, &self->status_text) < 0) return -1;
    const char *text = self->status_text.ptr;
    size_t length = self->status_text.len;
    if (length < 3 || text[0] < '1' || text[0] > '9' || !Py_ISDIGIT(text[1]) ||
        !Py_ISDIGIT(text[2]) || (length > 3 && text[3] != ' ') || !is_value(self->status_text)) {
        PyErr_Format(PyExc_ValueError, "WSGI response status %R is not like '200 OK'.", status);
        return -1;
    }
    self->status = Py_NewRef(status);
    return 0;
}

static PyObject **objects_of(head *self, size_t capacity) {
    return (PyObject **)(void *)(self->headers + capacity + 1); /* one more for Content-Length */
}

/* Leaves the exchange without a head if it fails. */
int head_set(head *self, PyObject *status, PyObject *headers) {
    head_clear(self);
    PyObject *list = PyList_CheckExact(headers) ? Py_NewRef(headers) : PySequence_List(headers);
    if (list == NULL) return -1;
    size_t count = (size_t)PyList_GET_SIZE(list);
    self->headers = PyMem_Malloc((count + 1) * sizeof(wsgi_header) + 2 * count * sizeof(PyObject *));
    int result = self->headers ? set_status(self, status) : (PyErr_NoMemory(), -1);
    if (result == 0) {
        PyObject **objects = objects_of(self, count);
        for (size_t i = 0; i < count && result == 0; i++) {
            /* An odd __repr__ in an error text could have changed the list. */
            if (i >= (size_t)PyList_GET_SIZE(list)) break;
            PyObject *pair = Py_NewRef(PyList_GET_ITEM(list, (Py_ssize_t)i));
            result = take(self, pair, objects);
            Py_DECREF(pair);
        }
        self->objects = objects;
    }
    Py_DECREF(list);
    if (result < 0) head_clear(self);
    return result;
}

void head_clear(head *self) {
    for (size_t i = 0; i < self->held; i++) Py_DECREF(self->objects[i]);
    self->held = self->count = 0;
    self->content_length = -1;
    PyMem_Free(self->headers);
    self->headers = NULL;
    Py_CLEAR(self->status);
}

void head_add_length(head *self, size_t length, char *text, size_t capacity) {
    wsgi_header *header = &self->headers[self->count++];
    int written = PyOS_snprintf(text, capacity, "%zu", length);
    header->name = (wsgi_str){"Content-Length", 14};
    header->value = (wsgi_str){text, (size_t)written};
    self->content_length = (int64_t)length;
}

int head_is_bodiless(const head *self) {
    const char *code = self->status_text.ptr;
    return memcmp(code, "204", 3) == 0 || memcmp(code, "304", 3) == 0 || memcmp(code, "101", 3) == 0;
}

int head_is_interim(const head *self) {
    return self->status_text.ptr[0] == '1' && memcmp(self->status_text.ptr, "101", 3) != 0;
}
