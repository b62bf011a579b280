"""A connection that an application has taken over, with the methods of a socket: what WebSocket
libraries look for in the environ. The one in an environ takes it over with its first use. One
thread may read while another writes; two that do the same take turns, and any may close."""

import math
import os
import select
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
        # Held by the thread that reads, and by the one that writes.
        self._turns = {lib.WSGI_STREAM_READ: threading.Lock(), lib.WSGI_STREAM_WRITE: threading.Lock()}
        self._secured = False  # it is TLS
        self._selectable = None
        self._ahead = b""  # the byte that was read to see whether there is one

    def take_over(self):
        """Takes the connection from its request."""
        if self._exchange is not None:
            with self._turns[lib.WSGI_STREAM_WRITE]:
                self._take_exchange()

    def _take_exchange(self):
        exchange = self._exchange
        if exchange is None:
            return
        if exchange.ended or exchange.taken:
            raise failure(lib.WSGI_GONE, _TAKE_OVER)
        secured = "SSL_PROTOCOL" in exchange.environ({})
        if exchange.started and not exchange.sent:
            check(exchange.begin(), _TAKE_OVER)
        out = ffi.new("wsgi_stream **")
        check(lib.wsgi_request_hijack(exchange.handle, exchange.request, 0, out), _TAKE_OVER)
        self._stream = out[0]
        exchange.taken = True
        self._secured = secured
        self._exchange = None

    def recv(self, size, flags=0, /):
        """recv(size): some bytes, b'' at the end."""
        if size < 0:
            raise ValueError("negative size in recv")
        return self._in_turn(lib.WSGI_STREAM_READ, self._read, size)

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
        data = ffi.from_buffer(data)
        return self._in_turn(lib.WSGI_STREAM_WRITE, self._write, data, len(data))

    def sendall(self, data, flags=0, /):
        """sendall(data)"""
        self._in_turn(lib.WSGI_STREAM_WRITE, self._write_all, ffi.from_buffer(data))

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
        """A descriptor that is readable while recv has something. A stream that never waits is used
        with its own, and pending, as a socket of TLS is."""
        if self._closed:
            return -1  # as a closed socket has it
        return self._call(self._descriptor)

    def pending(self):
        """How many bytes recv has at hand."""
        return self._call(lib.wsgi_stream_pending) + len(self._ahead)

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

    def _in_turn(self, direction, function, *arguments):
        """Calls it once no other thread reads or writes, as the direction says: at most the time-out
        later. With two writers each message leaves in one piece."""
        return self._call(self._take_turn, direction, function, *arguments)

    def _take_turn(self, stream, direction, function, *arguments):
        timeout, turn = self._timeout, self._turns[direction]
        most = -1 if timeout is None else min(timeout, threading.TIMEOUT_MAX)
        if not (turn.acquire(blocking=False) if timeout == 0 else turn.acquire(timeout=most)):
            raise _failed(lib.WSGI_AGAIN if timeout == 0 else lib.WSGI_E_TIMEOUT)
        try:
            return function(stream, *arguments)
        finally:
            turn.release()
            if direction == lib.WSGI_STREAM_READ and self._selectable is not None:
                self._mark_pending(stream)

    def _read(self, stream, size):
        ahead, self._ahead = (self._ahead, b"") if size > 0 else (b"", self._ahead)
        if not ahead:
            buffer = ffi.new("char[]", size)
            got = self._timed(stream, lib.wsgi_stream_read, lib.WSGI_STREAM_READ, buffer, size)
            return ffi.buffer(buffer, got)[:]
        if size > 1 and lib.wsgi_stream_pending(stream) > 0:
            buffer = ffi.new("char[]", size - 1)
            got = lib.wsgi_stream_read(stream, buffer, size - 1, lib.WSGI_NONBLOCK)
            # What else it says, it says again.
            ahead += ffi.buffer(buffer, max(got, 0))[:]
        return ahead

    def _write(self, stream, data, length):
        return self._timed(stream, lib.wsgi_stream_write, lib.WSGI_STREAM_WRITE, data, length)

    def _write_all(self, stream, data):
        sent = 0
        while sent < len(data):
            sent += self._write(stream, data + sent, len(data) - sent)

    def _timed(self, stream, function, direction, data, length):
        timeout = self._timeout
        milliseconds = math.ceil(timeout * 1000) if timeout else -1
        lib.wsgi_stream_set_deadline(stream, direction, milliseconds)
        flags = lib.WSGI_NONBLOCK if timeout == 0 else 0
        count = function(stream, data, length, flags)
        if count < 0:
            raise _failed(count)
        return count

    def _descriptor(self, stream):
        own = lib.wsgi_stream_fd(stream)
        if self._timeout == 0:
            return own
        if self._selectable is None:
            if not self._secured and lib.wsgi_stream_pending(stream) == 0:
                return own
            made = _Selectable(own)
            with self._lock:
                self._selectable = self._selectable or made
            if self._selectable is not made:
                made.close()
            self._mark_pending(stream)
        return self._selectable.fileno()

    def _mark_pending(self, stream):
        """What selects on the descriptor sees whether bytes are pending. A thread that reads meanwhile
        does this after its turn."""
        turn = self._turns[lib.WSGI_STREAM_READ]
        if turn.acquire(blocking=False):
            try:
                self._selectable.mark(self._looks_ahead(stream))
            finally:
                turn.release()

    def _looks_ahead(self, stream):
        """Whether a byte can be read that is not in the connection's descriptor. What is pending may
        turn out to be none, so one is taken."""
        if self._ahead:
            return True
        if lib.wsgi_stream_pending(stream) <= 0:
            return False
        buffer = ffi.new("char[]", 1)
        got = lib.wsgi_stream_read(stream, buffer, 1, lib.WSGI_NONBLOCK)
        self._ahead = ffi.buffer(buffer, max(got, 0))[:]
        return got != lib.WSGI_AGAIN

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
        if self._selectable is not None:
            self._selectable.close()
        stream, self._stream = self._stream, NULL
        lib.wsgi_stream_free(stream)

    def _ask(self, method, *arguments):
        """What else there is to a socket is asked of one that stands for the descriptor a moment."""
        return self._call(_ask, method, arguments)


def _ask(stream, method, arguments):
    made = socket.socket(fileno=lib.wsgi_stream_fd(stream))
    try:
        return getattr(made, method)(*arguments)
    finally:
        made.detach()


class _Selectable:
    """What fileno gives where bytes may be at hand that are not in the connection's descriptor: an
    epoll of that and of a pipe, which is readable while there are some."""

    def __init__(self, descriptor):
        self._epoll = select.epoll()
        self._read, self._write = os.pipe()
        self._marked = False
        for each in (descriptor, self._read):
            self._epoll.register(each, select.EPOLLIN)

    def fileno(self):
        """The descriptor."""
        return self._epoll.fileno()

    def mark(self, marked):
        """Makes it readable, or not. By one thread at a time."""
        if marked and not self._marked:
            os.write(self._write, b"+")
        elif self._marked and not marked:
            os.read(self._read, 1)
        self._marked = marked

    def close(self):
        """It is used no more."""
        self._epoll.close()
        for each in (self._read, self._write):
            os.close(each)


def _failed(status):
    kind, text = _FAILURES.get(status, (None, None))
    return kind(text) if kind else failure(status, "use the stream")
