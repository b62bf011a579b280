from collections.abc import Callable
from typing import Any

from ._wsgiserver import Exchange, Stream
from .http_request import HTTPRequest
from .http_server import HTTPServer

__all__ = ["HTTPConnection"]

class HTTPConnection:
    remote_addr: str | None
    remote_port: int | str | None
    ssl_env: dict[str, Any] | None
    rbufsize: int
    wbufsize: int
    linger: bool
    RequestHandlerClass: Callable[..., HTTPRequest]
    server: HTTPServer
    makefile: Callable[..., Any]
    exchange: Exchange
    request: HTTPRequest | None
    def __init__(
        self, server: HTTPServer, sock: Exchange, makefile: Callable[..., Any] = ...
    ) -> None: ...
    @property
    def socket(self) -> Stream: ...
    @property
    def requests_seen(self) -> int: ...
    def communicate(self) -> None: ...
    def close(self) -> None: ...
