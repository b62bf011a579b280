/* wsgi.input: the body of a request. What has been read already is taken with the GIL held, what
 * has to be waited for without it. */
#include "host.h"

enum { PIECE = 64 * 1024, LARGEST_PIECE = 1024 * 1024, LINE = 256 };

typedef struct Input {
    PyObject_HEAD
    handle *handle;
    wsgi_request request;
    int64_t left; /* of a body of known length; -1: unknown */
    char at_end;
    char waits; /* what was read ahead is used up: from here on calls may wait */
} Input;

PyObject *no_input;

PyObject *input_new(handle *handle, wsgi_request request, int64_t length) {
    Input *self = PyObject_New(Input, &InputType);
    if (self == NULL) return NULL;
    self->handle = handle ? handle_use(handle) : NULL;
    self->request = request;
    self->left = length;
    self->at_end = length == 0;
    self->waits = 0;
    return (PyObject *)self;
}

int input_init(void) {
    no_input = input_new(NULL, 0, 0);
    return no_input ? 0 : -1;
}

static void input_dealloc(PyObject *object) {
    handle_drop(((Input *)object)->handle);
    Py_TYPE(object)->tp_free(object);
}

/* Once: asking again while it is not there would have the library tell when it is. */
static int64_t read_ahead(Input *self, char *buffer, size_t capacity) {
    int64_t got = wsgi_request_read(self->handle->server, self->request, buffer, capacity,
                                    WSGI_NONBLOCK);
    self->waits = got == WSGI_AGAIN || (size_t)got < capacity;
    return got;
}

/* Some bytes, 0 at the end, or -1 with an exception. */
static Py_ssize_t read_some(Input *self, char *buffer, size_t capacity) {
    int64_t got = WSGI_AGAIN;
    if (self->at_end || capacity == 0) return 0;
    if (!self->waits) got = read_ahead(self, buffer, capacity);
    if (got == WSGI_AGAIN) {
        Py_BEGIN_ALLOW_THREADS
        got = wsgi_request_read(self->handle->server, self->request, buffer, capacity, 0);
        Py_END_ALLOW_THREADS
    }
    if (got < 0) return fail_with((wsgi_status)got, "read the request body"), -1;
    if (self->left > 0) self->left -= got;
    if (got == 0 || self->left == 0) self->at_end = 1;
    return (Py_ssize_t)got;
}

/* Fills the buffer unless the body ends before. */
static Py_ssize_t fill(Input *self, char *buffer, Py_ssize_t capacity) {
    Py_ssize_t filled = 0;
    while (filled < capacity) {
        Py_ssize_t wanted = capacity - filled;
        Py_ssize_t got = read_some(self, buffer + filled, (size_t)wanted);
        if (got < 0) return -1;
        if (got == 0) break;
        filled += got;
    }
    return filled;
}

static PyObject *read_at_most(Input *self, Py_ssize_t size) {
    if (self->at_end) size = 0;
    PyObject *made = PyBytes_FromStringAndSize(NULL, size);
    if (made == NULL) return NULL;
    Py_ssize_t got = fill(self, PyBytes_AS_STRING(made), size);
    if (got < 0) {
        Py_DECREF(made);
        return NULL;
    }
    if (got < size) _PyBytes_Resize(&made, got);
    return made;
}

/* For more than a client is trusted with at once: memory grows with what comes. most: -1, no limit. */
static PyObject *read_growing(Input *self, Py_ssize_t most) {
    Py_ssize_t capacity = PIECE, filled = 0;
    PyObject *made = PyBytes_FromStringAndSize(NULL, capacity);
    while (made != NULL) {
        Py_ssize_t got = fill(self, PyBytes_AS_STRING(made) + filled, capacity - filled);
        if (got < 0) {
            Py_DECREF(made);
            return NULL;
        }
        filled += got;
        if (filled < capacity || filled == most) break;
        capacity += capacity < LARGEST_PIECE ? capacity : capacity / 2;
        if (most >= 0 && capacity > most) capacity = most;
        _PyBytes_Resize(&made, capacity);
    }
    if (made != NULL && filled < capacity) _PyBytes_Resize(&made, filled);
    return made;
}

/* None and negative: no limit. */
static int parse_size(PyObject *const *arguments, Py_ssize_t count, Py_ssize_t *size) {
    *size = -1;
    if (count > 1) {
        PyErr_SetString(PyExc_TypeError, "at most one argument: the size");
        return -1;
    }
    if (count == 0 || arguments[0] == Py_None) return 0;
    *size = PyNumber_AsSsize_t(arguments[0], PyExc_OverflowError);
    return *size == -1 && PyErr_Occurred() ? -1 : 0;
}

static PyObject *read_method(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
    Input *self = (Input *)object;
    Py_ssize_t size;
    if (parse_size(arguments, count, &size) < 0) return NULL;
    if (self->left >= 0 && (size < 0 || size > self->left)) size = (Py_ssize_t)self->left;
    return size < 0 || size > LARGEST_PIECE ? read_growing(self, size) : read_at_most(self, size);
}

static PyObject *line(Input *self, Py_ssize_t most) {
    Py_ssize_t capacity = most >= 0 && most < LINE ? most : LINE, filled = 0;
    PyObject *made = PyBytes_FromStringAndSize(NULL, capacity);
    while (made != NULL && filled < capacity && !self->at_end) {
        char *start = PyBytes_AS_STRING(made) + filled;
        int64_t got;
        Py_BEGIN_ALLOW_THREADS
        got = wsgi_request_readline(self->handle->server, self->request, start,
                                    (size_t)(capacity - filled));
        Py_END_ALLOW_THREADS
        if (got < 0) {
            Py_DECREF(made);
            return fail_with((wsgi_status)got, "read the request body");
        }
        self->waits = 1;
        if (self->left > 0) self->left -= got;
        if (got == 0 || self->left == 0) self->at_end = 1;
        filled += (Py_ssize_t)got;
        if (got == 0 || PyBytes_AS_STRING(made)[filled - 1] == '\n') break;
        if (filled == capacity && (most < 0 || capacity < most)) {
            capacity = most >= 0 && capacity * 2 > most ? most : capacity * 2;
            _PyBytes_Resize(&made, capacity);
        }
    }
    if (made != NULL && filled < capacity) _PyBytes_Resize(&made, filled);
    return made;
}

static PyObject *readline_method(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
    Py_ssize_t size;
    if (parse_size(arguments, count, &size) < 0) return NULL;
    return line((Input *)object, size);
}

static PyObject *readlines_method(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
    Py_ssize_t hint, total = 0;
    if (parse_size(arguments, count, &hint) < 0) return NULL;
    PyObject *lines = PyList_New(0);
    while (lines != NULL && (hint <= 0 || total < hint)) {
        PyObject *next = line((Input *)object, -1);
        if (next == NULL || (PyBytes_GET_SIZE(next) > 0 && PyList_Append(lines, next) < 0)) {
            Py_XDECREF(next);
            Py_DECREF(lines);
            return NULL;
        }
        Py_ssize_t length = PyBytes_GET_SIZE(next);
        Py_DECREF(next);
        if (length == 0) break;
        total += length;
    }
    return lines;
}

static PyObject *readinto(PyObject *object, PyObject *target) {
    Py_buffer view;
    if (PyObject_GetBuffer(target, &view, PyBUF_WRITABLE | PyBUF_SIMPLE) < 0) return NULL;
    Py_ssize_t got = fill((Input *)object, view.buf, view.len);
    PyBuffer_Release(&view);
    return got < 0 ? NULL : PyLong_FromSsize_t(got);
}

/* What has come, at most size bytes: b'' at the end alone. */
static PyObject *read1_method(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
    Input *self = (Input *)object;
    Py_ssize_t size;
    if (parse_size(arguments, count, &size) < 0) return NULL;
    if (size < 0 || size > LARGEST_PIECE) size = PIECE;
    PyObject *made = PyBytes_FromStringAndSize(NULL, size);
    if (made == NULL) return NULL;
    Py_ssize_t got = read_some(self, PyBytes_AS_STRING(made), (size_t)size);
    if (got < 0) {
        Py_DECREF(made);
        return NULL;
    }
    if (got < size) _PyBytes_Resize(&made, got);
    return made;
}

static PyObject *readinto1(PyObject *object, PyObject *target) {
    Py_buffer view;
    if (PyObject_GetBuffer(target, &view, PyBUF_WRITABLE | PyBUF_SIMPLE) < 0) return NULL;
    Py_ssize_t got = read_some((Input *)object, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return got < 0 ? NULL : PyLong_FromSsize_t(got);
}

static PyObject *next_line(PyObject *object) {
    PyObject *next = line((Input *)object, -1);
    if (next != NULL && PyBytes_GET_SIZE(next) == 0) Py_CLEAR(next);
    return next;
}

static PyObject *nothing(PyObject *object, PyObject *unused) {
    (void)object, (void)unused;
    Py_RETURN_NONE;
}

static PyObject *yes(PyObject *object, PyObject *unused) {
    (void)object, (void)unused;
    Py_RETURN_TRUE;
}

static PyObject *no(PyObject *object, PyObject *unused) {
    (void)object, (void)unused;
    Py_RETURN_FALSE;
}

/* What a file of io says of what it cannot do. */
static PyObject *unsupported(PyObject *object, PyObject *unused) {
    PyObject *io = PyImport_ImportModule("io");
    PyObject *type = io ? PyObject_GetAttrString(io, "UnsupportedOperation") : NULL;
    (void)object, (void)unused;
    if (type != NULL) PyErr_SetString(type, "the body of a request is read from its start to its end");
    Py_XDECREF(type);
    Py_XDECREF(io);
    return NULL;
}

static PyObject *itself(PyObject *object, PyObject *unused) {
    (void)unused;
    return Py_NewRef(object);
}

static PyObject *is_closed(PyObject *object, void *unused) {
    (void)object, (void)unused;
    Py_RETURN_FALSE;
}

static PyGetSetDef input_attributes[] = {
    {"closed", is_closed, NULL, "False: the server closes it.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

#define FAST(function) (PyCFunction)(void (*)(void))function
static PyMethodDef input_methods[] = {
    {"read", FAST(read_method), METH_FASTCALL, "read(size=-1): so many bytes, fewer at the end."},
    {"readline", FAST(readline_method), METH_FASTCALL, "readline(size=-1): a line with its LF."},
    {"readlines", FAST(readlines_method), METH_FASTCALL, "readlines(hint=-1): a list of lines."},
    {"readinto", readinto, METH_O, "Fills a buffer: the number of bytes."},
    {"read1", FAST(read1_method), METH_FASTCALL, "read1(size=-1): what has come, at most so much."},
    {"readinto1", readinto1, METH_O, "Puts what has come in a buffer: the number of bytes."},
    {"readable", yes, METH_NOARGS, "True."},
    {"writable", no, METH_NOARGS, "False."},
    {"seekable", no, METH_NOARGS, "False."},
    {"isatty", no, METH_NOARGS, "False."},
    {"seek", unsupported, METH_VARARGS, "Raises io.UnsupportedOperation."},
    {"tell", unsupported, METH_NOARGS, "Raises io.UnsupportedOperation."},
    {"truncate", unsupported, METH_VARARGS, "Raises io.UnsupportedOperation."},
    {"write", unsupported, METH_VARARGS, "Raises io.UnsupportedOperation."},
    {"fileno", unsupported, METH_NOARGS, "Raises io.UnsupportedOperation: others use the connection."},
    {"flush", nothing, METH_NOARGS, "Does nothing."},
    {"__enter__", itself, METH_NOARGS, NULL},
    {"__exit__", nothing, METH_VARARGS, NULL},
    {"close", nothing, METH_NOARGS, "Does nothing: the server reads the rest, or ends."},
    {NULL, NULL, 0, NULL}};

PyTypeObject InputType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "wsgiserver._wsgiserver.Input",
    .tp_doc = "The body of a request.",
    .tp_basicsize = sizeof(Input),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = input_dealloc,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = next_line,
    .tp_methods = input_methods,
    .tp_getset = input_attributes,
};
