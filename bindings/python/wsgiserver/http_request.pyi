from typing import Any

from ._wsgiserver import Exchange, Input
from .http_connection import HTTPConnection
from .http_server import HTTPServer

__all__ = ["HTTPRequest", "comma_separated_headers"]

comma_separated_headers: list[bytes]

class HTTPRequest:
    server: HTTPServer
    conn: HTTPConnection
    exchange: Exchange
    inheaders: dict[bytes, bytes]
    outheaders: list[tuple[bytes, bytes]]
    ready: bool
    close_connection: bool
    chunked_read: bool
    chunked_write: bool
    header_reader: Any
    proxy_mode: bool
    strict_mode: bool
    started_request: bool
    scheme: bytes
    method: bytes
    uri: bytes
    path: bytes
    qs: bytes
    authority: bytes | None
    request_protocol: bytes
    response_protocol: str
    status: bytes
    sent_headers: bool
    rfile: Input
    def __init__(
        self,
        server: HTTPServer,
        conn: HTTPConnection,
        proxy_mode: bool = False,
        strict_mode: bool = True,
    ) -> None: ...
    def parse_request(self) -> None: ...
    def read_request_line(self) -> bool: ...
    def read_request_headers(self) -> bool: ...
    def parse_request_uri(
        self, uri: bytes
    ) -> tuple[bytes | None, bytes | None, bytes | None]: ...
    def respond(self) -> None: ...
    def ensure_headers_sent(self) -> None: ...
    def send_headers(self) -> None: ...
    def write(self, chunk: bytes) -> None: ...
    def simple_response(self, status: str | int, msg: str = "") -> None: ...
