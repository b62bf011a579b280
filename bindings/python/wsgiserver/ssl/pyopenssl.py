"""``cheroot.ssl.pyopenssl`` under its own name."""

from ..ssl_pyopenssl import SSLConnection, pyOpenSSLAdapter

__all__ = ["SSLConnection", "pyOpenSSLAdapter"]
