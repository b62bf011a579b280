/* Statuses of the library as exceptions. */
#include "host.h"

PyObject *MaxSizeExceeded, *ServerError, *ClientGone, *RequestGone, *ApplicationError,
    *BadRequestBody;

static PyObject *add(PyObject *module, const char *name, const char *doc, PyObject *base) {
    char full[64];
    PyOS_snprintf(full, sizeof full, "wsgiserver.%s", name);
    PyObject *made = PyErr_NewExceptionWithDoc(full, doc, base, NULL);
    if (made == NULL || PyModule_AddObject(module, name, Py_NewRef(made)) < 0) return NULL;
    return made;
}

int errors_init(PyObject *module) {
    MaxSizeExceeded = add(module, "MaxSizeExceeded",
                          "The request is larger than the server's max_request_body_size.", NULL);
    ServerError = add(module, "ServerError", "The server refused a call; the text says why.",
                      PyExc_OSError);
    ClientGone = add(module, "ClientGone", "The client has left, or is too slow.",
                     PyExc_ConnectionError);
    RequestGone = add(module, "RequestGone", "The request was used after its end.",
                      PyExc_RuntimeError);
    BadRequestBody = add(module, "BadRequestBody", "The request's body is not what it should be.",
                         PyExc_ValueError);
    PyObject *bases = PyTuple_Pack(2, PyExc_AssertionError, PyExc_RuntimeError);
    if (bases == NULL) return -1;
    /* The seed raises AssertionError where cheroot raises RuntimeError. */
    ApplicationError = add(module, "ApplicationError",
                           "The application did not keep to WSGI's order of calls.", bases);
    Py_DECREF(bases);
    return ApplicationError && BadRequestBody && MaxSizeExceeded && ServerError && ClientGone &&
                   RequestGone
               ? 0
               : -1;
}

void *fail_with(wsgi_status status, const char *what) {
    switch (status) {
        case WSGI_E_MAX_SIZE_EXCEEDED:
            PyErr_SetString(MaxSizeExceeded, "Request Entity Too Large");
            break;
        case WSGI_E_BODY:
            PyErr_Format(BadRequestBody, "cannot %s: it is malformed", what);
            break;
        case WSGI_E_LENGTH:
            PyErr_SetString(PyExc_ValueError, "Response body exceeds the declared Content-Length.");
            break;
        case WSGI_E_HEADER:
            PyErr_Format(PyExc_ValueError, "cannot %s: a status or header that cannot be sent", what);
            break;
        case WSGI_E_CLIENT:
            PyErr_Format(ClientGone, "cannot %s: the client has left or is too slow", what);
            break;
        case WSGI_E_STOPPING:
            PyErr_Format(ClientGone, "cannot %s: the server stops", what);
            break;
        case WSGI_GONE:
            PyErr_Format(RequestGone, "cannot %s: the request has ended", what);
            break;
        case WSGI_BUSY:
            PyErr_Format(PyExc_RuntimeError, "cannot %s: another thread is using the request", what);
            break;
        default:
            PyErr_Format(PyExc_RuntimeError, "cannot %s: %s", what, wsgi_status_name(status));
    }
    return NULL;
}

void *fail_with_error(wsgi_status status, wsgi_error *error) {
    PyObject *type = status == WSGI_E_OPTION ? PyExc_ValueError
                     : status == WSGI_E_STATE ? PyExc_RuntimeError
                                              : ServerError;
    const char *text = error ? wsgi_error_message(error) : wsgi_status_name(status);
    PyErr_SetString(type, text);
    wsgi_error_free(error);
    return NULL;
}
