from ..ssl_adapter import SSLAdapter as Adapter
__all__ = ["Adapter"]
