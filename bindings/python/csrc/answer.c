/* From what an application has returned to what is sent once the GIL is released. A list or a tuple
 * is all there, so it leaves in one piece with its length; what yields is sent as it does, and what
 * is a file is sent by the kernel. */
#include "host.h"

static void hold(answer *answer, PyObject *bytes) {
    answer->held[answer->count] = Py_NewRef(bytes);
    answer->parts[answer->count].ptr = PyBytes_AS_STRING(bytes);
    answer->parts[answer->count++].len = (size_t)PyBytes_GET_SIZE(bytes);
    answer->length += (size_t)PyBytes_GET_SIZE(bytes);
}

static int make_room(answer *answer, size_t count) {
    if (count <= answer->capacity) return 0;
    size_t capacity = count < 16 ? 16 : count;
    wsgi_str *parts = PyMem_Realloc(answer->parts, capacity * sizeof *parts);
    if (parts != NULL) answer->parts = parts;
    PyObject **held = PyMem_Realloc(answer->held, capacity * sizeof *held);
    if (held != NULL) answer->held = held;
    if (parts == NULL || held == NULL) return PyErr_NoMemory(), -1;
    answer->capacity = capacity;
    return 0;
}

static int must_be_started(Exchange *exchange) {
    if (exchange->started) return 0;
    PyErr_SetString(ApplicationError, "The WSGI application did not call start_response.");
    return -1;
}

/* Several small parts are one. */
static int join(answer *answer) {
    PyObject *whole = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)answer->length);
    if (whole == NULL) return -1;
    char *at = PyBytes_AS_STRING(whole);
    for (size_t i = 0; i < answer->count; i++) {
        memcpy(at, answer->parts[i].ptr, answer->parts[i].len);
        at += answer->parts[i].len;
        Py_DECREF(answer->held[i]);
    }
    answer->count = answer->length = 0;
    hold(answer, whole);
    Py_DECREF(whole);
    return 0;
}

/* With all parts at hand: how they are to be sent. */
static int choose(answer *answer, Exchange *exchange) {
    int bodiless = head_is_bodiless(&exchange->head);
    if (bodiless) {
        while (answer->count > 0) Py_DECREF(answer->held[--answer->count]);
        answer->length = 0;
    }
    answer->kind = ANSWER_WHOLE;
    if (answer->length < OWNED_FROM || exchange->is_head)
        return answer->count > 1 ? join(answer) : 0;
    if (exchange->head.content_length < 0)
        head_add_length(&exchange->head, answer->length, answer->length_text,
                        sizeof answer->length_text);
    answer->kind = ANSWER_OWNED;
    if (answer->count > 1) return 0;
    const void *data;
    answer->lent = handle_lend(exchange->handle, answer->held[0], &data, &answer->length);
    return answer->lent ? 0 : -1;
}

/* After write() the head has gone; what follows goes as it comes. */
static int send_all(answer *answer, Exchange *exchange, PyObject *result) {
    PyObject *items = PySequence_Tuple(result);
    int status = items ? 0 : -1;
    for (Py_ssize_t i = 0; status == 0 && i < PyTuple_GET_SIZE(items); i++) {
        PyObject *item = PyTuple_GET_ITEM(items, i);
        if (!PyBytes_Check(item) || PyBytes_GET_SIZE(item) > 0)
            status = exchange_write(exchange, item);
    }
    Py_XDECREF(items);
    if (status == 0) answer->kind = ANSWER_END;
    return status;
}

/* No Python runs in here, so the list stays as it is. */
static int gather_sequence(answer *answer, Exchange *exchange, PyObject *result) {
    if (must_be_started(exchange) < 0) return -1;
    if (exchange->sent) return send_all(answer, exchange, result);
    Py_ssize_t count = PySequence_Fast_GET_SIZE(result);
    if (make_room(answer, (size_t)count) < 0) return -1;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(result, i);
        if (!PyBytes_Check(item)) {
            PyErr_SetString(PyExc_ValueError, "WSGI Applications must yield bytes");
            return -1;
        }
        if (PyBytes_GET_SIZE(item) > 0) hold(answer, item);
    }
    return choose(answer, exchange);
}

/* With all pieces sent that there are. */
static int end_pieces(answer *answer, Exchange *exchange) {
    if (exchange->sent) answer->kind = ANSWER_END;
    else if (must_be_started(exchange) < 0 || choose(answer, exchange) < 0) return -1;
    return 0;
}

static int gather_iterable(answer *answer, Exchange *exchange, PyObject *result) {
    PyObject *chunk, *iterator = PyObject_GetIter(result);
    int status = 0;
    if (iterator == NULL) return -1;
    while (status == 0 && (chunk = PyIter_Next(iterator)) != NULL) {
        if (!PyBytes_Check(chunk)) {
            PyErr_SetString(PyExc_ValueError, "WSGI Applications must yield bytes");
            status = -1;
        } else if (PyBytes_GET_SIZE(chunk) > 0 || exchange->started) {
            status = exchange_write(exchange, chunk);
        }
        Py_DECREF(chunk);
    }
    Py_DECREF(iterator);
    if (status < 0 || PyErr_Occurred()) return -1;
    return end_pieces(answer, exchange);
}

/* A file that is to be read, of which no more is sent than was declared. */
static int gather_blocks(answer *answer, Exchange *exchange, PyObject *result) {
    if (must_be_started(exchange) < 0) return -1;
    int64_t left = exchange->head.content_length;
    /* What was written before counts as well, so the library is to judge. */
    if (left < 0 || exchange->sent) return gather_iterable(answer, exchange, result);
    PyObject *block;
    while (left > 0 && (block = file_wrapper_read((FileWrapper *)result, left)) != NULL) {
        int status = exchange_write(exchange, block);
        left -= PyBytes_Check(block) ? PyBytes_GET_SIZE(block) : 0;
        Py_DECREF(block);
        if (status < 0) return -1;
    }
    return PyErr_Occurred() ? -1 : end_pieces(answer, exchange);
}

/* The descriptor of a file that is no more than that; -1: it is to be read. Others may have one as
 * well, but hold something else than what is in it, like a GzipFile. */
static int plain_descriptor(PyObject *file, int64_t *offset) {
    static PyObject *raw_type, *buffered_types;
    if (raw_type == NULL) {
        PyObject *io = PyImport_ImportModule("_io");
        PyObject *reader = io ? PyObject_GetAttrString(io, "BufferedReader") : NULL;
        PyObject *both = io ? PyObject_GetAttrString(io, "BufferedRandom") : NULL;
        if (both != NULL) buffered_types = PyTuple_Pack(2, reader, both);
        if (buffered_types != NULL) raw_type = PyObject_GetAttrString(io, "FileIO");
        Py_XDECREF(io), Py_XDECREF(reader), Py_XDECREF(both);
        if (raw_type == NULL) return -1;
    }
    PyObject *inner = PyObject_GetAttrString(file, "file"); /* of a temporary file */
    if (inner == NULL) PyErr_Clear(), inner = Py_NewRef(file);
    PyObject *raw = Py_NewRef(inner);
    if (PyObject_IsInstance(inner, buffered_types) == 1) {
        Py_DECREF(raw);
        raw = PyObject_GetAttrString(inner, "raw");
    }
    int descriptor = -1;
    if (raw != NULL && (PyObject *)Py_TYPE(raw) == raw_type) {
        descriptor = PyObject_AsFileDescriptor(raw);
        PyObject *at = descriptor < 0 ? NULL : PyObject_CallMethod(inner, "tell", NULL);
        *offset = at ? PyLong_AsLongLong(at) : 0;
        Py_XDECREF(at);
    }
    PyErr_Clear(); /* closed, or a pipe */
    Py_XDECREF(raw);
    Py_DECREF(inner);
    return descriptor;
}

static int gather_file(answer *answer, Exchange *exchange, PyObject *result) {
    int64_t offset = 0;
    int descriptor = exchange->started && !exchange->sent
                         ? plain_descriptor(((FileWrapper *)result)->file, &offset)
                         : -1;
    if (descriptor < 0) return gather_blocks(answer, exchange, result);
    const wsgi_server *server = exchange->handle->server;
    const head *head = &exchange->head;
    wsgi_status status;
    Py_BEGIN_ALLOW_THREADS
    status = wsgi_start_response(server, exchange->request, head->status_text, head->headers,
                                 head->count, 0);
    if (status >= 0)
        status = wsgi_send_file(server, exchange->request, descriptor, offset, head->content_length);
    Py_END_ALLOW_THREADS
    exchange->sent = 1;
    if (status == WSGI_E_SYSTEM || status == WSGI_E_STATE)
        return gather_iterable(answer, exchange, result); /* what is wrong shows by reading */
    return status < 0 ? (fail_with(status, "send the file"), -1) : 0;
}

int answer_gather(answer *answer, Exchange *exchange, PyObject *result) {
    if (exchange->taken) return 0;
    if (PyList_CheckExact(result) || PyTuple_CheckExact(result))
        return gather_sequence(answer, exchange, result);
    if (Py_TYPE(result) == &FileWrapperType) return gather_file(answer, exchange, result);
    return gather_iterable(answer, exchange, result);
}

static wsgi_status send_owned(answer *answer) {
    Exchange *exchange = answer->exchange;
    const wsgi_server *server = exchange->handle->server;
    wsgi_status status =
        wsgi_start_response(server, exchange->request, exchange->head.status_text,
                            exchange->head.headers, exchange->head.count, 0);
    void *lent = answer->lent;
    answer->lent = NULL;
    if (status >= 0 && lent != NULL)
        status = wsgi_write_owned(server, exchange->request, answer->parts[0].ptr, answer->length,
                                  handle_release, lent);
    else if (lent != NULL)
        handle_release(lent);
    else if (status >= 0)
        status = wsgi_writev(server, exchange->request, answer->parts, answer->count, 0);
    if (status >= 0) status = wsgi_finish(server, exchange->request);
    return status;
}

wsgi_status answer_send(answer *answer) {
    Exchange *exchange = answer->exchange;
    const wsgi_server *server = exchange->handle->server;
    const wsgi_str none = {"", 0};
    const wsgi_str *body = answer->count > 0 ? answer->parts : &none;
    switch (answer->kind) {
        case ANSWER_WHOLE:
            return wsgi_respond(server, exchange->request, exchange->head.status_text,
                                exchange->head.headers, exchange->head.count, body->ptr, body->len);
        case ANSWER_OWNED: return send_owned(answer);
        case ANSWER_END: return wsgi_finish(server, exchange->request);
        case ANSWER_ABORT: return wsgi_abort(server, exchange->request);
        default: return WSGI_OK;
    }
}

void answer_clear(answer *answer) {
    if (answer->lent != NULL) handle_release(answer->lent), answer->lent = NULL;
    while (answer->count > 0) Py_DECREF(answer->held[--answer->count]);
    answer->length = 0;
    answer->kind = ANSWER_NONE;
    Py_CLEAR(answer->exchange);
}

void answer_free(answer *answer) {
    answer_clear(answer);
    PyMem_Free(answer->parts);
    PyMem_Free(answer->held);
}
