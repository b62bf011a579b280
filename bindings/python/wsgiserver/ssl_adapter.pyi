from __future__ import annotations

import ssl
from _typeshed import StrPath
from collections.abc import Callable
from typing import Any, NoReturn, Union

__all__ = ["SSLAdapter", "get_ssl_adapter_class", "ssl_adapters"]

_Password = Union[str, bytes, bytearray, Callable[[], Union[str, bytes, bytearray]], None]

ssl_adapters: dict[str, str | type[SSLAdapter]]

def get_ssl_adapter_class(name: str = "builtin") -> type[SSLAdapter]: ...

class SSLAdapter:
    kind: str
    certificate: StrPath | None
    private_key: StrPath | None
    certificate_chain: StrPath | None
    ciphers: str | None
    private_key_password: _Password
    minimum_tls_version: str | None
    client_auth: str | None
    client_ca: StrPath | None
    client_crl: StrPath | None
    def __init__(
        self,
        certificate: StrPath | None,
        private_key: StrPath | None = None,
        certificate_chain: StrPath | None = None,
        ciphers: str | None = None,
        *,
        private_key_password: _Password = None,
    ) -> None: ...
    def bind(self, sock: Any) -> Any: ...
    def wrap(self, sock: Any) -> NoReturn: ...
    def get_environ(self, sock: Any = None) -> dict[str, Any]: ...
    def makefile(self, sock: Any, mode: str = "r", bufsize: int = -1) -> NoReturn: ...
    def new_context(self) -> ssl.SSLContext: ...
    @property
    def context(self) -> ssl.SSLContext: ...
    @context.setter
    def context(self, value: ssl.SSLContext | None) -> None: ...
