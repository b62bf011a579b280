import socket
from collections.abc import Callable
from typing import Any, NoReturn

from . import http_server
from .errors import MaxSizeExceeded
from .gateways import Gateway
from .header_readers import DropUnderscoreHeaderReader, HeaderReader
from .http_connection import HTTPConnection
from .http_request import HTTPRequest, comma_separated_headers
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

IS_UID_GID_RESOLVABLE: bool

class HTTPServer(http_server.HTTPServer):
    expiration_interval: float
    keep_alive_conn_limit: int
    peercreds_enabled: bool
    peercreds_resolve_enabled: bool
    reuse_port: bool
    def __init__(
        self,
        bind_addr: http_server._Address,
        gateway: Callable[[HTTPRequest], Any],
        minthreads: int = 10,
        maxthreads: int = -1,
        server_name: str | None = None,
        peercreds_enabled: bool = False,
        peercreds_resolve_enabled: bool = False,
        reuse_port: bool = False,
    ) -> None: ...
    @property
    def can_add_keepalive_connection(self) -> bool: ...
    def put_conn(self, conn: Any) -> NoReturn: ...
    def process_conn(self, conn: Any) -> NoReturn: ...
    @classmethod
    def prepare_socket(
        cls,
        bind_addr: http_server._Address,
        family: int,
        type: int,
        proto: int,
        nodelay: bool,
        ssl_adapter: Any,
        reuse_port: bool = False,
    ) -> socket.socket: ...
    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: Any) -> socket.socket: ...
    @staticmethod
    def resolve_real_bind_addr(socket_: socket.socket) -> Any: ...
    def bind_unix_socket(self, bind_addr: str | bytes) -> socket.socket: ...
