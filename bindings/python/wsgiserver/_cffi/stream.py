"""A connection that an application has taken over, with the methods of a socket: what WebSocket
libraries look for in the environ. The one in an environ takes it over with its first use. One
thread may read while another writes, and any may close."""

import math
import socket
import threading

from .errors import check, failure
from .library import NULL, ffi, lib

_TAKE_OVER = "take the connection over"
_FAILURES = {
    lib.WSGI_AGAIN: (BlockingIOError, "nothing now"),
    lib.WSGI_E_TIMEOUT: (socket.timeout, "timed out"),
    lib.WSGI_E_CLIENT: (ConnectionResetError, "the client has left"),
    lib.WSGI_E_CANCELLED: (ConnectionAbortedError, "the stream was closed"),
    lib.WSGI_E_STATE: (BrokenPipeError, "this direction was shut down"),
}


class Stream:
    """A connection that was taken over, with the methods of a socket."""

    def __init__(self, exchange):
        self._exchange = exchange  # None once the connection was taken over
        self._stream = NULL
        self._timeout = None  # seconds
        self._users = 0  # threads in a call
        self._closed = False
        self._lock = threading.Lock()

    def take_over(self):
        """Takes the connection from its request."""
        exchange = self._exchange
        if exchange is None:
            return
        if exchange.ended or exchange.taken:
            raise failure(lib.WSGI_GONE, _TAKE_OVER)
        if exchange.started and not exchange.sent:
            check(exchange.begin(), _TAKE_OVER)
        out = ffi.new("wsgi_stream **")
        check(lib.wsgi_request_hijack(exchange.handle, exchange.request, 0, out), _TAKE_OVER)
        self._stream = out[0]
        exchange.taken = True
        self._exchange = None

    def recv(self, size, flags=0, /):
        """recv(size): some bytes, b'' at the end."""
        if size < 0:
            raise ValueError("negative size in recv")
        buffer = ffi.new("char[]", size)
        got = self._use(lib.wsgi_stream_read, lib.WSGI_STREAM_READ, buffer, size)
        return ffi.buffer(buffer, got)[:]

    def recv_into(self, buffer, size=0, flags=0, /):
        """recv_into(buffer, size=0): how many came."""
        view = memoryview(buffer).cast("B")
        if size <= 0 or size > len(view):
            size = len(view)
        data = self.recv(size)
        view[: len(data)] = data
        return len(data)

    def send(self, data, flags=0, /):
        """send(data): how many bytes have gone."""
        data = bytes(memoryview(data))
        return self._use(lib.wsgi_stream_write, lib.WSGI_STREAM_WRITE, data, len(data))

    def sendall(self, data, flags=0, /):
        """sendall(data)"""
        left = memoryview(data).cast("B")
        while left:
            left = left[self.send(left) :]

    def shutdown(self, how, /):
        """shutdown(socket.SHUT_RD, SHUT_WR or SHUT_RDWR)"""
        if self._call(lib.wsgi_stream_shutdown, how) < 0:  # the library's numbers are these
            raise ValueError(f"no such direction: {how!r}")

    def close(self):
        """Ends the connection; calls that wait return."""
        if self._closed:
            return
        self.take_over()
        with self._lock:
            first, self._closed = not self._closed, True
            if self._users > 0:
                lib.wsgi_stream_cancel(self._stream)
            elif first:
                self._free()

    def fileno(self):
        """The descriptor; what is pending is not in it."""
        if self._closed:
            return -1  # as a closed socket has it
        number = self._call(lib.wsgi_stream_fd)
        if number < 0:
            raise _failed(number)
        return number

    def pending(self):
        """How many bytes recv has at hand."""
        return self._call(lib.wsgi_stream_pending)

    def settimeout(self, seconds, /):
        """Seconds for each call, None: no limit."""
        if seconds is not None and float(seconds) < 0:
            raise ValueError("Timeout value out of range")
        self._timeout = None if seconds is None else float(seconds)

    def gettimeout(self):
        """The time-out that is set."""
        return self._timeout

    def setblocking(self, flag, /):
        """Whether calls wait."""
        self._timeout = None if flag else 0.0

    def getpeername(self):
        """The client's address."""
        return self._ask("getpeername")

    def getsockname(self):
        """The address that the client has reached."""
        return self._ask("getsockname")

    def setsockopt(self, *arguments):
        """An option of the socket."""
        return self._ask("setsockopt", *arguments)

    def getsockopt(self, *arguments):
        """An option of the socket."""
        return self._ask("getsockopt", *arguments)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __del__(self):
        if getattr(self, "_stream", NULL) != NULL:
            self._free()

    def _use(self, function, direction, data, length):
        status = self._call(self._timed, function, direction, data, length)
        if status < 0:
            raise _failed(status)
        return status

    def _timed(self, stream, function, direction, data, length):
        timeout = self._timeout
        milliseconds = math.ceil(timeout * 1000) if timeout else -1
        lib.wsgi_stream_set_deadline(stream, direction, milliseconds)
        return function(stream, data, length, lib.WSGI_NONBLOCK if timeout == 0 else 0)

    def _call(self, function, *arguments):
        """Calls with the stream, which nobody frees meanwhile."""
        if not self._closed:
            self.take_over()
        with self._lock:
            if self._closed:
                raise OSError("the stream is closed")
            self._users += 1
        try:
            return function(self._stream, *arguments)
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0 and self._closed:
                    self._free()

    def _free(self):
        stream, self._stream = self._stream, NULL
        lib.wsgi_stream_free(stream)

    def _ask(self, method, *arguments):
        """What else there is to a socket is asked of one that stands for the descriptor a moment."""
        made = socket.socket(fileno=self.fileno())
        try:
            return getattr(made, method)(*arguments)
        finally:
            made.detach()


def _failed(status):
    kind, text = _FAILURES.get(status, (None, None))
    return kind(text) if kind else failure(status, "use the stream")
