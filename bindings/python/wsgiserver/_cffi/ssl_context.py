"""TLS by Python's own ssl module: the library's table of functions over sessions that are written in
Python (ssl_memory.py), with memory in the place of sockets. The library calls on any of its
threads."""


from .errors import checked
from .kept import drop, keep
from .library import ffi, lib

_MOST_AT_ONCE = 64 * 1024
_FATAL = lib.WSGI_E_FATAL_SSL_ALERT


def register(handle, name, new_session):
    """Makes it known to the server by this name. new_session is called for each connection."""
    made = keep(new_session)
    checked(lib.wsgi_ssl_adapter_register, handle, name.encode(), _table, made, drop)



# An exception ends the connection, which is what TLS does about most of them.
def _quietly(*_):
    return _FATAL


@ffi.callback("wsgi_status(void *, void **)", error=lib.WSGI_E_SSL)
def _wrap(user_data, session):
    session[0] = keep(ffi.from_handle(user_data)())
    return lib.WSGI_OK


@ffi.callback("wsgi_status(void *, const void *, size_t, size_t *)", onerror=_quietly)
def _feed(session, data, length, taken):
    return _count(ffi.from_handle(session).feed(ffi.unpack(_chars(data), length)), taken)


@ffi.callback("wsgi_status(void *, void *, size_t, size_t *)", onerror=_quietly)
def _take(session, buffer, capacity, count):
    return _copy(ffi.from_handle(session).take(capacity), buffer, count)


@ffi.callback("int32_t(void *)", onerror=lambda *_: 0)
def _is_handshaking(session):
    return int(ffi.from_handle(session).handshaking)


@ffi.callback("wsgi_status(void *, void *, size_t, size_t *)", onerror=_quietly)
def _read(session, buffer, capacity, count):
    return _copy(ffi.from_handle(session).read(capacity), buffer, count)


@ffi.callback("wsgi_status(void *, const void *, size_t, size_t *)", onerror=_quietly)
def _write(session, data, length, taken):
    piece = ffi.unpack(_chars(data), min(length, _MOST_AT_ONCE))
    return _count(ffi.from_handle(session).write(piece), taken)


@ffi.callback("void(void *)", onerror=lambda *_: None)
def _close(session):
    ffi.from_handle(session).close()


@ffi.callback("void(void *, wsgi_ssl_put_fn, void *)")
def _environ(session, put, context):
    for name, value in ffi.from_handle(session).environ().items():
        try:
            text = value.encode("latin-1")
        except UnicodeEncodeError:
            continue  # what is no text of ISO-8859-1 is left out
        put(context, name.encode(), text, len(text))


_table = ffi.new(
    "wsgi_ssl_table *",
    {
        "struct_size": ffi.sizeof("wsgi_ssl_table"),
        "wrap": _wrap,
        "feed": _feed,
        "take": _take,
        "is_handshaking": _is_handshaking,
        "read": _read,
        "write": _write,
        "close": _close,
        "environ": _environ,
        "free": drop,
    },
)


def _chars(data):
    return ffi.cast("const char *", data)


def _count(number, taken):
    """Negative numbers are statuses."""
    if number < 0:
        return number
    taken[0] = number
    return lib.WSGI_OK


def _copy(result, buffer, count):
    """Bytes, or a number that is a status."""
    if not isinstance(result, bytes):
        return result
    ffi.memmove(buffer, result, len(result))
    count[0] = len(result)
    return lib.WSGI_OK
