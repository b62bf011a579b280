"""HTTPServer: the seed's server over one of the library."""

import atexit
import contextlib
import difflib
import os
import socket
import sys
import threading
import time
import traceback as _traceback
import warnings
import weakref

from . import _wsgiserver, addresses, environs, routing, settings, ssl_adapter
from .errors import NoEffectWarning
from .gateways import WSGIGateway_u0, wsgi_gateways
from .http_connection import HTTPConnection, on_change
from .statistics import Statistics
from .threadpool import ThreadPool, WorkerThread, check_threads

__all__ = ["HTTPServer"]

ERROR = 40

# What a client did is answered by the library, and no news for the error log.
OF_THE_CLIENT = (_wsgiserver.ClientGone, _wsgiserver.BadRequestBody, _wsgiserver.MaxSizeExceeded)

# Of these the environ has it, whatever the library is told.
IN_ENVIRON = ("server_name", "software", "version")

# What is no option of the library and needs a new start all the same.
AT_START = ("bind_addr", "ssl_adapter")

# What each server has once it is made.
MADE = ("requests", "stats")

_running = weakref.WeakSet()


@on_change
def _route_all():
    for server in list(_running):
        server._route()


@atexit.register
def _stop_all():
    for server in list(_running):
        server.stop()


def _forget_all():
    """In a forked child no server runs: threads stay behind, and the library serves the parent."""
    for server in list(_running):
        server._forget_run()
    _running.clear()


os.register_at_fork(after_in_child=_forget_all)


class HTTPServer:
    """An HTTP server that hands requests to a gateway.

    Attributes may be set before the server is prepared; while it serves also those that need no new
    socket: ``gateway``, ``server_name``, ``software``, ``version``, and what the library takes then,
    like ``timeout`` and ``max_request_body_size``. Each option of it is an attribute as well, like
    ``header_timeout``.
    """

    protocol = settings.SEED_DEFAULTS["protocol"]
    """The version of each response; 'HTTP/1.0' brings the rules of 1.0."""

    request_queue_size = settings.SEED_DEFAULTS["request_queue_size"]
    """The backlog of the listening socket."""

    shutdown_timeout = settings.SEED_DEFAULTS["shutdown_timeout"]
    """Seconds that a stop leaves to the requests in work."""

    timeout = settings.SEED_DEFAULTS["timeout"]
    """Seconds for a client to make progress; finer ones are ``header_timeout`` and its like."""

    version = settings.SEED_DEFAULTS["version"]
    """The version in SERVER_SOFTWARE."""

    software = None
    """SERVER_SOFTWARE; None: the version and the word Server."""

    server_name = None
    """SERVER_NAME; None: the host's name."""

    max_request_header_size = settings.SEED_DEFAULTS["max_request_header_size"]
    """The largest request head in bytes; set to 0: any."""

    max_request_body_size = settings.SEED_DEFAULTS["max_request_body_size"]
    """The largest request body in bytes, 0: any."""

    nodelay = settings.SEED_DEFAULTS["nodelay"]
    """Whether TCP_NODELAY is set."""

    gateway = None
    """Called with each request for an object whose ``respond`` answers it."""

    ConnectionClass = HTTPConnection
    """What a gateway of the program's own finds as ``req.conn``; ``req`` is of its class."""

    access_log = None
    """Where a line for each answer goes: a path, a file, or a descriptor; None: nowhere."""

    minthreads = None
    maxthreads = None

    multiprocess = False
    """``wsgi.multiprocess``: whether other processes serve the same address."""

    ssl_adapter = None
    # The option of this name: which of the library's adapters takes ``certificate`` and the like.
    _ssl_adapter_name = None
    """An SSLAdapter, which makes the server speak TLS; None: it speaks HTTP alone."""

    socket = None
    core = None
    """The library's server while this one runs, else None."""

    ready = False
    """Whether it serves."""

    def __init__(self, bind_addr, gateway, minthreads=10, maxthreads=-1, server_name=None):
        self._interrupt = None
        self._further = []
        self._make_locks()
        self._start_time = None
        self._run_time = 0
        self.bind_addr = bind_addr
        self.gateway = gateway
        self.requests = ThreadPool(self, min=minthreads or 1, max=maxthreads)
        self.clear_stats()
        if server_name:
            self.server_name = server_name

    def _make_locks(self):
        self._lock = threading.RLock()
        # Held; released when something has happened. A signal handler may do that, unlike with an
        # Event, or a SimpleQueue of PyPy.
        self._changed = threading.Lock()
        self._changed.acquire()

    def __str__(self):
        return f"{type(self).__module__}.{type(self).__name__}({self.bind_addr!r})"

    def __getattr__(self, name):
        if settings.is_option(name):
            return settings.default(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name, value):
        if name[0] != "_" and name not in MADE and not self._has(name):
            self._warn_of_misspelling(name)
        if self.core is not None and settings.is_option(name):
            self._set_while_running(name, value)  # refused, it stays as it was
        super().__setattr__(name, value)
        if self.core is None or name == "core":
            return
        if name in ("protocol", "multiprocess", *IN_ENVIRON):
            self.core.environ = environs.template(self)
        elif name in ("gateway", "ConnectionClass", "wsgi_app"):
            self._route()
        elif name in AT_START:
            self._tell_later(name)

    @property
    def bind_addr(self):
        """Where to listen: (host, port), the path of a UNIX socket, or None for sockets of your own.

        With port 0 it is the real one once the server is prepared.
        """
        return self._bind_addr

    @bind_addr.setter
    def bind_addr(self, value):
        self._bind_addr = addresses.check(value)

    @property
    def speaks_tls(self):
        """Whether it speaks TLS, by an adapter or by the option ``certificate``."""
        return self.ssl_adapter is not None or bool(self.certificate)

    @property
    def bound_addrs(self):
        """What is listened on, as texts like '127.0.0.1:8070' or 'unix:/run/app.sock'."""
        return self.core.addresses() if self.core is not None else []

    def listen(self, address):
        """Listens on a further address, from the next start on: a tuple, a path, or a text; or on a
        socket of the program's own, which listens already and stays the program's."""
        if not isinstance(address, socket.socket):
            address = addresses.check(address)
        self._further.append(address)

    def set(self, name, value):
        """Sets an option by the library's name, as text or what its attribute takes."""
        if name == "bind_addr":
            self.bind_addr = addresses.from_text(value) if isinstance(value, str) else value
        elif name in settings.OF_POOL:
            setattr(self.requests, settings.OF_POOL[name], settings.pool_value(name, value))
        elif name == "wsgi_version":
            self.gateway = wsgi_gateways[("u", 0) if value == "u.0" else (1, 0)]
        elif name == "statistics":
            self.stats["Enabled"] = value not in ("0", "no", "off", "false", False)
        elif name == "ssl_adapter" and isinstance(value, str):
            self._ssl_adapter_name = value
        elif settings.is_option(name):
            setattr(self, name, value)
        else:
            raise ValueError(f"no option {name!r}; options: {', '.join(settings.LIBRARY)}")

    def start(self):
        """Serves until ``stop`` is called, and raises what ``interrupt`` is set to."""
        self.prepare()
        self.serve()

    def safe_start(self):
        """``start``, but an end by KeyboardInterrupt or SystemExit stops the server first."""
        try:
            self.start()
        except (KeyboardInterrupt, SystemExit) as error:
            self.interrupt = error
            raise

    def prepare(self):
        """Binds and listens, starts the threads, and serves; returns at once."""
        check_threads()
        with self._lock:
            if self.core is not None:
                raise RuntimeError("the server runs already")
            self._interrupt = None
            core = self._new_core()
            core.prepare()
            super().__setattr__("core", core)
            self._begin()

    def serve(self):
        """Waits until the server is stopped or interrupted."""
        run = self.core
        while self.ready and self.core is run and self._interrupt is None:
            try:
                self.tick()
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:
                self.error_log("Error in HTTPServer.tick", level=ERROR, traceback=True)
        self._stop(run)
        if self._interrupt is not None:
            raise self._interrupt

    def tick(self):
        """Waits a moment for the end. Connections are accepted by the threads."""
        self._changed.acquire(timeout=1)

    def stop(self):
        """Stops: no new connections, ``shutdown_timeout`` seconds for the requests in work.

        In an application it asks for the stop, which the thread in ``serve`` carries out. A thread
        that does not come back from the application in time is named in the error log and left.
        """
        if isinstance(threading.current_thread(), WorkerThread):
            self.ready = False
            self._tell_change()
            self._close_socket()
            if self.core is not None:
                self.core.signal_stop()
        else:
            self._stop(self.core)

    def _stop(self, run):
        """Stops this run, if it is not over: another thread may have started the next one."""
        with self._lock:
            if run is None or self.core is not run:
                return
            self.ready = False
            self._tell_change()
            self._close_socket()
            until = time.monotonic() + settings.shutdown_seconds(self)
            run.stop()
            stuck = self.requests.stop(max(until - time.monotonic(), 0.2))
            self._end(stuck)

    def _tell_change(self):
        with contextlib.suppress(RuntimeError):  # it was told already
            self._changed.release()

    @property
    def interrupt(self):
        """Set it to an exception: the server stops, and ``start`` raises it."""
        return self._interrupt

    @interrupt.setter
    def interrupt(self, value):
        self._interrupt = value
        if value is not None:
            self.stop()

    def error_log(self, msg="", level=20, traceback=False):
        """Writes to standard error. To be overridden."""
        text = f"{msg}\n"
        if traceback:
            error = sys.exc_info()[1]
            text += "".join(_traceback.format_exception(type(error), error, error.__traceback__))
        sys.stderr.write(text)
        sys.stderr.flush()

    def clear_stats(self):
        """Counts from zero on."""
        if "stats" in vars(self):
            self.stats.clear()
        else:
            self.stats = Statistics(self)

    def bind(self, family, type, proto=0):
        """Creates the listening socket; a server whose ``socket`` is set listens on that one."""
        self.socket = addresses.bind(self, family, type, proto)
        return self.socket

    def runtime(self):
        """Seconds that the server has served."""
        if self._start_time is None:
            return self._run_time
        return self._run_time + (time.time() - self._start_time)

    def _new_core(self):
        address = None if self.bind_addr is None else addresses.to_text(self.bind_addr)
        inherited = addresses.sockets_of_systemd()
        if isinstance(self.socket, socket.socket):
            inherited.append(addresses.listening(self.socket, self.request_queue_size))
        core = _wsgiserver.Server(self, None if inherited else address)
        core.set("log_events", "1")
        pool = self.requests
        core.set("numthreads", str(pool.min))
        core.set("accepted_queue_size", str(pool.accepted_queue_size))
        timeout = settings.to_text(pool.accepted_queue_timeout, "accepted_queue_timeout")
        core.set("accepted_queue_timeout", timeout)
        for name, text in settings.given(self):
            core.set(name, text)
        for further in self._further:
            if isinstance(further, socket.socket):
                inherited.append(further.fileno())
            else:
                core.listen(addresses.to_text(further))
        for descriptor in inherited:
            core.listen_fd(os.dup(descriptor))
        if self.ssl_adapter is not None:
            ssl_adapter.apply(self.ssl_adapter, core)
        elif self._ssl_adapter_name is not None:
            core.set("ssl_adapter", self._ssl_adapter_name)
        core.unicode = self.gateway is WSGIGateway_u0
        core.set("wsgi_version", "u.0" if core.unicode else "1.0")
        self.stats.begin(core)
        return core

    def _begin(self):
        listening = self.core.addresses()
        if listening and self._bind_addr is not None:
            self._bind_addr = addresses.from_text(listening[0])
        if self.socket is None:
            super().__setattr__("socket", addresses.BoundSocket(listening[0]))
        self.core.environ = environs.template(self)
        self.core.grows = self.requests.grows_by_itself
        self._route()
        self._start_time = time.time()
        self.ready = True
        _running.add(self)
        try:
            self.requests.start()
        except BaseException:
            self.stop()
            raise

    def _end(self, stuck):
        self.stats.end(self.core)
        self._run_time = self.runtime()
        self._start_time = None
        _running.discard(self)
        super().__setattr__("core", None)
        self._close_socket()
        super().__setattr__("socket", None)
        if stuck:
            names = ", ".join(thread.name for thread in stuck)
            self.error_log(f"The stop left threads in the application: {names}", level=ERROR)

    def _close_socket(self):
        """The library has a descriptor of its own, and closes that when the stop begins."""
        if isinstance(self.socket, socket.socket):
            self.socket.close()

    def _forget_run(self):
        """The run is another process's."""
        self.ready = False
        self._run_time = self.runtime()
        self._start_time = None
        super().__setattr__("core", None)
        self._make_locks()
        self.requests._forget_all()

    def reload_ssl(self):
        """Reads the certificates again, for connections that begin later."""
        self.core.reload_ssl()

    def _route(self):
        core = self.core
        core.app = routing.application(self)
        core.respond = None if routing.is_direct(self) else self._respond

    def _respond(self, exchange):
        routing.respond(self, exchange)

    def _set_while_running(self, name, value):
        if settings.LIBRARY[name]["while_running"]:
            self.core.set(name, settings.to_text(value, name))
        elif name not in IN_ENVIRON:
            self._tell_later(name, 4)

    def _has(self, name):
        return name in vars(self) or hasattr(type(self), name) or settings.is_option(name)

    def _warn_of_misspelling(self, name):
        """A program may keep what it likes on a server, but not by a name that is nearly another."""
        names = [known for known in (*settings.LIBRARY, *dir(type(self))) if known[0] != "_"]
        for near in difflib.get_close_matches(name, names, 1, 0.85):
            message = f"{type(self).__name__} has no attribute {name!r}; {near!r} is one"
            warnings.warn(message, NoEffectWarning, stacklevel=3)

    def _tell_later(self, name, stacklevel=3):
        message = f"{name} is taken at the next start: the server runs"
        warnings.warn(message, NoEffectWarning, stacklevel=stacklevel)

    # What the worker threads call.

    def _failed(self, error):
        if not isinstance(error, OF_THE_CLIENT):
            self.error_log(_text_of(error), level=ERROR, traceback=True)

    def _interrupted(self, error):
        message = f"{_text_of(error)} of an application: the server stops"
        self.error_log(message, level=ERROR, traceback=True)
        self.interrupt = error

    def _message(self, message):
        level, _code, text = message
        self.error_log(text, level=level)

    def _crowded(self, _unused):
        self.requests.grow(1)


def _text_of(error):
    try:
        return repr(error)
    except Exception:
        return f"<{type(error).__name__}, whose repr fails>"
