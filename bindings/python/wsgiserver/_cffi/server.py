"""A server of the library for one run of an HTTPServer."""

import os

from . import ssl_context
from .errors import check, checked
from .library import NULL, asked, ffi, lib

_STATS = ("accepts", "socket_errors", "requests", "bytes_read", "bytes_written", "run_time")
_STATS += ("work_time", "connections", "requests_in_work")
_OF_WORKER = ("number", "requests", "bytes_read", "bytes_written", "work_time")
# What the garbage collector is to think that a server weighs.
_WEIGHT = 1 << 20


class Server:
    """Server(owner, bind_addr): a server of the library for one run."""

    def __init__(self, owner, bind_addr):
        self.owner = owner  # the HTTPServer: told of failures, messages and interrupts
        self.app = None  # the WSGI application
        self._environ = {}
        self.respond = None  # called with the exchange in the application's place
        self.unicode = 0  # environs of WSGI u.0
        self.grows = 0  # the owner is told when all threads are busy
        out = ffi.new("wsgi_server **")
        address = NULL if bind_addr is None else bind_addr.encode()
        checked(lib.wsgi_server_new, address, NULL, NULL, NULL, out)
        # Whoever uses the pointer keeps the server alive with it.
        self.handle = ffi.gc(out[0], lib.wsgi_server_free, _WEIGHT)

    @property
    def environ(self):
        """What each environ begins with; replaced, not changed, while serving."""
        return self._environ

    @environ.setter
    def environ(self, value):
        if type(value) is not dict:
            raise TypeError("environ is a dict")
        self._environ = value

    @property
    def ready(self):
        """Whether it serves."""
        return lib.wsgi_server_ready(self.handle) == 1

    def set(self, name, value, /):
        """set(name, value): an option, as text."""
        checked(lib.wsgi_server_set, self.handle, _text(name), _text(value))

    def get(self, name, /):
        """get(name): an option's value, as text."""
        status, text = asked(lib.wsgi_server_get, self.handle, name.encode(), capacity=4096)
        if status == lib.WSGI_E_OPTION:
            raise ValueError(f"no option {name!r}")
        check(status, "read the option")
        return text

    def listen(self, address, /):
        """listen(address): a further one."""
        checked(lib.wsgi_server_listen, self.handle, _text(address))

    def listen_fd(self, number, /):
        """listen_fd(number): a listening socket, which is taken."""
        checked(lib.wsgi_server_listen_fd, self.handle, descriptor_of(number))

    def use_ssl(self, name, certificate, private_key, chain, settings, /):
        """use_ssl(name, certificate, private_key, chain, settings): speaks TLS by the library."""
        files = [NULL if file is None else _text(file) for file in (certificate, private_key, chain)]
        self._use(name, files, settings)

    def use_ssl_context(self, new_session, /):
        """use_ssl_context(new_session): speaks TLS by sessions of Python's."""
        ssl_context.register(self.handle, "context", new_session)
        self._use("context", [b"", NULL, NULL], {})

    def reload_ssl(self):
        """Reads the certificates again."""
        checked(lib.wsgi_server_reload_ssl, self.handle)

    def prepare(self):
        """Binds and serves; requests wait for workers."""
        checked(lib.wsgi_server_prepare, self.handle)

    def stop(self):
        """Stops: how many requests were cut."""
        cut = ffi.new("uint32_t *")
        status = lib.wsgi_server_stop(self.handle, cut)
        if status != lib.WSGI_E_FORKED:
            check(status, "stop")
        return cut[0]

    def signal_stop(self):
        """Asks for the stop."""
        lib.wsgi_server_signal_stop(self.handle)

    def quiesce(self):
        """Takes no more connections."""
        check(lib.wsgi_server_quiesce(self.handle), "take no more connections")

    def addresses(self):
        """What is listened on, with the real ports."""
        made = []
        for index in range(lib.wsgi_server_listener_count(self.handle)):
            status, text = asked(lib.wsgi_server_bound_addr_at, self.handle, index)
            if status < 0:
                break
            made.append(text)
        return made

    def idle(self):
        """Workers without work."""
        return self._count(lib.wsgi_server_idle)

    def qsize(self):
        """Requests that wait for a worker."""
        return self._count(lib.wsgi_server_qsize)

    def stats(self):
        """The statistics."""
        stats = ffi.new("wsgi_stats *", {"struct_size": ffi.sizeof("wsgi_stats")})
        check(lib.wsgi_server_stats(self.handle, stats), "tell the statistics")
        return {name: getattr(stats, name) for name in _STATS}

    def stats_json(self):
        """The statistics as JSON."""
        return self._told(lib.wsgi_server_stats_json)

    def stats_prometheus(self):
        """The statistics for Prometheus."""
        return self._told(lib.wsgi_server_stats_prometheus)

    def workers(self):
        """Those of each worker, in the order they were made."""
        made = []
        stats = ffi.new("wsgi_worker_stats *", {"struct_size": ffi.sizeof("wsgi_worker_stats")})
        while lib.wsgi_server_worker_stats(self.handle, len(made), stats) >= 0:
            made.append({name: getattr(stats, name) for name in _OF_WORKER})
        return made

    def clear_stats(self):
        """Counts from zero on."""
        lib.wsgi_server_clear_stats(self.handle)

    def _use(self, name, files, settings):
        """Has an adapter made, set and given to the server, which keeps what it needs of it."""
        out = ffi.new("wsgi_ssl_adapter **")
        checked(lib.wsgi_ssl_adapter_new, self.handle, _text(name), *files, out)
        try:
            for option, value in settings.items():
                checked(lib.wsgi_ssl_adapter_set, out[0], _text(option), _text(value))
            checked(lib.wsgi_server_set_ssl_adapter, self.handle, out[0])
        finally:
            lib.wsgi_ssl_adapter_free(out[0])

    def _told(self, function):
        """A text as long as it is; it may grow between two calls."""
        capacity = 16384
        while True:
            status, text = asked(function, self.handle, capacity=capacity)
            if status != lib.WSGI_E_LENGTH:
                check(status, "tell the statistics")
                return text
            capacity *= 2

    def _count(self, function):
        found = ffi.new("size_t *")
        function(self.handle, found)
        return found[0]


def descriptor_of(file):
    """A descriptor, or that of a file."""
    number = file if isinstance(file, int) else file.fileno()
    if number < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({number})")
    return number


def _text(value):
    encoded = os.fsencode(value) if isinstance(value, os.PathLike) else value.encode()
    if b"\0" in encoded:
        raise ValueError("embedded null character")
    return encoded
