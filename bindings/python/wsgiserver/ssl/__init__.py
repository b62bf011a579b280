"""``cheroot.ssl`` under its own name: Adapter, the base class of TLS adapters."""

from ..ssl_adapter import SSLAdapter as Adapter

__all__ = ["Adapter"]
