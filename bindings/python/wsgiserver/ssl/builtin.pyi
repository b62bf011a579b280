from ..ssl_builtin import BuiltinSSLAdapter
__all__ = ["BuiltinSSLAdapter"]
