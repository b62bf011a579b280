"""The environ of a request: a copy of the server's template and what the request brings."""

from .errors import check
from .input import Input
from .library import bytes_of, ffi, lib, text_of

_SIZE = ffi.sizeof("wsgi_environ")
_KEYS = {}
for _id in range(1, 128):
    _name = lib.wsgi_key_name(_id)
    if _name != ffi.NULL:
        _KEYS[_id] = text_of(_name)


def build(template, exchange, unicode=False):
    """The environ that an application is called with. The exchange is told what it has to know."""
    environ = ffi.new("wsgi_environ *", {"struct_size": _SIZE})
    check(lib.wsgi_request_environ(exchange.handle, exchange.request, environ), "look at the request")
    made = dict(template)
    pairs = environ.pairs
    for index in range(environ.server_count, environ.count):
        pair = pairs[index]
        value = bytes_of(pair.value)
        key = _KEYS.get(pair.key_id) or bytes_of(pair.key).decode("latin-1")
        made[key] = value.decode("utf-8", "replace") if unicode else value.decode("latin-1")
    method = made["REQUEST_METHOD"]
    exchange.is_head = method == "HEAD"
    made["wsgiserver.exchange"] = exchange
    made["wsgi.early_hints"] = exchange.early_hints
    length = -1 if "HTTP_TRANSFER_ENCODING" in made else int(made.get("CONTENT_LENGTH") or 0)
    if length != 0:
        made["wsgi.input"] = Input(exchange.handle, exchange.request, length)
    if method == "CONNECT" or "HTTP_UPGRADE" in made:
        made["werkzeug.socket"] = exchange.socket()
    return made
