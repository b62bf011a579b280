"""Statuses of the library as exceptions."""

from .library import NULL, ffi, lib, text_of


def _exception(name, doc, *bases):
    return type(name, bases, {"__doc__": doc, "__module__": "wsgiserver"})


MaxSizeExceeded = _exception(
    "MaxSizeExceeded", "The request is larger than the server's max_request_body_size.", Exception
)
ServerError = _exception("ServerError", "The server refused a call; the text says why.", OSError)
ClientGone = _exception("ClientGone", "The client has left, or is too slow.", ConnectionError)
RequestGone = _exception("RequestGone", "The request was used after its end.", RuntimeError)
BadRequestBody = _exception(
    "BadRequestBody", "The request's body is not what it should be.", ValueError
)
# The seed raises AssertionError where cheroot raises RuntimeError.
ApplicationError = _exception(
    "ApplicationError",
    "The application did not keep to WSGI's order of calls.",
    AssertionError,
    RuntimeError,
)

_FAILURES = {
    lib.WSGI_E_MAX_SIZE_EXCEEDED: (MaxSizeExceeded, "Request Entity Too Large"),
    lib.WSGI_E_BODY: (BadRequestBody, "cannot {}: it is malformed"),
    lib.WSGI_E_LENGTH: (ValueError, "Response body exceeds the declared Content-Length."),
    lib.WSGI_E_HEADER: (ValueError, "cannot {}: a status or header that cannot be sent"),
    lib.WSGI_E_CLIENT: (ClientGone, "cannot {}: the client has left or is too slow"),
    lib.WSGI_E_STOPPING: (ClientGone, "cannot {}: the server stops"),
    lib.WSGI_GONE: (RequestGone, "cannot {}: the request has ended"),
    lib.WSGI_BUSY: (RuntimeError, "cannot {}: another thread is using the request"),
}


def failure(status, what):
    """The exception for a status. what: like "read the request body"."""
    kind, text = _FAILURES.get(status, (RuntimeError, "cannot {}: "))
    text = text.format(what)
    return kind(text + name_of(status) if status not in _FAILURES else text)


def check(status, what):
    """Raises for a negative status."""
    if status < 0:
        raise failure(status, what)
    return status


def name_of(status):
    """The name of a status."""
    return text_of(lib.wsgi_status_name(status))


def checked(function, *arguments):
    """Calls a function whose last argument takes an error, and raises that."""
    error = ffi.new("wsgi_error **")
    status = function(*arguments, error)
    if status >= 0:
        return
    text = name_of(status)
    if error[0] != NULL:
        text = text_of(lib.wsgi_error_message(error[0]))
        lib.wsgi_error_free(error[0])
    kinds = {lib.WSGI_E_OPTION: ValueError, lib.WSGI_E_STATE: RuntimeError}
    raise kinds.get(status, ServerError)(text)
