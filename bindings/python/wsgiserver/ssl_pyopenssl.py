"""pyOpenSSLAdapter, SSLConnection and SSL_fileobject: the names of the seed's module.

pyOpenSSL is not needed: connections are the library's, and TLS is the same as with the builtin adapter.
"""

from .ssl_adapter import SSLAdapter

__all__ = ["SSLConnection", "SSL_fileobject", "pyOpenSSLAdapter"]


class pyOpenSSLAdapter(SSLAdapter):
    """TLS by the library."""

    def get_context(self):
        """An ``ssl.SSLContext`` of the adapter's files."""
        return self.new_context()


class _OfTheLibrary:
    def __init__(self, *_arguments, **_named):
        name = type(self).__name__
        raise NotImplementedError(f"{name}: TLS connections are read and written by the library")


class SSL_fileobject(_OfTheLibrary):
    """Was the file of a TLS connection."""

    ssl_timeout = 3
    ssl_retry = 0.01


class SSLConnection(_OfTheLibrary):
    """Was a TLS connection with a lock."""
