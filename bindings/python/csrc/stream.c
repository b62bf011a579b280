/* A connection that an application has taken over, with the methods of a socket: what WebSocket
 * libraries look for in the environ. The one in an environ takes it over with its first use. One
 * thread may read while another writes; two that do the same take turns, and any may close. */
#include "host.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { DIRECTIONS = 2 }; /* WSGI_STREAM_READ and WSGI_STREAM_WRITE are indices */

typedef struct Stream {
    PyObject_HEAD
    Exchange *exchange; /* NULL once the connection was taken over */
    wsgi_stream *stream;
    double timeout; /* seconds; negative: none */
    int users;      /* threads in a call */
    char closed;
    PyThread_type_lock turns[DIRECTIONS]; /* held by the thread that reads, and by the one that writes */
    char secured; /* it is TLS */
    /* What fileno gives where bytes may be at hand that are not in the connection's descriptor: an
     * epoll of that and of an eventfd, which is readable while there are some. -1: none. */
    int selectable, marker;
    char marked;
    char is_ahead, ahead; /* the byte that was read to see whether there is one */
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

/* Waits until no other thread reads or writes, as the direction says, at most for the time-out. With
 * two writers each message leaves in one piece. */
static int take_turn(Stream *self, int32_t direction, double timeout) {
    PyThread_type_lock turn = self->turns[direction];
    PyLockStatus status;
    if (PyThread_acquire_lock(turn, NOWAIT_LOCK)) return 0;
    if (timeout == 0) return fail(WSGI_AGAIN), -1;
    /* A longer one than the clock can count is none. */
    PY_TIMEOUT_T most = timeout < 0 || timeout > 1e9 ? -1 : (PY_TIMEOUT_T)(timeout * 1e6 + 0.999);
    Py_BEGIN_ALLOW_THREADS
    status = PyThread_acquire_lock_timed(turn, most, 0);
    Py_END_ALLOW_THREADS
    if (status != PY_LOCK_ACQUIRED) return fail_late(), -1;
    return 0;
}

static void end_turn(Stream *self, int32_t direction) {
    PyThread_release_lock(self->turns[direction]);
}

/* Whether the connection is TLS, here or up to a proxy that says so: then nothing is ever pending. */
static char is_secured(const Exchange *exchange) {
    wsgi_environ environ = {.struct_size = sizeof environ};
    static const char key[] = "SSL_PROTOCOL";
    if (wsgi_request_environ(exchange->handle->server, exchange->request, &environ) < 0) return 0;
    for (size_t i = 0; i < environ.count; i++) {
        wsgi_str name = environ.pairs[i].key;
        if (name.len == sizeof key - 1 && memcmp(name.ptr, key, name.len) == 0) return 1;
    }
    return 0;
}

static int take_exchange(Stream *self) {
    Exchange *exchange = self->exchange;
    wsgi_status status = WSGI_OK;
    if (exchange == NULL) return 0;
    if (exchange->ended || exchange->taken) {
        PyErr_SetString(RequestGone, "cannot take the connection over: the request has ended");
        return -1;
    }
    const wsgi_server *server = exchange->handle->server;
    char secured;
    Py_BEGIN_ALLOW_THREADS
    secured = is_secured(exchange);
    if (exchange->started && !exchange->sent)
        status = wsgi_start_response(server, exchange->request, exchange->head.status_text,
                                     exchange->head.headers, exchange->head.count, 0);
    if (status >= 0) status = wsgi_request_hijack(server, exchange->request, 0, &self->stream);
    Py_END_ALLOW_THREADS
    if (status < 0) return fail_with(status, "take the connection over"), -1;
    exchange->taken = 1;
    self->secured = secured;
    Py_CLEAR(self->exchange);
    return 0;
}

static int take_over(Stream *self) {
    if (self->exchange == NULL) return 0;
    if (take_turn(self, WSGI_STREAM_WRITE, -1) < 0) return -1;
    int result = take_exchange(self);
    end_turn(self, WSGI_STREAM_WRITE);
    return result;
}

PyObject *stream_new(Exchange *exchange, int now) {
    Stream *self = PyObject_New(Stream, &StreamType);
    if (self == NULL) return NULL;
    self->exchange = (Exchange *)Py_NewRef(exchange);
    self->stream = NULL;
    self->timeout = -1;
    self->users = 0;
    self->closed = 0;
    self->selectable = self->marker = -1;
    self->marked = self->is_ahead = self->secured = 0;
    for (int i = 0; i < DIRECTIONS; i++) self->turns[i] = PyThread_allocate_lock();
    if (self->turns[0] == NULL || self->turns[1] == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    if (now && take_over(self) < 0) Py_CLEAR(self);
    return (PyObject *)self;
}

static void end_stream(Stream *self) {
    if (self->selectable >= 0) close(self->selectable);
    if (self->marker >= 0) close(self->marker);
    self->selectable = self->marker = -1;
    wsgi_stream_free(self->stream);
    self->stream = NULL;
}

static void stream_dealloc(PyObject *object) {
    Stream *self = (Stream *)object;
    Py_CLEAR(self->exchange);
    end_stream(self);
    for (int i = 0; i < DIRECTIONS; i++)
        if (self->turns[i] != NULL) PyThread_free_lock(self->turns[i]);
    Py_TYPE(object)->tp_free(object);
}

/* With these a call is made: nobody frees the stream meanwhile. */
static wsgi_stream *enter(Stream *self) {
    int closed;
    if (!self->closed && take_over(self) < 0) return NULL;
    Py_BEGIN_CRITICAL_SECTION(self);
    closed = self->closed;
    if (!closed) self->users++;
    Py_END_CRITICAL_SECTION();
    if (closed) return PyErr_SetString(PyExc_OSError, "the stream is closed"), NULL;
    return self->stream;
}

static void leave(Stream *self) {
    Py_BEGIN_CRITICAL_SECTION(self);
    if (--self->users == 0 && self->closed) end_stream(self);
    Py_END_CRITICAL_SECTION();
}

static uint32_t flags_for(Stream *self, wsgi_stream *stream, int32_t direction) {
    int64_t milliseconds = self->timeout <= 0 ? -1 : (int64_t)(self->timeout * 1000 + 0.999);
    wsgi_stream_set_deadline(stream, direction, milliseconds);
    return self->timeout == 0 ? WSGI_NONBLOCK : 0;
}

/* With the turn to read, without the GIL. */
static int64_t read_now(Stream *self, wsgi_stream *stream, char *buffer, size_t capacity) {
    uint32_t flags = flags_for(self, stream, WSGI_STREAM_READ);
    if (!self->is_ahead || capacity == 0) return wsgi_stream_read(stream, buffer, capacity, flags);
    buffer[0] = self->ahead;
    self->is_ahead = 0;
    if (capacity == 1 || wsgi_stream_pending(stream) <= 0) return 1;
    int64_t more = wsgi_stream_read(stream, buffer + 1, capacity - 1, WSGI_NONBLOCK);
    return more > 0 ? more + 1 : 1; /* what else it says, it says again */
}

/* Whether a byte can be read that is not in the connection's descriptor. What is pending may turn out
 * to be none, so one is taken. */
static char looks_ahead(Stream *self, wsgi_stream *stream) {
    if (self->is_ahead) return 1;
    if (wsgi_stream_pending(stream) <= 0) return 0;
    int64_t got = wsgi_stream_read(stream, &self->ahead, 1, WSGI_NONBLOCK);
    self->is_ahead = got == 1;
    return got != WSGI_AGAIN;
}

/* What selects on the descriptor sees whether bytes are pending. A thread that reads meanwhile does
 * this after its turn. By a thread that has entered. */
static void mark_pending(Stream *self, wsgi_stream *stream) {
    if (self->marker < 0 || !PyThread_acquire_lock(self->turns[WSGI_STREAM_READ], NOWAIT_LOCK)) return;
    Py_BEGIN_ALLOW_THREADS
    uint64_t count = 1;
    char marks = looks_ahead(self, stream);
    ssize_t done = marks == self->marked ? 0
                   : marks               ? write(self->marker, &count, sizeof count)
                                         : read(self->marker, &count, sizeof count);
    if (done == sizeof count) self->marked = marks;
    Py_END_ALLOW_THREADS
    end_turn(self, WSGI_STREAM_READ);
}

/* Bytes, 0 at the end, negative with an exception. */
static int64_t read_stream(Stream *self, void *buffer, Py_ssize_t capacity) {
    wsgi_stream *stream = enter(self);
    int64_t got;
    if (stream == NULL) return -1;
    if (take_turn(self, WSGI_STREAM_READ, self->timeout) < 0) return leave(self), -1;
    Py_BEGIN_ALLOW_THREADS
    got = read_now(self, stream, buffer, (size_t)capacity);
    Py_END_ALLOW_THREADS
    end_turn(self, WSGI_STREAM_READ);
    mark_pending(self, stream);
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

/* How many bytes have gone, negative with an exception. all: in as many calls as it takes, none of
 * another thread between them. */
static int64_t write_stream(Stream *self, const char *data, Py_ssize_t length, int all) {
    wsgi_stream *stream = enter(self);
    int64_t sent, total = 0;
    if (stream == NULL) return -1;
    if (take_turn(self, WSGI_STREAM_WRITE, self->timeout) < 0) return leave(self), -1;
    Py_BEGIN_ALLOW_THREADS
    do {
        sent = wsgi_stream_write(stream, data + total, (size_t)(length - total),
                                 flags_for(self, stream, WSGI_STREAM_WRITE));
        if (sent > 0) total += sent;
    } while (all && sent > 0 && total < length);
    Py_END_ALLOW_THREADS
    end_turn(self, WSGI_STREAM_WRITE);
    leave(self);
    if (sent < 0) return fail(sent), -1;
    return total;
}

static PyObject *send_some(PyObject *object, PyObject *arguments) {
    Py_buffer view;
    int flags = 0;
    if (!PyArg_ParseTuple(arguments, "y*|i:send", &view, &flags)) return NULL;
    int64_t sent = write_stream((Stream *)object, view.buf, view.len, 0);
    PyBuffer_Release(&view);
    return sent < 0 ? NULL : PyLong_FromLongLong(sent);
}

static PyObject *send_all(PyObject *object, PyObject *arguments) {
    Py_buffer view;
    int flags = 0;
    if (!PyArg_ParseTuple(arguments, "y*|i:sendall", &view, &flags)) return NULL;
    int64_t sent = write_stream((Stream *)object, view.buf, view.len, 1);
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
    wsgi_status status;
    Py_BEGIN_ALLOW_THREADS
    status = wsgi_stream_shutdown(stream, (int32_t)direction);
    Py_END_ALLOW_THREADS
    leave(self);
    if (status < 0) return PyErr_Format(PyExc_ValueError, "no such direction: %R", how);
    Py_RETURN_NONE;
}

static PyObject *close_stream(PyObject *object, PyObject *unused) {
    Stream *self = (Stream *)object;
    (void)unused;
    if (self->closed) Py_RETURN_NONE;
    if (take_over(self) < 0) return NULL;
    int first, others;
    Py_BEGIN_CRITICAL_SECTION(object);
    first = !self->closed;
    self->closed = 1;
    others = self->users;
    if (first) self->users++;
    Py_END_CRITICAL_SECTION();
    if (!first) Py_RETURN_NONE;
    if (others > 0) {
        Py_BEGIN_ALLOW_THREADS
        wsgi_stream_cancel(self->stream);
        Py_END_ALLOW_THREADS
    }
    leave(self);
    Py_RETURN_NONE;
}

static int add_to(int selectable, int fd) {
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(selectable, EPOLL_CTL_ADD, fd, &event);
}

/* Makes what fileno gives in the place of the connection's descriptor. */
static int make_selectable(Stream *self, wsgi_stream *stream) {
    int made = epoll_create1(EPOLL_CLOEXEC), marker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (made < 0 || marker < 0 || add_to(made, wsgi_stream_fd(stream)) < 0 ||
        add_to(made, marker) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        if (made >= 0) close(made);
        if (marker >= 0) close(marker);
        return -1;
    }
    int first;
    Py_BEGIN_CRITICAL_SECTION(self);
    first = self->selectable < 0;
    if (first) self->selectable = made, self->marker = marker;
    Py_END_CRITICAL_SECTION();
    if (!first) close(made), close(marker);
    mark_pending(self, stream);
    return 0;
}

static int64_t count_pending(Stream *self, wsgi_stream *stream) {
    int64_t count;
    Py_BEGIN_ALLOW_THREADS
    count = wsgi_stream_pending(stream);
    Py_END_ALLOW_THREADS
    return count + self->is_ahead;
}

/* A stream that never waits is used with its own descriptor, and pending, as a socket of TLS is. */
static PyObject *descriptor(PyObject *object, PyObject *unused) {
    Stream *self = (Stream *)object;
    (void)unused;
    if (self->closed) return PyLong_FromLong(-1); /* as a closed socket has it */
    wsgi_stream *stream = enter(self);
    if (stream == NULL) return NULL;
    int fd = -1;
    int hides = self->timeout != 0 && (self->secured || count_pending(self, stream) > 0);
    if (self->selectable >= 0 || !hides || make_selectable(self, stream) == 0)
        fd = self->selectable >= 0 && self->timeout != 0 ? self->selectable : wsgi_stream_fd(stream);
    leave(self);
    return fd < 0 ? NULL : PyLong_FromLong(fd);
}

static PyObject *pending(PyObject *object, PyObject *unused) {
    Stream *self = (Stream *)object;
    (void)unused;
    wsgi_stream *stream = enter(self);
    if (stream == NULL) return NULL;
    int64_t count = count_pending(self, stream);
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
    Stream *self = (Stream *)object;
    wsgi_stream *stream = socket_type ? enter(self) : NULL;
    PyObject *number = stream ? PyLong_FromLong(wsgi_stream_fd(stream)) : NULL;
    PyObject *none = number ? PyTuple_New(0) : NULL;
    PyObject *named = none ? Py_BuildValue("{s:O}", "fileno", number) : NULL;
    PyObject *made = named ? PyObject_Call(socket_type, none, named) : NULL;
    PyObject *function = made ? PyObject_GetAttrString(made, method) : NULL;
    PyObject *result = function ? PyObject_CallObject(function, arguments) : NULL;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *detached = made ? PyObject_CallMethod(made, "detach", NULL) : NULL;
    PyErr_Restore(type, value, traceback);
    if (stream != NULL) leave(self);
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
    {"fileno", descriptor, METH_NOARGS, "A descriptor that is readable while recv has something."},
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
