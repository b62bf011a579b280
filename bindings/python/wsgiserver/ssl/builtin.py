"""``cheroot.ssl.builtin`` under its own name."""

from ..ssl_builtin import BuiltinSSLAdapter

__all__ = ["BuiltinSSLAdapter"]
