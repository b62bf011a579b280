"""``cheroot.server`` under its own name, over the classes of this package."""

import contextlib
import sys
import threading

from . import http_server
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
