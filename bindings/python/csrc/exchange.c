/* One request and its answer. Applications see it as start_response; a Gateway answers with its
 * methods. It may be kept after the request: then each use is an exception, never a crash. */
#include "host.h"

#include <structmember.h>
#include <time.h>

static PyObject *write_piece(PyObject *self, PyObject *data);
static PyObject *early_hints(PyObject *self, PyObject *headers);
static PyObject *start_response(PyObject *callable, PyObject *const *arguments, size_t flagged,
                                PyObject *names);

static PyMethodDef write_method = {"write", write_piece, METH_O, "Sends a piece of the body now."};
static PyMethodDef early_hints_method = {
    "early_hints", early_hints, METH_O,
    "Sends 103 Early Hints with these headers now, to a client of HTTP/1.1."};

static Exchange *exchange_new(handle *handle, wsgi_request request) {
    Exchange *self = PyObject_New(Exchange, &ExchangeType);
    if (self == NULL) return NULL;
    self->vectorcall = start_response;
    self->handle = handle_use(handle);
    self->request = request;
    memset(&self->head, 0, sizeof self->head);
    self->head.content_length = -1;
    self->started = self->sent = self->ended = self->taken = self->is_head = 0;
    self->half_closed_at = 0;
    self->spare = NULL;
    return self;
}

/* Each holds the exchange, so with the thread's own reference there are three. */
static int is_ours_alone(const exchange_spare *spare) {
#ifdef Py_GIL_DISABLED
    (void)spare;
    return 0;
#else
    return Py_REFCNT(spare->exchange) == 3 && Py_REFCNT(spare->write) == 1 &&
           Py_REFCNT(spare->early_hints) == 1;
#endif
}

Exchange *exchange_take(exchange_spare *spare, handle *handle, wsgi_request request) {
    Exchange *self = spare->exchange;
    if (self != NULL && is_ours_alone(spare)) {
        head_clear(&self->head);
        self->request = request;
        self->started = self->sent = self->ended = self->taken = self->is_head = 0;
        self->half_closed_at = 0;
        self->spare = spare;
        Py_INCREF(self);
        return self;
    }
    exchange_spare_clear(spare);
    self = exchange_new(handle, request);
    if (self == NULL) return NULL;
    spare->write = PyCFunction_New(&write_method, (PyObject *)self);
    spare->early_hints = PyCFunction_New(&early_hints_method, (PyObject *)self);
    if (spare->write == NULL || spare->early_hints == NULL) {
        exchange_spare_clear(spare);
        Py_DECREF(self);
        return NULL;
    }
    spare->exchange = (Exchange *)Py_NewRef((PyObject *)self);
    self->spare = spare;
    return self;
}

void exchange_spare_clear(exchange_spare *spare) {
    if (spare->exchange != NULL) spare->exchange->spare = NULL;
    Py_CLEAR(spare->exchange);
    Py_CLEAR(spare->write);
    Py_CLEAR(spare->early_hints);
}

static PyObject *write_of(Exchange *self) {
    if (self->spare != NULL) return Py_NewRef(self->spare->write);
    return PyCFunction_New(&write_method, (PyObject *)self);
}

static void exchange_dealloc(PyObject *object) {
    Exchange *self = (Exchange *)object;
    head_clear(&self->head);
    handle_drop(self->handle);
    Py_TYPE(object)->tp_free(object);
}

PyObject *exchange_early_hints(Exchange *self) {
    if (self->spare != NULL) return Py_NewRef(self->spare->early_hints);
    return PyCFunction_New(&early_hints_method, (PyObject *)self);
}

static int is_over(Exchange *self, const char *what) {
    if (!self->ended && !self->taken) return 0;
    PyErr_Format(RequestGone, "cannot %s: the request has ended", what);
    return 1;
}

static PyObject *raise_again(PyObject *exc_info) {
    if (!PyTuple_Check(exc_info) || PyTuple_GET_SIZE(exc_info) != 3 ||
        !PyExceptionClass_Check(PyTuple_GET_ITEM(exc_info, 0))) {
        PyErr_SetString(PyExc_TypeError, "exc_info is not a tuple as of sys.exc_info().");
        return NULL;
    }
    PyObject *traceback = PyTuple_GET_ITEM(exc_info, 2);
    PyErr_Restore(Py_NewRef(PyTuple_GET_ITEM(exc_info, 0)), Py_NewRef(PyTuple_GET_ITEM(exc_info, 1)),
                  traceback == Py_None ? NULL : Py_NewRef(traceback));
    return NULL;
}

/* start_response(status, headers, exc_info=None) -> write */
static PyObject *start_response(PyObject *callable, PyObject *const *arguments, size_t flagged,
                                PyObject *names) {
    Exchange *self = (Exchange *)callable;
    Py_ssize_t count = PyVectorcall_NARGS(flagged);
    Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
    PyObject *exc_info = count == 3 ? arguments[2] : NULL;
    if (named == 1 && count == 2 &&
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "exc_info") == 0)
        exc_info = arguments[2];
    else if (named != 0 || count < 2 || count > 3)
        return PyErr_Format(PyExc_TypeError, "start_response takes status, headers[, exc_info]");
    if (exc_info == Py_None) exc_info = NULL;
    /* Frameworks return a response even behind a WebSocket: there is nobody to get it. */
    if (self->taken) return write_of(self);
    if (is_over(self, "start the response")) return NULL;
    if (self->started && exc_info == NULL) {
        PyErr_SetString(ApplicationError,
                        "WSGI start_response called a second time with no exc_info.");
        return NULL;
    }
    if (self->sent) return raise_again(exc_info);
    self->started = 0;
    if (head_set(&self->head, arguments[0], arguments[1]) < 0) return NULL;
    if (head_is_interim(&self->head))
        return PyErr_Format(PyExc_ValueError, "WSGI response status %R is not a final one.",
                            arguments[0]);
    self->started = 1;
    return write_of(self);
}

/* How many seconds a client may have half-closed its connection before an empty piece takes it as gone:
 * most that do so have left, but a few still read. */
enum { HALF_CLOSED_FOR = 1 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* With an empty piece, which sends nothing that would show it. */
static int is_gone(Exchange *self) {
    int32_t how;
    Py_BEGIN_ALLOW_THREADS
    how = wsgi_request_aborted(self->handle->server, self->request);
    Py_END_ALLOW_THREADS
    if (how == 1 && self->half_closed_at == 0) self->half_closed_at = now();
    return how == 2 || (how == 1 && now() - self->half_closed_at >= HALF_CLOSED_FOR);
}

/* The head and a piece in one go without the GIL, so that they leave in one packet. */
static int send_piece(Exchange *self, const char *data, size_t length) {
    wsgi_status status = WSGI_OK;
    const wsgi_server *server = self->handle->server;
    Py_BEGIN_ALLOW_THREADS
    if (!self->sent)
        status = wsgi_start_response(server, self->request, self->head.status_text,
                                     self->head.headers, self->head.count, 0);
    if (status >= 0)
        status = length > 0 ? wsgi_write(server, self->request, data, length, 0)
                            : wsgi_flush(server, self->request, 0);
    Py_END_ALLOW_THREADS
    self->sent = 1;
    if (status >= 0 && length > 0) self->half_closed_at = 0;
    if (status >= 0 && length == 0 && is_gone(self)) status = WSGI_E_CLIENT;
    return status < 0 ? (fail_with(status, "send the response"), -1) : 0;
}

int exchange_write(Exchange *self, PyObject *data) {
    if (is_over(self, "write")) return -1;
    if (!self->started) {
        PyErr_SetString(ApplicationError, "WSGI write called before start_response.");
        return -1;
    }
    if (!PyBytes_Check(data)) {
        PyErr_SetString(PyExc_ValueError, "WSGI Applications must yield bytes");
        return -1;
    }
    return send_piece(self, PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data));
}

static PyObject *write_piece(PyObject *self, PyObject *data) {
    if (exchange_write((Exchange *)self, data) < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *inform_with(Exchange *self, PyObject *status, PyObject *headers) {
    head interim = {.content_length = -1};
    if (is_over(self, "send an interim response")) return NULL;
    if (head_set(&interim, status, headers) < 0) return NULL;
    wsgi_status result;
    Py_BEGIN_ALLOW_THREADS
    result = wsgi_inform(self->handle->server, self->request, interim.status_text, interim.headers,
                         interim.count);
    Py_END_ALLOW_THREADS
    head_clear(&interim);
    if (result < 0) return fail_with(result, "send an interim response");
    Py_RETURN_NONE;
}

static PyObject *early_hints(PyObject *self, PyObject *headers) {
    PyObject *status = PyUnicode_FromString("103 Early Hints");
    PyObject *result = status ? inform_with((Exchange *)self, status, headers) : NULL;
    Py_XDECREF(status);
    return result;
}

static PyObject *inform(PyObject *self, PyObject *arguments) {
    PyObject *status, *headers = NULL;
    if (!PyArg_ParseTuple(arguments, "U|O:inform", &status, &headers)) return NULL;
    PyObject *given = headers ? Py_NewRef(headers) : PyList_New(0);
    PyObject *result = given ? inform_with((Exchange *)self, status, given) : NULL;
    Py_XDECREF(given);
    return result;
}

static PyObject *add_trailer(PyObject *object, PyObject *arguments) {
    Exchange *self = (Exchange *)object;
    wsgi_str name, value;
    Py_ssize_t name_length, value_length;
    if (!PyArg_ParseTuple(arguments, "s#s#:add_trailer", &name.ptr, &name_length, &value.ptr,
                          &value_length) ||
        is_over(self, "add a trailer"))
        return NULL;
    name.len = (size_t)name_length, value.len = (size_t)value_length;
    if (self->started && !self->sent && send_piece(self, NULL, 0) < 0) return NULL;
    wsgi_status status = wsgi_add_trailer(self->handle->server, self->request, name, value);
    if (status < 0) return fail_with(status, "add a trailer");
    Py_RETURN_NONE;
}

/* Like sent by the client, for a Gateway: no environ is needed. */
static PyObject *view(PyObject *object, PyObject *unused) {
    Exchange *self = (Exchange *)object;
    wsgi_view view = {.struct_size = sizeof view};
    (void)unused;
    wsgi_status status = wsgi_request_view(self->handle->server, self->request, &view);
    if (status < 0) return fail_with(status, "look at the request");
    PyObject *fields = PyList_New((Py_ssize_t)view.count);
    for (size_t i = 0; fields != NULL && i < view.count; i++) {
        const wsgi_pair *field = &view.fields[i];
        PyObject *pair = Py_BuildValue("(y#y#)", field->key.ptr, (Py_ssize_t)field->key.len,
                                       field->value.ptr, (Py_ssize_t)field->value.len);
        if (pair == NULL) Py_CLEAR(fields);
        else PyList_SET_ITEM(fields, (Py_ssize_t)i, pair);
    }
    if (fields == NULL) return NULL;
    return Py_BuildValue("(y#y#y#y#y#NLI)", view.method.ptr, (Py_ssize_t)view.method.len,
                         view.target.ptr, (Py_ssize_t)view.target.len, view.path.ptr,
                         (Py_ssize_t)view.path.len, view.query.ptr, (Py_ssize_t)view.query.len,
                         view.protocol.ptr, (Py_ssize_t)view.protocol.len, fields,
                         (long long)view.content_length, view.version_minor);
}

/* The environ that an application would be called with. */
static PyObject *environ_of(PyObject *object, PyObject *arguments) {
    Exchange *self = (Exchange *)object;
    wsgi_environ environ = {.struct_size = sizeof environ};
    PyObject *template;
    int unicode = 0;
    if (!PyArg_ParseTuple(arguments, "O!|p:environ", &PyDict_Type, &template, &unicode)) return NULL;
    wsgi_status status = wsgi_request_environ(self->handle->server, self->request, &environ);
    if (status < 0) return fail_with(status, "look at the request");
    return environ_build(template, NULL, &environ, unicode, self);
}

static PyObject *address(PyObject *object, wsgi_status (*ask)(const wsgi_server *, wsgi_request,
                                                             char *, size_t, size_t *)) {
    Exchange *self = (Exchange *)object;
    char text[64];
    wsgi_status status = ask(self->handle->server, self->request, text, sizeof text, NULL);
    if (status < 0) return fail_with(status, "look at the request");
    return PyUnicode_FromString(text);
}

static PyObject *peer(PyObject *object, PyObject *unused) {
    (void)unused;
    return address(object, wsgi_request_peer_addr);
}

static PyObject *local(PyObject *object, PyObject *unused) {
    (void)unused;
    return address(object, wsgi_request_local_addr);
}

static PyObject *socket_of(PyObject *object, PyObject *unused) {
    (void)unused;
    return stream_new((Exchange *)object, 0);
}

static PyObject *input(PyObject *object, PyObject *length) {
    Exchange *self = (Exchange *)object;
    long long wanted = PyLong_AsLongLong(length);
    if (wanted == -1 && PyErr_Occurred()) return NULL;
    return input_new(self->handle, self->request, wanted);
}

static PyObject *aborted(PyObject *object, PyObject *unused) {
    Exchange *self = (Exchange *)object;
    (void)unused;
    int32_t how = wsgi_request_aborted(self->handle->server, self->request);
    return PyLong_FromLong(how == WSGI_GONE ? 2 : how);
}

static PyObject *identify(PyObject *object, PyObject *unused) {
    (void)unused;
    return address(object, wsgi_request_id);
}

static PyObject *set_deadline(PyObject *object, PyObject *seconds) {
    Exchange *self = (Exchange *)object;
    double wanted = seconds == Py_None ? 0 : PyFloat_AsDouble(seconds);
    if (wanted == -1 && PyErr_Occurred()) return NULL;
    wsgi_status status = wsgi_request_set_deadline(self->handle->server, self->request,
                                                   (int64_t)(wanted * 1000));
    if (status < 0) return fail_with(status, "set a deadline");
    Py_RETURN_NONE;
}

static PyObject *hijack(PyObject *object, PyObject *unused) {
    Exchange *self = (Exchange *)object;
    (void)unused;
    if (is_over(self, "take the connection over")) return NULL;
    return stream_new(self, 1);
}

static PyMethodDef exchange_methods[] = {
    {"write", write_piece, METH_O, "Sends a piece of the body now, and before it the head."},
    {"early_hints", early_hints, METH_O, "Sends 103 Early Hints with these headers now."},
    {"inform", inform, METH_VARARGS, "Sends an interim answer, like '102 Processing'."},
    {"add_trailer", add_trailer, METH_VARARGS, "Adds a field behind a chunked body."},
    {"view", view, METH_NOARGS, "The request as it was sent, for a Gateway."},
    {"environ", environ_of, METH_VARARGS,
     "environ(template, unicode=False): what an application would be called with."},
    {"peer", peer, METH_NOARGS, "The client's address, like '192.0.2.1:50000'; '' of a UNIX socket."},
    {"local", local, METH_NOARGS, "The address that the client has reached."},
    {"socket", socket_of, METH_NOARGS, "The connection, taken over when it is used."},
    {"input", input, METH_O, "The body as a file; the argument is its length, -1: chunked."},
    {"aborted", aborted, METH_NOARGS,
     "0: the client is there, 1: it has half-closed, 2: it has left, 3: the server stops."},
    {"id", identify, METH_NOARGS, "A short text that names the request, for logs."},
    {"set_deadline", set_deadline, METH_O, "Bounds the request: seconds from now; None: not."},
    {"hijack", hijack, METH_NOARGS, "Takes the connection over: a stream like a socket."},
    {NULL, NULL, 0, NULL}};

static PyMemberDef exchange_members[] = {
    {"started", T_BOOL, offsetof(Exchange, started), READONLY, "start_response was called."},
    {"sent", T_BOOL, offsetof(Exchange, sent), READONLY, "The head is on its way."},
    {"ended", T_BOOL, offsetof(Exchange, ended), READONLY, "The request is over."},
    {"taken", T_BOOL, offsetof(Exchange, taken), READONLY, "The connection was taken over."},
    {NULL, 0, 0, 0, NULL}};

PyTypeObject ExchangeType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "wsgiserver._wsgiserver.Exchange",
    .tp_doc = "One request and its answer; called, it is WSGI's start_response.",
    .tp_basicsize = sizeof(Exchange),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_vectorcall_offset = offsetof(Exchange, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_dealloc = exchange_dealloc,
    .tp_methods = exchange_methods,
    .tp_members = exchange_members,
};
