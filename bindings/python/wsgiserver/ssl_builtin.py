"""BuiltinSSLAdapter: TLS with a certificate and a key.

    server.ssl_adapter = BuiltinSSLAdapter("server.crt", "server.key")
"""

from .ssl_adapter import SSLAdapter

__all__ = ["BuiltinSSLAdapter"]


class BuiltinSSLAdapter(SSLAdapter):
    """TLS by the library; by Python's ssl module where a program sets or changes ``context``."""
