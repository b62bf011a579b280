/* A connection that an application has taken over, with the methods of a socket: what WebSocket
 * libraries look for in the environ. The one in an environ takes it over with its first use. One
 * thread may read while another writes, and any may close. */
#include "host.h"

typedef struct Stream {
    PyObject_HEAD
    Exchange *exchange; /* NULL once the connection was taken over */
    wsgi_stream *stream;
    double timeout; /* seconds; negative: none */
    int users;      /* threads in a call */
    char closed;
} Stream;

/* TimeoutError itself from Python 3.10 on. */
static void *fail_late(void) {
    PyObject *module = PyImport_ImportModule("socket");
    PyObject *timeout = module ? PyObject_GetAttrString(module, "timeout") : NULL;
    if (timeout != NULL) PyErr_SetString(timeout, "timed out");
    Py_XDECREF(timeout);
    Py_XDECREF(module);
    return NULL;
}

static void *fail(int64_t status) {
    static const struct { int64_t status; PyObject **type; const char *text; } failures[] = {
        {WSGI_AGAIN, &PyExc_BlockingIOError, "nothing now"},
        {WSGI_E_CLIENT, &PyExc_ConnectionResetError, "the client has left"},
        {WSGI_E_CANCELLED, &PyExc_ConnectionAbortedError, "the stream was closed"},
        {WSGI_E_STATE, &PyExc_BrokenPipeError, "this direction was shut down"},
    };
    if (status == WSGI_E_TIMEOUT) return fail_late();
    for (size_t i = 0; i < Py_ARRAY_LENGTH(failures); i++)
        if (failures[i].status == status)
            return PyErr_SetString(*failures[i].type, failures[i].text), NULL;
    fail_with((wsgi_status)status, "use the stream");
    return NULL;
}

static int take_over(Stream *self) {
    Exchange *exchange = self->exchange;
    wsgi_status status = WSGI_OK;
    if (exchange == NULL) return 0;
    if (exchange->ended || exchange->taken) {
        PyErr_SetString(RequestGone, "cannot take the connection over: the request has ended");
        return -1;
    }
    const wsgi_server *server = exchange->handle->server;
    Py_BEGIN_ALLOW_THREADS
    if (exchange->started && !exchange->sent)
        status = wsgi_start_response(server, exchange->request, exchange->head.status_text,
                                     exchange->head.headers, exchange->head.count, 0);
    if (status >= 0) status = wsgi_request_hijack(server, exchange->request, 0, &self->stream);
    Py_END_ALLOW_THREADS
    if (status < 0) return fail_with(status, "take the connection over"), -1;
    exchange->taken = 1;
    Py_CLEAR(self->exchange);
    return 0;
}

PyObject *stream_new(Exchange *exchange, int now) {
    Stream *self = PyObject_New(Stream, &StreamType);
    if (self == NULL) return NULL;
    self->exchange = (Exchange *)Py_NewRef(exchange);
    self->stream = NULL;
    self->timeout = -1;
    self->users = 0;
    self->closed = 0;
    if (now && take_over(self) < 0) Py_CLEAR(self);
    return (PyObject *)self;
}

static void stream_dealloc(PyObject *object) {
    Stream *self = (Stream *)object;
    Py_CLEAR(self->exchange);
    wsgi_stream_free(self->stream);
    Py_TYPE(object)->tp_free(object);
}

/* With these a call is made: nobody frees the stream meanwhile. */
static wsgi_stream *enter(Stream *self) {
    if (self->closed) return PyErr_SetString(PyExc_OSError, "the stream is closed"), NULL;
    if (take_over(self) < 0) return NULL;
    self->users++;
    return self->stream;
}

static void leave(Stream *self) {
    if (--self->users == 0 && self->closed) {
        wsgi_stream_free(self->stream);
        self->stream = NULL;
    }
}

static uint32_t flags_for(Stream *self, wsgi_stream *stream, int32_t direction) {
    int64_t milliseconds = self->timeout <= 0 ? -1 : (int64_t)(self->timeout * 1000 + 0.999);
    wsgi_stream_set_deadline(stream, direction, milliseconds);
    return self->timeout == 0 ? WSGI_NONBLOCK : 0;
}

/* Bytes, 0 at the end, negative with an exception. */
static int64_t read_stream(Stream *self, void *buffer, Py_ssize_t capacity) {
    wsgi_stream *stream = enter(self);
    int64_t got;
    if (stream == NULL) return -1;
    Py_BEGIN_ALLOW_THREADS
    got = wsgi_stream_read(stream, buffer, (size_t)capacity,
                           flags_for(self, stream, WSGI_STREAM_READ));
    Py_END_ALLOW_THREADS
    leave(self);
    if (got < 0) fail(got);
    return got;
}

static PyObject *receive(PyObject *object, PyObject *arguments) {
    Py_ssize_t size;
    int flags = 0;
    if (!PyArg_ParseTuple(arguments, "n|i:recv", &size, &flags)) return NULL;
    if (size < 0) return PyErr_Format(PyExc_ValueError, "negative size in recv");
    PyObject *made = PyBytes_FromStringAndSize(NULL, size);
    if (made == NULL) return NULL;
    int64_t got = read_stream((Stream *)object, PyBytes_AS_STRING(made), size);
    if (got < 0) Py_CLEAR(made);
    else if (got < size) _PyBytes_Resize(&made, (Py_ssize_t)got);
    return made;
}

static PyObject *receive_into(PyObject *object, PyObject *arguments) {
    Py_buffer view;
    Py_ssize_t size = 0;
    int flags = 0;
    if (!PyArg_ParseTuple(arguments, "w*|ni:recv_into", &view, &size, &flags)) return NULL;
    if (size <= 0 || size > view.len) size = view.len;
    int64_t got = read_stream((Stream *)object, view.buf, size);
    PyBuffer_Release(&view);
    return got < 0 ? NULL : PyLong_FromLongLong(got);
}

static int64_t write_stream(Stream *self, const char *data, Py_ssize_t length) {
    wsgi_stream *stream = enter(self);
    int64_t sent;
    if (stream == NULL) return -1;
    Py_BEGIN_ALLOW_THREADS
    sent = wsgi_stream_write(stream, data, (size_t)length,
                             flags_for(self, stream, WSGI_STREAM_WRITE));
    Py_END_ALLOW_THREADS
    leave(self);
    if (sent < 0) fail(sent);
    return sent;
}

static PyObject *send_some(PyObject *object, PyObject *arguments) {
    Py_buffer view;
    int flags = 0;
    if (!PyArg_ParseTuple(arguments, "y*|i:send", &view, &flags)) return NULL;
    int64_t sent = write_stream((Stream *)object, view.buf, view.len);
    PyBuffer_Release(&view);
    return sent < 0 ? NULL : PyLong_FromLongLong(sent);
}

static PyObject *send_all(PyObject *object, PyObject *arguments) {
    Py_buffer view;
    int flags = 0;
    int64_t sent = 0;
    if (!PyArg_ParseTuple(arguments, "y*|i:sendall", &view, &flags)) return NULL;
    for (Py_ssize_t at = 0; at < view.len && sent >= 0; at += (Py_ssize_t)sent)
        sent = write_stream((Stream *)object, (const char *)view.buf + at, view.len - at);
    PyBuffer_Release(&view);
    if (sent < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *shut_down(PyObject *object, PyObject *how) {
    Stream *self = (Stream *)object;
    long direction = PyLong_AsLong(how); /* SHUT_RD, SHUT_WR, SHUT_RDWR: the library's numbers */
    if (direction == -1 && PyErr_Occurred()) return NULL;
    wsgi_stream *stream = enter(self);
    if (stream == NULL) return NULL;
    wsgi_status status = wsgi_stream_shutdown(stream, (int32_t)direction);
    leave(self);
    if (status < 0) return PyErr_Format(PyExc_ValueError, "no such direction: %R", how);
    Py_RETURN_NONE;
}

static PyObject *close_stream(PyObject *object, PyObject *unused) {
    Stream *self = (Stream *)object;
    (void)unused;
    if (!self->closed) {
        if (take_over(self) < 0) return NULL;
        self->closed = 1;
        self->users++;
        if (self->users > 1) wsgi_stream_cancel(self->stream);
        leave(self);
    }
    Py_RETURN_NONE;
}

static PyObject *descriptor(PyObject *object, PyObject *unused) {
    Stream *self = (Stream *)object;
    (void)unused;
    if (self->closed) return PyLong_FromLong(-1); /* as a closed socket has it */
    wsgi_stream *stream = enter(self);
    if (stream == NULL) return NULL;
    int32_t fd = wsgi_stream_fd(stream);
    leave(self);
    return fd < 0 ? fail(fd) : PyLong_FromLong(fd);
}

static PyObject *pending(PyObject *object, PyObject *unused) {
    Stream *self = (Stream *)object;
    (void)unused;
    wsgi_stream *stream = enter(self);
    if (stream == NULL) return NULL;
    int64_t count = wsgi_stream_pending(stream);
    leave(self);
    return PyLong_FromLongLong(count);
}

static PyObject *set_timeout(PyObject *object, PyObject *seconds) {
    double timeout = seconds == Py_None ? -1 : PyFloat_AsDouble(seconds);
    if (timeout == -1 && PyErr_Occurred()) return NULL;
    if (timeout < 0 && seconds != Py_None)
        return PyErr_Format(PyExc_ValueError, "Timeout value out of range");
    ((Stream *)object)->timeout = timeout;
    Py_RETURN_NONE;
}

static PyObject *set_blocking(PyObject *object, PyObject *flag) {
    int blocking = PyObject_IsTrue(flag);
    if (blocking < 0) return NULL;
    ((Stream *)object)->timeout = blocking ? -1 : 0;
    Py_RETURN_NONE;
}

static PyObject *get_timeout(PyObject *object, PyObject *unused) {
    double timeout = ((Stream *)object)->timeout;
    (void)unused;
    if (timeout < 0) Py_RETURN_NONE;
    return PyFloat_FromDouble(timeout);
}

/* What else there is to a socket is asked of one that stands for the descriptor a moment. */
static PyObject *ask_socket(PyObject *object, const char *method, PyObject *arguments) {
    static PyObject *socket_type;
    if (socket_type == NULL) {
        PyObject *module = PyImport_ImportModule("socket");
        socket_type = module ? PyObject_GetAttrString(module, "socket") : NULL;
        Py_XDECREF(module);
    }
    PyObject *number = socket_type ? descriptor(object, NULL) : NULL;
    PyObject *none = number ? PyTuple_New(0) : NULL;
    PyObject *named = none ? Py_BuildValue("{s:O}", "fileno", number) : NULL;
    PyObject *made = named ? PyObject_Call(socket_type, none, named) : NULL;
    PyObject *function = made ? PyObject_GetAttrString(made, method) : NULL;
    PyObject *result = function ? PyObject_CallObject(function, arguments) : NULL;
    PyObject *detached = made ? PyObject_CallMethod(made, "detach", NULL) : NULL;
    Py_XDECREF(number), Py_XDECREF(none), Py_XDECREF(named), Py_XDECREF(made);
    Py_XDECREF(function), Py_XDECREF(detached);
    return result;
}

static PyObject *peer_name(PyObject *object, PyObject *unused) {
    (void)unused;
    return ask_socket(object, "getpeername", NULL);
}

static PyObject *own_name(PyObject *object, PyObject *unused) {
    (void)unused;
    return ask_socket(object, "getsockname", NULL);
}

static PyObject *set_option(PyObject *object, PyObject *arguments) {
    return ask_socket(object, "setsockopt", arguments);
}

static PyObject *get_option(PyObject *object, PyObject *arguments) {
    return ask_socket(object, "getsockopt", arguments);
}

static PyObject *itself(PyObject *object, PyObject *unused) {
    (void)unused;
    return Py_NewRef(object);
}

static PyMethodDef stream_methods[] = {
    {"recv", receive, METH_VARARGS, "recv(size): some bytes, b'' at the end."},
    {"recv_into", receive_into, METH_VARARGS, "recv_into(buffer, size=0): how many came."},
    {"send", send_some, METH_VARARGS, "send(data): how many bytes have gone."},
    {"sendall", send_all, METH_VARARGS, "sendall(data)"},
    {"shutdown", shut_down, METH_O, "shutdown(socket.SHUT_RD, SHUT_WR or SHUT_RDWR)"},
    {"close", close_stream, METH_NOARGS, "Ends the connection; calls that wait return."},
    {"__enter__", itself, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)close_stream, METH_VARARGS, NULL},
    {"fileno", descriptor, METH_NOARGS, "The descriptor; what is pending is not in it."},
    {"pending", pending, METH_NOARGS, "How many bytes recv has at hand."},
    {"settimeout", set_timeout, METH_O, "Seconds for each call, None: no limit."},
    {"gettimeout", get_timeout, METH_NOARGS, NULL},
    {"setblocking", set_blocking, METH_O, NULL},
    {"getpeername", peer_name, METH_NOARGS, NULL},
    {"getsockname", own_name, METH_NOARGS, NULL},
    {"setsockopt", set_option, METH_VARARGS, NULL},
    {"getsockopt", get_option, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL}};

PyTypeObject StreamType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "wsgiserver._wsgiserver.Stream",
    .tp_doc = "A connection that was taken over, with the methods of a socket.",
    .tp_basicsize = sizeof(Stream),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = stream_dealloc,
    .tp_methods = stream_methods,
};
