from _typeshed import OptExcInfo
from _typeshed.wsgi import WSGIEnvironment
from collections.abc import Callable
from typing import Any

from .http_request import HTTPRequest

__all__ = ["Gateway", "WSGIGateway", "WSGIGateway_10", "WSGIGateway_u0", "wsgi_gateways"]

class Gateway:
    req: HTTPRequest
    def __init__(self, req: HTTPRequest) -> None: ...
    def respond(self) -> None: ...

class WSGIGateway(Gateway):
    version: tuple[int | str, int] | None
    started_response: bool
    env: WSGIEnvironment
    remaining_bytes_out: int | None
    @classmethod
    def gateway_map(cls) -> dict[Any, type[WSGIGateway]]: ...
    def get_environ(self) -> WSGIEnvironment: ...
    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None
    ) -> Callable[[bytes], None]: ...
    def write(self, chunk: bytes) -> None: ...

class WSGIGateway_10(WSGIGateway):
    unicode: bool

class WSGIGateway_u0(WSGIGateway_10): ...

wsgi_gateways: dict[tuple[int | str, int], type[WSGIGateway]]
