"""A thread of Python that serves: it fetches a request, calls the application, and sends the answer
on its way to the next request."""

import sys
import threading

from . import answer, environ
from .errors import RequestGone, checked, failure
from .exchange import Exchange
from .library import NULL, bytes_of, ffi, lib

STOPPED, WOKEN = 0, 1

_NO_NEWS = (lib.WSGI_GONE, lib.WSGI_E_CLIENT, lib.WSGI_E_STOPPING, lib.WSGI_E_FORKED)
_HERE = __file__.rpartition("/")[0]


class Worker:
    """What one thread serves with."""

    def __init__(self, server, /):
        self._server = server
        out = ffi.new("wsgi_worker **")
        checked(lib.wsgi_worker_new, server.handle, out)
        self._worker = out[0]
        self._lock = threading.Lock()  # nobody wakes what is being freed
        self._runs = False

    def run(self, timeout=-1, /):
        """run(timeout_ms=-1): serves until the server stops (STOPPED), or it is woken or has waited
        for so long without a request."""
        if self._runs:
            raise RuntimeError("this worker runs in another thread")
        self._runs = True
        try:
            return self._loop(timeout)
        finally:
            self._runs = False

    def wake(self):
        """Makes run return soon, from any thread."""
        with self._lock:
            if self._worker != NULL:
                lib.wsgi_worker_wake(self._worker)

    def close(self):
        """Gives it back: what it has counted goes to the server's sums."""
        with self._lock:
            if lib.wsgi_worker_free(self._worker) != lib.WSGI_BUSY:
                self._worker = NULL

    def __del__(self):
        if getattr(self, "_worker", NULL) != NULL:
            self.close()

    def _loop(self, timeout):
        event = ffi.new("wsgi_event *", {"struct_size": ffi.sizeof("wsgi_event")})
        while True:
            count = lib.wsgi_worker_next(self._worker, event, 1, timeout)
            if count == lib.WSGI_AGAIN:
                return WOKEN
            if count < 0:
                return STOPPED
            if count > 0 and event.kind == lib.WSGI_EVENT_LOG:
                text = bytes_of(event.text).decode("utf-8", "replace")
                self._tell("_message", (event.level, event.code, text))
            elif count > 0 and event.kind == lib.WSGI_EVENT_REQUEST:
                self._grow_if_last()
                self._serve(Exchange(self._server.handle, event.request))

    def _serve(self, exchange):
        send = None
        try:
            send = self._call(exchange)
        except BaseException as error:
            # After a connection was taken over, some end by StopIteration.
            ends_taken = exchange.taken and isinstance(error, StopIteration)
            if not ends_taken and not self._has_lost_its_request(exchange, error):
                self._tell_failure(error)
            if not exchange.taken:
                send = lambda: answer.abort(exchange)  # noqa: E731
        if send is not None:
            self._send(exchange, send)
        exchange.ended = True

    def _send(self, exchange, send):
        exchange.ended = True
        status = send()
        if status < 0 and status not in _NO_NEWS:
            self._tell_refusal(exchange, status)

    def _has_lost_its_request(self, exchange, error):
        """Whether the application went on with a request that has ended before it: the client has
        left, the deadline has passed or the server has stopped."""
        return (
            isinstance(error, RequestGone)
            and not exchange.taken
            and lib.wsgi_request_aborted(exchange.handle, exchange.request) == lib.WSGI_GONE
        )

    def _call(self, exchange):
        server = self._server
        if server.respond is not None:
            server.respond(exchange)
            return answer.of_gateway(exchange)
        made = environ.build(server.environ, exchange, server.unicode)
        result = server.app(made, exchange)
        try:
            send = answer.gather(exchange, result)
        except BaseException:
            try:
                _close(result)
            except BaseException as error:
                self._tell_failure(error)
            raise
        if exchange.started and not exchange.sent and send is not None and hasattr(result, "close"):
            # A body goes out before close is called; so does a response without one.
            self._send(exchange, send)
            send = None
        _close(result)
        return send

    def _grow_if_last(self):
        """All threads are busy now: the pool may want one more."""
        if self._server.grows and self._server.idle() == 0:
            self._tell("_crowded", None)

    def _tell(self, method, argument):
        """Calls a method of the owner; what that raises is shown by Python's own means."""
        owner = self._server.owner
        try:
            getattr(owner, method)(argument)
        except BaseException as error:
            sys.unraisablehook(_Unraisable(error, owner))

    def _tell_failure(self, error):
        error.__traceback__ = _of_the_application(error.__traceback__)
        interrupts = isinstance(error, (SystemExit, KeyboardInterrupt))
        self._tell("_interrupted" if interrupts else "_failed", error)

    def _tell_refusal(self, exchange, status):
        """Says why a head or a body was refused at the last moment."""
        try:
            raise failure(status, "send the response")
        except Exception as error:
            self._tell_failure(error)
        answer.abort(exchange)


class _Unraisable:
    """What sys.unraisablehook takes."""

    err_msg = None

    def __init__(self, error, where):
        self.exc_type, self.exc_value, self.exc_traceback = type(error), error, error.__traceback__
        self.object = where


def _close(result):
    """WSGI: close is called whatever has happened."""
    if type(result) not in (list, tuple):
        close = getattr(result, "close", None)
        if close is not None:
            close()


def _of_the_application(traceback):
    """A traceback without the frames of this package that it begins with."""
    found = traceback
    while found is not None and found.tb_frame.f_code.co_filename.startswith(_HERE):
        found = found.tb_next
    return found or traceback
