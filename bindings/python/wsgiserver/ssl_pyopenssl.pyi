import ssl
from typing import Any

from .ssl_adapter import SSLAdapter

__all__ = ["SSLConnection", "SSL_fileobject", "pyOpenSSLAdapter"]

class pyOpenSSLAdapter(SSLAdapter):
    def get_context(self) -> ssl.SSLContext: ...

class _OfTheLibrary:
    def __init__(self, *_arguments: Any, **_named: Any) -> None: ...

class SSL_fileobject(_OfTheLibrary):
    ssl_timeout: float
    ssl_retry: float

class SSLConnection(_OfTheLibrary): ...
