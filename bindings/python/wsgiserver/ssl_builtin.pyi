from .ssl_adapter import SSLAdapter

__all__ = ["BuiltinSSLAdapter"]

class BuiltinSSLAdapter(SSLAdapter): ...
