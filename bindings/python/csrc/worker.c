/* A thread of Python that serves: it fetches a request, calls the application, and sends the answer
 * on its way to the next request. All that may wait is done between one release of the GIL and the
 * next taking of it. */
#include "host.h"

/* How many milliseconds an idle thread waits before it looks for buffers that were given back. */
enum { LOOK = 100 };

typedef struct Worker {
    PyObject_HEAD
    Server *server;
    wsgi_worker *worker;
    answer answer;
    environ_cache cache;
    exchange_spare spare;
    char runs;
} Worker;

typedef struct parts_of_server {
    PyObject *app, *environ, *respond;
} parts_of_server;

static PyObject *worker_new(PyTypeObject *type, PyObject *arguments, PyObject *named) {
    PyObject *server;
    wsgi_error *error = NULL;
    if (named != NULL && PyDict_GET_SIZE(named) > 0)
        return PyErr_Format(PyExc_TypeError, "Worker takes a Server");
    if (!PyArg_ParseTuple(arguments, "O!:Worker", &ServerType, &server)) return NULL;
    Worker *self = (Worker *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->server = (Server *)Py_NewRef(server);
    wsgi_status status = wsgi_worker_new(self->server->handle->server, &self->worker, &error);
    if (status < 0) {
        Py_DECREF(self);
        return fail_with_error(status, error);
    }
    return (PyObject *)self;
}

static int worker_traverse(PyObject *object, visitproc visit, void *arg) {
    Py_VISIT(((Worker *)object)->server);
    return 0;
}

static void worker_dealloc(PyObject *object) {
    Worker *self = (Worker *)object;
    PyObject_GC_UnTrack(object);
    answer_free(&self->answer);
    environ_cache_clear(&self->cache);
    exchange_spare_clear(&self->spare);
    wsgi_worker_free(self->worker); /* in a forked child this does nothing */
    Py_CLEAR(self->server);
    Py_TYPE(object)->tp_free(object);
}

/* Calls a method of the owner; what that raises is shown by Python's own means. */
static void tell(Server *server, const char *method, PyObject *argument) {
    PyObject *owner = server->owner;
    PyObject *result = NULL;
    if (owner != NULL && argument != NULL)
        result = PyObject_CallMethod(owner, method, "(O)", argument);
    if (result == NULL && PyErr_Occurred()) PyErr_WriteUnraisable(owner);
    Py_XDECREF(result);
}

static void tell_message(Server *server, const wsgi_event *event) {
    PyObject *text = PyUnicode_DecodeUTF8(event->text.ptr, (Py_ssize_t)event->text.len, "replace");
    PyObject *message = text ? Py_BuildValue("(iiN)", event->level, event->code, text) : NULL;
    tell(server, "_message", message);
    Py_XDECREF(message);
}

/* The exception that is set becomes the handled one while the owner hears of it, so that a
 * traceback shows the application's part alone. */
static void tell_failure(Server *server) {
    PyObject *type, *value, *traceback, *old_type, *old_value, *old_traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) PyException_SetTraceback(value, traceback);
    int interrupts = PyErr_GivenExceptionMatches(type, PyExc_SystemExit) ||
                     PyErr_GivenExceptionMatches(type, PyExc_KeyboardInterrupt);
    PyErr_GetExcInfo(&old_type, &old_value, &old_traceback);
    PyErr_SetExcInfo(type, Py_NewRef(value), traceback);
    tell(server, interrupts ? "_interrupted" : "_failed", value);
    PyErr_SetExcInfo(old_type, old_value, old_traceback);
    Py_DECREF(value);
}

static parts_of_server take_parts(Server *server) {
    parts_of_server parts;
    Py_BEGIN_CRITICAL_SECTION(server);
    parts.app = Py_XNewRef(server->app);
    parts.environ = Py_XNewRef(server->environ);
    parts.respond = Py_XNewRef(server->respond);
    Py_END_CRITICAL_SECTION();
    return parts;
}

static PyObject *call_application(Worker *self, const parts_of_server *parts, Exchange *exchange,
                                  const wsgi_environ *environ) {
    PyObject *made =
        environ_build(parts->environ, &self->cache, environ, self->server->unicode, exchange);
    if (made == NULL) return NULL;
    PyObject *arguments[3] = {NULL, made, (PyObject *)exchange};
    PyObject *result = PyObject_Vectorcall(parts->app, arguments + 1,
                                           2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(made);
    return result;
}

/* Says why a head or a body was refused at the last moment. */
static void tell_refusal(Worker *self, wsgi_status status) {
    fail_with(status, "send the response");
    tell_failure(self->server);
    wsgi_abort(self->server->handle->server, self->answer.exchange->request);
}

static int is_news(wsgi_status status) {
    return status < 0 && status != WSGI_GONE && status != WSGI_E_CLIENT &&
           status != WSGI_E_STOPPING && status != WSGI_E_FORKED;
}

/* A body goes out before close is called. A response without one does the same, so that the client
 * does not wait for what the application does in close. */
static void send_before_close(Worker *self, Exchange *exchange) {
    wsgi_status sent;
    exchange->ended = 1;
    self->answer.exchange = (Exchange *)Py_NewRef(exchange);
    Py_BEGIN_ALLOW_THREADS
    sent = answer_send(&self->answer);
    Py_END_ALLOW_THREADS
    if (is_news(sent)) tell_refusal(self, sent);
    answer_clear(&self->answer);
}

/* WSGI: close is called whatever has happened. What it raises after another exception is logged as
 * that one is. */
static int close_result(Worker *self, Exchange *exchange, PyObject *result, int status) {
    PyObject *type, *value, *traceback;
    if (PyList_CheckExact(result) || PyTuple_CheckExact(result)) return status;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *close = PyObject_GetAttrString(result, "close");
    if (close == NULL) PyErr_Clear();
    else if (status == 0 && self->answer.kind == ANSWER_WHOLE) send_before_close(self, exchange);
    PyObject *closed = close ? PyObject_CallObject(close, NULL) : NULL;
    if (close != NULL && closed == NULL && status == 0) return Py_DECREF(close), -1;
    if (close != NULL && closed == NULL) tell_failure(self->server);
    Py_XDECREF(close);
    Py_XDECREF(closed);
    PyErr_Restore(type, value, traceback);
    return status;
}

/* A Gateway answers by itself; what it has begun is completed. */
static int call_gateway(const parts_of_server *parts, Exchange *exchange, answer *answer) {
    PyObject *result = PyObject_CallFunctionObjArgs(parts->respond, exchange, NULL);
    if (result == NULL) return -1;
    Py_DECREF(result);
    if (!exchange->taken)
        answer->kind = exchange->sent      ? ANSWER_END
                       : exchange->started ? ANSWER_WHOLE
                                           : ANSWER_ABORT;
    return 0;
}

static int call_and_gather(Worker *self, const parts_of_server *parts, Exchange *exchange,
                           const wsgi_environ *environ) {
    if (parts->respond != NULL) return call_gateway(parts, exchange, &self->answer);
    PyObject *result = call_application(self, parts, exchange, environ);
    if (result == NULL) return -1;
    int status = close_result(self, exchange, result, answer_gather(&self->answer, exchange, result));
    Py_DECREF(result);
    return status;
}

/* The application went on with a request that has ended before it: the client has left, the deadline
 * has passed or the server has stopped. That is no failure of the application's own. */
static int has_lost_its_request(const Worker *self, const Exchange *exchange) {
    return PyErr_ExceptionMatches(RequestGone) && !exchange->taken &&
           wsgi_request_aborted(self->server->handle->server, exchange->request) == WSGI_GONE;
}

/* The GIL is held. What is to be sent is in self->answer afterwards. */
static void serve(Worker *self, wsgi_request request, const wsgi_environ *environ) {
    parts_of_server parts = take_parts(self->server);
    Exchange *exchange = exchange_take(&self->spare, self->server->handle, request);
    if (exchange == NULL || call_and_gather(self, &parts, exchange, environ) < 0) {
        int handed_over = exchange != NULL && exchange->taken;
        if (handed_over && PyErr_ExceptionMatches(PyExc_StopIteration)) PyErr_Clear();
        else if (exchange != NULL && has_lost_its_request(self, exchange)) PyErr_Clear();
        else tell_failure(self->server);
        answer_clear(&self->answer);
        if (exchange == NULL) wsgi_abort(self->server->handle->server, request);
        else if (!handed_over) self->answer.kind = ANSWER_ABORT;
    }
    if (exchange != NULL) exchange->ended = 1;
    if (self->answer.kind != ANSWER_NONE) self->answer.exchange = exchange;
    else Py_XDECREF(exchange);
    Py_XDECREF(parts.app);
    Py_XDECREF(parts.environ);
    Py_XDECREF(parts.respond);
}

/* All threads are busy now: the pool may want one more. */
static void grow_if_last(Server *server) {
    size_t idle = 1;
    if (!server->grows || wsgi_server_idle(server->handle->server, &idle) < 0 || idle > 0) return;
    tell(server, "_crowded", Py_None);
}

static PyObject *run_loop(Worker *self, int32_t timeout) {
    wsgi_event event = {.struct_size = sizeof event};
    wsgi_environ environ = {.struct_size = sizeof environ};
    const wsgi_server *server = self->server->handle->server;
    for (;;) {
        wsgi_status sent = WSGI_OK;
        int32_t count = 0;
        Py_BEGIN_ALLOW_THREADS
        if (self->answer.kind != ANSWER_NONE) sent = answer_send(&self->answer);
        if (!is_news(sent)) {
            int looks = timeout < 0 && handle_has_lent(self->server->handle);
            count = wsgi_worker_next(self->worker, &event, 1, looks ? LOOK : timeout);
            if (count == 1 && event.kind == WSGI_EVENT_REQUEST)
                count = wsgi_request_environ(server, event.request, &environ) < 0 ? 0 : 1;
        }
        Py_END_ALLOW_THREADS
        if (is_news(sent)) tell_refusal(self, sent);
        answer_clear(&self->answer);
        handle_take_returned(self->server->handle);
        if (count == WSGI_AGAIN) return PyLong_FromLong(WORKER_WOKEN);
        if (count < 0) return PyLong_FromLong(WORKER_STOPPED);
        if (count == 0) continue;
        if (event.kind == WSGI_EVENT_LOG) {
            tell_message(self->server, &event);
        } else if (event.kind == WSGI_EVENT_REQUEST) {
            grow_if_last(self->server);
            serve(self, event.request, &environ);
        }
    }
}

static PyObject *run(PyObject *object, PyObject *arguments) {
    Worker *self = (Worker *)object;
    int timeout = -1;
    if (!PyArg_ParseTuple(arguments, "|i:run", &timeout)) return NULL;
    if (self->runs) return PyErr_Format(PyExc_RuntimeError, "this worker runs in another thread");
    self->runs = 1;
    PyObject *why = run_loop(self, timeout);
    self->runs = 0;
    return why;
}

static PyObject *wake(PyObject *object, PyObject *unused) {
    (void)unused;
    Py_BEGIN_CRITICAL_SECTION(object); /* nobody wakes what is being freed */
    wsgi_worker_wake(((Worker *)object)->worker);
    Py_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

static PyObject *close_worker(PyObject *object, PyObject *unused) {
    Worker *self = (Worker *)object;
    (void)unused;
    Py_BEGIN_CRITICAL_SECTION(object);
    if (wsgi_worker_free(self->worker) != WSGI_BUSY) self->worker = NULL;
    Py_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

static PyMethodDef worker_methods[] = {
    {"run", run, METH_VARARGS,
     "run(timeout_ms=-1): serves until the server stops (STOPPED), or it is woken or has waited\n"
     "for so long without a request."},
    {"wake", wake, METH_NOARGS, "Makes run return soon, from any thread."},
    {"close", close_worker, METH_NOARGS,
     "Gives it back: what it has counted goes to the server's sums."},
    {NULL, NULL, 0, NULL}};

PyTypeObject WorkerType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "wsgiserver._wsgiserver.Worker",
    .tp_doc = "What one thread serves with.",
    .tp_basicsize = sizeof(Worker),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = worker_new,
    .tp_traverse = worker_traverse,
    .tp_dealloc = worker_dealloc,
    .tp_methods = worker_methods,
};
