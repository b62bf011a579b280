"""``cheroot.server`` under its own name, over the classes of this package."""

import contextlib
import os
import socket
import stat
import sys
import threading

from . import addresses, http_server
from .errors import MaxSizeExceeded
from .gateways import Gateway
from .header_readers import DropUnderscoreHeaderReader, HeaderReader
from .http_connection import HTTPConnection
from .http_request import HTTPRequest, comma_separated_headers
from .no_effect import Tells
from .rfiles import ChunkedRFile, KnownLengthRFile, SizeCheckWrapper
from .ssl_adapter import get_ssl_adapter_class, ssl_adapters
from .threadpool import ThreadPool

__all__ = [
    "ChunkedRFile",
    "DropUnderscoreHeaderReader",
    "Gateway",
    "HTTPConnection",
    "HTTPRequest",
    "HTTPServer",
    "HeaderReader",
    "KnownLengthRFile",
    "MaxSizeExceeded",
    "SizeCheckWrapper",
    "ThreadPool",
    "comma_separated_headers",
    "get_ssl_adapter_class",
    "ssl_adapters",
]

IS_UID_GID_RESOLVABLE = sys.platform != "win32"

# Idle connections are kept in any number without a thread, each for `keep_alive_timeout`.
_NO_THREAD = "there is no thread for it"


class HTTPServer(Tells, http_server.HTTPServer):
    """The server with cheroot's further arguments and methods."""

    _without_effect = dict.fromkeys(["expiration_interval", "keep_alive_conn_limit"], _NO_THREAD)

    expiration_interval = 0.5
    """Without effect: connections are closed when they have been idle for long enough."""

    keep_alive_conn_limit = 10
    """Without effect: ``max_connections`` bounds all of them."""

    peercreds_enabled = False
    """Whether it asks for the ids of processes at the other end of UNIX sockets."""

    peercreds_resolve_enabled = False
    """Whether it also looks for the names of users and groups."""

    reuse_port = False
    """Whether other processes may listen on the same port."""

    def __init__(
        self,
        bind_addr,
        gateway,
        minthreads=10,
        maxthreads=-1,
        server_name=None,
        peercreds_enabled=False,
        peercreds_resolve_enabled=False,
        reuse_port=False,
    ):
        super().__init__(bind_addr, gateway, minthreads, maxthreads, server_name)
        set_further(self, peercreds_enabled, peercreds_resolve_enabled, reuse_port)

    @property
    def can_add_keepalive_connection(self):
        """Whether one more connection may be kept idle: while it serves, any number."""
        return self.ready

    def put_conn(self, conn):
        """Raises NotImplementedError: idle connections are the library's."""
        raise NotImplementedError("idle connections are the library's")

    def process_conn(self, conn):
        """Raises NotImplementedError: connections come from the library."""
        raise NotImplementedError("connections come from the library")

    @classmethod
    def prepare_socket(
        cls, bind_addr, family, type, proto, nodelay, ssl_adapter, reuse_port=False
    ):
        """A socket with the options of a listening one, to be bound and set as ``socket``. What an
        adapter does, it does to connections."""
        return addresses.prepare(bind_addr, family, type, proto, nodelay, reuse_port)

    @staticmethod
    def bind_socket(socket_, bind_addr):
        """Binds the socket, and returns it."""
        socket_.bind(bind_addr)
        return socket_

    @staticmethod
    def resolve_real_bind_addr(socket_):
        """Where a socket is bound: host and port, or a path."""
        bound = socket_.getsockname()
        if isinstance(bound, tuple):
            return bound[:2]
        return bound.decode("ISO-8859-1") if isinstance(bound, bytes) else bound

    def bind_unix_socket(self, bind_addr):
        """Binds a UNIX socket in the place of one that was left there, to listen on. All may use it."""
        if stat.S_ISSOCK(addresses.mode_of(bind_addr)):
            os.unlink(bind_addr)
        made = self.prepare_socket(
            bind_addr, socket.AF_UNIX, socket.SOCK_STREAM, 0, self.nodelay, self.ssl_adapter
        )
        try:
            os.fchmod(made.fileno(), 0o777)
            self.bind_socket(made, bind_addr)
        except BaseException:
            made.close()
            raise
        self.bind_addr = self.resolve_real_bind_addr(made)
        self.socket = made
        return made

    @contextlib.contextmanager
    def _run_in_thread(self):
        """Serves in a thread while the block runs, which is given the thread."""
        self.prepare()
        thread = threading.Thread(target=self.serve, daemon=True)
        thread.start()
        try:
            yield thread
        finally:
            self.stop()
            thread.join()


def set_further(server, peercreds_enabled, peercreds_resolve_enabled, reuse_port):
    """What cheroot's constructors take beside the seed's arguments."""
    if peercreds_enabled or peercreds_resolve_enabled:
        server.peercreds_enabled = True
    if peercreds_resolve_enabled:
        server.peercreds_resolve_enabled = True
    if reuse_port:
        server.reuse_port = True
