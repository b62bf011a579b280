/* A server of the library for one run of an HTTPServer. */
#include "host.h"

#include <structmember.h>

static PyObject *server_new(PyTypeObject *type, PyObject *arguments, PyObject *named) {
    static char *names[] = {"owner", "bind_addr", NULL};
    PyObject *owner;
    const char *address = NULL;
    wsgi_error *error = NULL;
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "Oz:Server", names, &owner, &address))
        return NULL;
    Server *self = (Server *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->owner = Py_NewRef(owner);
    self->handle = handle_new(address, &error);
    if (self->handle == NULL) {
        Py_DECREF(self);
        return fail_with_error(WSGI_E_SYSTEM, error);
    }
    return (PyObject *)self;
}

static int server_traverse(PyObject *object, visitproc visit, void *arg) {
    Server *self = (Server *)object;
    Py_VISIT(self->owner);
    Py_VISIT(self->app);
    Py_VISIT(self->environ);
    Py_VISIT(self->respond);
    return 0;
}

static int server_clear(PyObject *object) {
    Server *self = (Server *)object;
    Py_CLEAR(self->owner);
    Py_CLEAR(self->app);
    Py_CLEAR(self->environ);
    Py_CLEAR(self->respond);
    return 0;
}

static void server_dealloc(PyObject *object) {
    PyObject_GC_UnTrack(object);
    server_clear(object);
    handle_drop(((Server *)object)->handle);
    Py_TYPE(object)->tp_free(object);
}

static const wsgi_server *of(PyObject *object) {
    return ((Server *)object)->handle->server;
}

static PyObject *set(PyObject *object, PyObject *arguments) {
    const char *name, *value;
    wsgi_error *error = NULL;
    if (!PyArg_ParseTuple(arguments, "ss:set", &name, &value)) return NULL;
    wsgi_status status = wsgi_server_set(of(object), name, value, &error);
    if (status < 0) return fail_with_error(status, error);
    Py_RETURN_NONE;
}

static PyObject *get(PyObject *object, PyObject *name) {
    char buffer[4096];
    size_t length = 0;
    const char *text = PyUnicode_AsUTF8(name);
    if (text == NULL) return NULL;
    wsgi_status status = wsgi_server_get(of(object), text, buffer, sizeof buffer, &length);
    if (status == WSGI_E_OPTION) return PyErr_Format(PyExc_ValueError, "no option %R", name);
    if (status < 0) return fail_with(status, "read the option");
    return PyUnicode_FromStringAndSize(buffer, (Py_ssize_t)length);
}

static PyObject *listen_on(PyObject *object, PyObject *address) {
    wsgi_error *error = NULL;
    const char *text = PyUnicode_AsUTF8(address);
    if (text == NULL) return NULL;
    wsgi_status status = wsgi_server_listen(of(object), text, &error);
    if (status < 0) return fail_with_error(status, error);
    Py_RETURN_NONE;
}

static PyObject *listen_fd(PyObject *object, PyObject *number) {
    wsgi_error *error = NULL;
    int fd = PyObject_AsFileDescriptor(number);
    if (fd < 0) return NULL;
    wsgi_status status = wsgi_server_listen_fd(of(object), fd, &error);
    if (status < 0) return fail_with_error(status, error);
    Py_RETURN_NONE;
}

/* Has an adapter made, set and given to the server, which keeps what it needs of it. */
static PyObject *use_ssl(PyObject *object, PyObject *arguments) {
    const char *name, *certificate, *private_key, *chain;
    PyObject *settings, *key, *value;
    wsgi_ssl_adapter *adapter = NULL;
    wsgi_error *error = NULL;
    Py_ssize_t at = 0;
    if (!PyArg_ParseTuple(arguments, "szzzO!:use_ssl", &name, &certificate, &private_key, &chain,
                          &PyDict_Type, &settings))
        return NULL;
    wsgi_status status = wsgi_ssl_adapter_new(of(object), name, certificate, private_key, chain,
                                              &adapter, &error);
    while (status >= 0 && PyDict_Next(settings, &at, &key, &value)) {
        const char *option = PyUnicode_AsUTF8(key), *text = PyUnicode_AsUTF8(value);
        if (option == NULL || text == NULL) return wsgi_ssl_adapter_free(adapter), NULL;
        status = wsgi_ssl_adapter_set(adapter, option, text, &error);
    }
    if (status >= 0) status = wsgi_server_set_ssl_adapter(of(object), adapter, &error);
    wsgi_ssl_adapter_free(adapter);
    if (status < 0) return fail_with_error(status, error);
    Py_RETURN_NONE;
}

static PyObject *use_ssl_context(PyObject *object, PyObject *new_session) {
    wsgi_error *error = NULL;
    wsgi_ssl_adapter *adapter = NULL;
    wsgi_status status = ssl_context_register(of(object), "context", new_session, &error);
    if (status >= 0)
        status = wsgi_ssl_adapter_new(of(object), "context", "", NULL, NULL, &adapter, &error);
    if (status >= 0) status = wsgi_server_set_ssl_adapter(of(object), adapter, &error);
    wsgi_ssl_adapter_free(adapter);
    if (status < 0) return fail_with_error(status, error);
    Py_RETURN_NONE;
}

static PyObject *reload_ssl(PyObject *object, PyObject *unused) {
    wsgi_error *error = NULL;
    wsgi_status status;
    (void)unused;
    Py_BEGIN_ALLOW_THREADS
    status = wsgi_server_reload_ssl(of(object), &error);
    Py_END_ALLOW_THREADS
    if (status < 0) return fail_with_error(status, error);
    Py_RETURN_NONE;
}

static PyObject *prepare(PyObject *object, PyObject *unused) {
    wsgi_error *error = NULL;
    wsgi_status status;
    (void)unused;
    Py_BEGIN_ALLOW_THREADS
    status = wsgi_server_prepare(of(object), &error);
    Py_END_ALLOW_THREADS
    if (status < 0) return fail_with_error(status, error);
    Py_RETURN_NONE;
}

static PyObject *stop(PyObject *object, PyObject *unused) {
    uint32_t cut = 0;
    wsgi_status status;
    (void)unused;
    Py_BEGIN_ALLOW_THREADS
    status = wsgi_server_stop(of(object), &cut);
    Py_END_ALLOW_THREADS
    handle_take_returned(((Server *)object)->handle);
    if (status < 0 && status != WSGI_E_FORKED) return fail_with(status, "stop");
    return PyLong_FromUnsignedLong(cut);
}

static PyObject *signal_stop(PyObject *object, PyObject *unused) {
    (void)unused;
    wsgi_server_signal_stop(of(object));
    Py_RETURN_NONE;
}

static PyObject *quiesce(PyObject *object, PyObject *unused) {
    (void)unused;
    wsgi_status status = wsgi_server_quiesce(of(object));
    if (status < 0) return fail_with(status, "take no more connections");
    Py_RETURN_NONE;
}

static PyObject *addresses(PyObject *object, PyObject *unused) {
    char text[512];
    PyObject *made = PyList_New(0);
    (void)unused;
    for (size_t i = 0; made != NULL && i < wsgi_server_listener_count(of(object)); i++) {
        if (wsgi_server_bound_addr_at(of(object), i, text, sizeof text, NULL) < 0) break;
        PyObject *address = PyUnicode_DecodeFSDefault(text);
        if (address == NULL || PyList_Append(made, address) < 0) Py_CLEAR(made);
        Py_XDECREF(address);
    }
    return made;
}

static PyObject *count_of(PyObject *object, wsgi_status (*count)(const wsgi_server *, size_t *)) {
    size_t found = 0;
    count(of(object), &found);
    return PyLong_FromSize_t(found);
}

static PyObject *idle(PyObject *object, PyObject *unused) {
    (void)unused;
    return count_of(object, wsgi_server_idle);
}

static PyObject *qsize(PyObject *object, PyObject *unused) {
    (void)unused;
    return count_of(object, wsgi_server_qsize);
}

static PyObject *stats(PyObject *object, PyObject *unused) {
    wsgi_stats stats = {.struct_size = sizeof stats};
    (void)unused;
    wsgi_status status = wsgi_server_stats(of(object), &stats);
    if (status < 0) return fail_with(status, "tell the statistics");
    return Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:d,s:d,s:n,s:n}", "accepts",
                         (unsigned long long)stats.accepts, "socket_errors",
                         (unsigned long long)stats.socket_errors, "requests",
                         (unsigned long long)stats.requests, "bytes_read",
                         (unsigned long long)stats.bytes_read, "bytes_written",
                         (unsigned long long)stats.bytes_written, "run_time", stats.run_time,
                         "work_time", stats.work_time, "connections",
                         (Py_ssize_t)stats.connections, "requests_in_work",
                         (Py_ssize_t)stats.requests_in_work);
}

static PyObject *workers(PyObject *object, PyObject *unused) {
    wsgi_worker_stats stats = {.struct_size = sizeof stats};
    PyObject *made = PyList_New(0);
    (void)unused;
    for (size_t i = 0; made != NULL && wsgi_server_worker_stats(of(object), i, &stats) >= 0; i++) {
        PyObject *figures =
            Py_BuildValue("{s:n,s:K,s:K,s:K,s:d}", "number", (Py_ssize_t)stats.number, "requests",
                          (unsigned long long)stats.requests, "bytes_read",
                          (unsigned long long)stats.bytes_read, "bytes_written",
                          (unsigned long long)stats.bytes_written, "work_time", stats.work_time);
        if (figures == NULL || PyList_Append(made, figures) < 0) Py_CLEAR(made);
        Py_XDECREF(figures);
    }
    return made;
}

typedef wsgi_status (*told_fn)(const wsgi_server *, char *, size_t, size_t *);

/* As long as it is; it may grow between two calls. */
static PyObject *told(PyObject *object, told_fn tell) {
    size_t capacity = 16384, length = 0;
    for (;;) {
        char *buffer = PyMem_Malloc(capacity);
        if (buffer == NULL) return PyErr_NoMemory();
        wsgi_status status = tell(of(object), buffer, capacity, &length);
        PyObject *made = NULL;
        if (status >= 0) made = PyUnicode_FromStringAndSize(buffer, (Py_ssize_t)length);
        PyMem_Free(buffer);
        if (status >= 0) return made;
        if (status != WSGI_E_LENGTH) return fail_with(status, "tell the statistics");
        capacity = length + 1024;
    }
}

static PyObject *stats_json(PyObject *object, PyObject *unused) {
    (void)unused;
    return told(object, wsgi_server_stats_json);
}

static PyObject *stats_prometheus(PyObject *object, PyObject *unused) {
    (void)unused;
    return told(object, wsgi_server_stats_prometheus);
}

static PyObject *clear_stats(PyObject *object, PyObject *unused) {
    (void)unused;
    wsgi_server_clear_stats(of(object));
    Py_RETURN_NONE;
}

static PyObject *is_ready(PyObject *object, void *unused) {
    (void)unused;
    return PyBool_FromLong(wsgi_server_ready(of(object)) == 1);
}

/* app, environ and respond: read by the threads at each request, so set as a whole. */
static int set_part(PyObject *object, PyObject *value, void *offset) {
    PyObject *old;
    PyObject **part = (PyObject **)(void *)((char *)object + (size_t)offset);
    PyObject *new = value == Py_None ? NULL : Py_XNewRef(value);
    if ((size_t)offset == offsetof(Server, environ) && new != NULL && !PyDict_CheckExact(new)) {
        PyErr_SetString(PyExc_TypeError, "environ is a dict");
        return Py_DECREF(new), -1;
    }
    Py_BEGIN_CRITICAL_SECTION(object);
    old = *part;
    *part = new;
    Py_END_CRITICAL_SECTION();
    Py_XDECREF(old);
    return 0;
}

static PyObject *get_part(PyObject *object, void *offset) {
    PyObject *value = *(PyObject **)(void *)((char *)object + (size_t)offset);
    return Py_NewRef(value ? value : Py_None);
}

#define PART(name, doc) {#name, get_part, set_part, doc, (void *)offsetof(Server, name)}
static PyGetSetDef server_attributes[] = {
    PART(app, "The WSGI application."),
    PART(environ, "What each environ begins with; replaced, not changed, while serving."),
    PART(respond, "Called with the exchange in the application's place; None: the application."),
    {"ready", is_ready, NULL, "Whether it serves.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef server_members[] = {
    {"unicode", T_INT, offsetof(Server, unicode), 0, "Environs of WSGI u.0."},
    {"grows", T_INT, offsetof(Server, grows), 0, "The owner is told when all threads are busy."},
    {NULL, 0, 0, 0, NULL}};

static PyMethodDef server_methods[] = {
    {"set", set, METH_VARARGS, "set(name, value): an option, as text."},
    {"get", get, METH_O, "get(name): an option's value, as text."},
    {"listen", listen_on, METH_O, "listen(address): a further one."},
    {"listen_fd", listen_fd, METH_O, "listen_fd(number): a listening socket, which is taken."},
    {"use_ssl", use_ssl, METH_VARARGS,
     "use_ssl(name, certificate, private_key, chain, settings): speaks TLS by the library."},
    {"use_ssl_context", use_ssl_context, METH_O,
     "use_ssl_context(new_session): speaks TLS by sessions of Python's."},
    {"reload_ssl", reload_ssl, METH_NOARGS, "Reads the certificates again."},
    {"prepare", prepare, METH_NOARGS, "Binds and serves; requests wait for workers."},
    {"stop", stop, METH_NOARGS, "Stops: how many requests were cut."},
    {"signal_stop", signal_stop, METH_NOARGS, "Asks for the stop."},
    {"quiesce", quiesce, METH_NOARGS, "Takes no more connections."},
    {"addresses", addresses, METH_NOARGS, "What is listened on, with the real ports."},
    {"idle", idle, METH_NOARGS, "Workers without work."},
    {"qsize", qsize, METH_NOARGS, "Requests that wait for a worker."},
    {"stats", stats, METH_NOARGS, "The statistics."},
    {"stats_json", stats_json, METH_NOARGS, "The statistics as JSON."},
    {"stats_prometheus", stats_prometheus, METH_NOARGS, "The statistics for Prometheus."},
    {"workers", workers, METH_NOARGS, "Those of each worker, in the order they were made."},
    {"clear_stats", clear_stats, METH_NOARGS, "Counts from zero on."},
    {NULL, NULL, 0, NULL}};

PyTypeObject ServerType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "wsgiserver._wsgiserver.Server",
    .tp_doc = "Server(owner, bind_addr): a server of the library for one run.",
    .tp_basicsize = sizeof(Server),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = server_new,
    .tp_traverse = server_traverse,
    .tp_clear = server_clear,
    .tp_dealloc = server_dealloc,
    .tp_methods = server_methods,
    .tp_members = server_members,
    .tp_getset = server_attributes,
};
