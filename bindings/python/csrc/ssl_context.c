/* TLS by Python's own ssl module: the library's table of functions over sessions that are written in
 * Python (ssl_memory.py), with memory in the place of sockets. The library calls on any of its
 * threads, so each function takes the GIL. */
#include "host.h"

enum { MOST_AT_ONCE = 64 * 1024 };

static PyObject *call(void *session, const char *method, const char *format, ...) {
    va_list arguments;
    PyObject *function = PyObject_GetAttrString(session, method);
    if (function == NULL) return NULL;
    va_start(arguments, format);
    PyObject *given = Py_VaBuildValue(format, arguments);
    va_end(arguments);
    PyObject *result = given ? PyObject_CallObject(function, given) : NULL;
    Py_DECREF(function);
    Py_XDECREF(given);
    return result;
}

/* A call that gives a number, negative ones being statuses; an exception ends the connection, which
 * is what TLS does about most of them. */
static int64_t number_of(PyObject *result) {
    long long number = result ? PyLong_AsLongLong(result) : -1;
    if (result == NULL || (number == -1 && PyErr_Occurred())) {
        PyErr_Clear();
        number = WSGI_E_FATAL_SSL_ALERT;
    }
    Py_XDECREF(result);
    return number;
}

/* The same for bytes, which are copied. */
static wsgi_status copy_bytes(PyObject *result, void *buffer, size_t capacity, size_t *count) {
    if (result == NULL || !PyBytes_Check(result)) return (wsgi_status)number_of(result);
    size_t length = (size_t)PyBytes_GET_SIZE(result);
    if (length > capacity) length = capacity; /* the session keeps to the capacity */
    memcpy(buffer, PyBytes_AS_STRING(result), length);
    *count = length;
    Py_DECREF(result);
    return WSGI_OK;
}

static wsgi_status taken_of(int64_t number, size_t *taken) {
    if (number < 0) return (wsgi_status)number;
    *taken = (size_t)number;
    return WSGI_OK;
}

static wsgi_status wrap(void *user_data, void **session) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *made = PyObject_CallObject(user_data, NULL);
    if (made == NULL) PyErr_WriteUnraisable(user_data);
    PyGILState_Release(state);
    *session = made;
    return made ? WSGI_OK : WSGI_E_SSL;
}

static wsgi_status feed(void *session, const void *data, size_t length, size_t *taken) {
    PyGILState_STATE state = PyGILState_Ensure();
    int64_t number = number_of(call(session, "feed", "(y#)", data, (Py_ssize_t)length));
    PyGILState_Release(state);
    return taken_of(number, taken);
}

static wsgi_status take(void *session, void *buffer, size_t capacity, size_t *count) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *bytes = call(session, "take", "(n)", (Py_ssize_t)capacity);
    wsgi_status status = copy_bytes(bytes, buffer, capacity, count);
    PyGILState_Release(state);
    return status;
}

static int32_t is_handshaking(void *session) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *answer = PyObject_GetAttrString(session, "handshaking");
    int32_t handshaking = answer != NULL && PyObject_IsTrue(answer) == 1;
    Py_XDECREF(answer);
    PyErr_Clear();
    PyGILState_Release(state);
    return handshaking;
}

static wsgi_status read_plain(void *session, void *buffer, size_t capacity, size_t *count) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *bytes = call(session, "read", "(n)", (Py_ssize_t)capacity);
    wsgi_status status = copy_bytes(bytes, buffer, capacity, count);
    PyGILState_Release(state);
    return status;
}

static wsgi_status write_plain(void *session, const void *data, size_t length, size_t *taken) {
    if (length > MOST_AT_ONCE) length = MOST_AT_ONCE;
    PyGILState_STATE state = PyGILState_Ensure();
    int64_t number = number_of(call(session, "write", "(y#)", data, (Py_ssize_t)length));
    PyGILState_Release(state);
    return taken_of(number, taken);
}

static void say_goodbye(void *session) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *result = call(session, "close", "()");
    Py_XDECREF(result);
    PyErr_Clear();
    PyGILState_Release(state);
}

static void tell_environ(void *session, wsgi_ssl_put_fn put, void *context) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *pairs = call(session, "environ", "()");
    if (pairs == NULL) PyErr_WriteUnraisable(session);
    while (pairs != NULL && PyDict_Next(pairs, &at, &key, &value)) {
        PyObject *bytes = PyUnicode_AsLatin1String(value);
        const char *name = bytes ? PyUnicode_AsUTF8(key) : NULL;
        if (name != NULL)
            put(context, name, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
        PyErr_Clear(); /* what is no text of ISO-8859-1 is left out */
        Py_XDECREF(bytes);
    }
    Py_XDECREF(pairs);
    PyGILState_Release(state);
}

static void drop(void *object) {
    PyGILState_STATE state = PyGILState_Ensure();
    Py_DECREF((PyObject *)object);
    PyGILState_Release(state);
}

wsgi_status ssl_context_register(const wsgi_server *server, const char *name, PyObject *new_session,
                                 wsgi_error **error) {
    static const wsgi_ssl_table table = {
        .struct_size = sizeof table,
        .wrap = wrap,
        .feed = feed,
        .take = take,
        .is_handshaking = is_handshaking,
        .read = read_plain,
        .write = write_plain,
        .close = say_goodbye,
        .environ = tell_environ,
        .free = drop,
    };
    return wsgi_ssl_adapter_register(server, name, &table, Py_NewRef(new_session), drop, error);
}
