from ..ssl_pyopenssl import SSLConnection, pyOpenSSLAdapter
__all__ = ["SSLConnection", "pyOpenSSLAdapter"]
