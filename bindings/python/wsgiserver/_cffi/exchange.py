"""One request and its answer. Applications see it as start_response; a Gateway answers with its
methods. It may be kept after the request: then each use is an exception."""

import time

from . import environ as _environ
from .errors import ApplicationError, RequestGone, check, failure
from .head import Head
from .input import Input
from .library import asked, bytes_of, ffi, lib
from .stream import Stream

_SEND = "send the response"

# How many seconds a client may have half-closed its connection before an empty piece takes it as gone:
# most that do so have left, but a few still read.
_HALF_CLOSED_FOR = 1


class Exchange:
    """One request and its answer; called, it is WSGI's start_response."""

    __slots__ = ("ended", "handle", "head", "is_head", "request", "sent", "started", "taken")
    __slots__ += ("half_closed_at",)

    def __init__(self, handle, request):
        self.handle, self.request = handle, request
        self.head = None
        self.started = False  # start_response was called
        self.sent = False  # the head has gone to the library
        self.ended = False  # the request is over for the application
        self.taken = False  # its connection was handed over
        self.is_head = False
        self.half_closed_at = None  # when the client was first seen so

    def __call__(self, *given, exc_info=None):
        if len(given) == 3:
            status, headers, exc_info = given
        elif len(given) == 2:
            status, headers = given
        else:
            raise TypeError("start_response takes status, headers[, exc_info]")
        # Frameworks return a response even behind a WebSocket: there is nobody to get it.
        if self.taken:
            return self.write
        self._must_live("start the response")
        if self.started and not exc_info:
            raise ApplicationError("WSGI start_response called a second time with no exc_info.")
        if self.sent:
            try:
                _raise_again(exc_info)
            finally:
                exc_info = None
        self.started, self.head = False, None
        head = Head(status, headers)
        if head.is_interim:
            raise ValueError(f"WSGI response status {status!r} is not a final one.")
        self.started, self.head = True, head
        return self.write

    def write(self, data, /):
        """Sends a piece of the body now, and before it the head. An empty one sends the head and looks
        whether the client is still there."""
        self._must_live("write")
        if not self.started:
            raise ApplicationError("WSGI write called before start_response.")
        if not isinstance(data, bytes):
            raise ValueError("WSGI Applications must yield bytes")
        self._send_head()
        if data:
            check(lib.wsgi_write(self.handle, self.request, data, len(data), 0), _SEND)
            self.half_closed_at = None
            return
        check(lib.wsgi_flush(self.handle, self.request, 0), _SEND)
        if self._is_gone():
            raise failure(lib.WSGI_E_CLIENT, _SEND)

    def early_hints(self, headers, /):
        """Sends 103 Early Hints with these headers now."""
        self.inform("103 Early Hints", headers)

    def inform(self, status, headers=(), /):
        """Sends an interim answer, like '102 Processing'."""
        self._must_live("send an interim response")
        head = Head(status, headers)
        kept = [ffi.from_buffer(text) for pair in head.fields for text in pair]
        strings = [(text, len(text)) for text in kept]
        fields = ffi.new("wsgi_header[]", list(zip(strings[::2], strings[1::2])))
        line = ffi.from_buffer(head.status)
        check(
            lib.wsgi_inform(self.handle, self.request, (line, len(line)), fields, len(fields)),
            "send an interim response",
        )

    def add_trailer(self, name, value, /):
        """Adds a field behind a chunked body."""
        texts = [ffi.from_buffer(text.encode()) for text in (name, value)]
        self._must_live("add a trailer")
        if self.started and not self.sent:
            self._send_head()
            check(lib.wsgi_flush(self.handle, self.request, 0), _SEND)
        strings = [(text, len(text)) for text in texts]
        check(lib.wsgi_add_trailer(self.handle, self.request, *strings), "add a trailer")

    def view(self):
        """The request as it was sent, for a Gateway."""
        view = ffi.new("wsgi_view *", {"struct_size": ffi.sizeof("wsgi_view")})
        check(lib.wsgi_request_view(self.handle, self.request, view), "look at the request")
        texts = [view.method, view.target, view.path, view.query, view.protocol]
        fields = [view.fields[index] for index in range(view.count)]
        return (
            *map(bytes_of, texts),
            [(bytes_of(field.key), bytes_of(field.value)) for field in fields],
            view.content_length,
            view.version_minor,
        )

    def environ(self, template, unicode=False, /):
        """environ(template, unicode=False): what an application would be called with."""
        return _environ.build(template, self, unicode)

    def peer(self):
        """The client's address, like '192.0.2.1:50000'; '' of a UNIX socket."""
        return self._told(lib.wsgi_request_peer_addr)

    def local(self):
        """The address that the client has reached."""
        return self._told(lib.wsgi_request_local_addr)

    def socket(self):
        """The connection, taken over when it is used."""
        return Stream(self)

    def input(self, length, /):
        """The body as a file; the argument is its length, -1: chunked."""
        return Input(self.handle, self.request, length)

    def aborted(self):
        """0: the client is there, 1: it has half-closed, 2: it has left, 3: the server stops."""
        how = lib.wsgi_request_aborted(self.handle, self.request)
        return 2 if how == lib.WSGI_GONE else how

    def id(self):
        """A short text that names the request, for logs."""
        return self._told(lib.wsgi_request_id)

    def set_deadline(self, seconds, /):
        """Bounds the request: seconds from now; None: not."""
        milliseconds = int((seconds or 0) * 1000)
        status = lib.wsgi_request_set_deadline(self.handle, self.request, milliseconds)
        check(status, "set a deadline")

    def hijack(self):
        """Takes the connection over: a stream like a socket."""
        self._must_live("take the connection over")
        stream = Stream(self)
        stream.take_over()
        return stream

    # For the parts of this package.

    def begin(self):
        """Sends the head to the library: a status."""
        text = self.head.text
        self.sent = True
        return lib.wsgi_start_response_flat(self.handle, self.request, text, len(text), 0)

    def _is_gone(self):
        """With an empty piece, which sends nothing that would show it."""
        how = self.aborted()
        if how == 1 and self.half_closed_at is None:
            self.half_closed_at = time.monotonic()
        return how == 2 or (
            how == 1 and time.monotonic() - self.half_closed_at >= _HALF_CLOSED_FOR
        )

    def _send_head(self):
        if not self.sent:
            check(self.begin(), _SEND)

    def _must_live(self, what):
        if self.ended or self.taken:
            raise failure(lib.WSGI_GONE, what)

    def _told(self, function):
        status, text = asked(function, self.handle, self.request, capacity=64)
        check(status, "look at the request")
        return text


def _raise_again(exc_info):
    good = isinstance(exc_info, tuple) and len(exc_info) == 3
    if not good or not isinstance(exc_info[1], BaseException):
        raise TypeError("exc_info is not a tuple as of sys.exc_info().")
    raise exc_info[1].with_traceback(exc_info[2])
