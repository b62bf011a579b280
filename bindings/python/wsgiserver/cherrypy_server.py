"""CherryPyWSGIServer: the server of a WSGI application."""

from .gateways import wsgi_gateways
from .http_server import HTTPServer
from .threadpool import ThreadPool

__all__ = ["CherryPyWSGIServer"]


class CherryPyWSGIServer(HTTPServer):
    """Serves a WSGI application by threads, so that it may block."""

    wsgi_version = (1, 0)
    """The version of the environ: (1, 0) or ('u', 0)."""

    wsgi_app = None
    """The application. It may be set while the server serves."""

    def __init__(
        self,
        bind_addr,
        wsgi_app,
        numthreads=10,
        server_name=None,
        max=-1,
        request_queue_size=5,
        timeout=10,
        shutdown_timeout=5,
        accepted_queue_size=-1,
        accepted_queue_timeout=10,
    ):
        gateway = wsgi_gateways[self.wsgi_version]
        super().__init__(bind_addr, gateway, numthreads, max, server_name)
        self.requests = ThreadPool(
            self,
            min=numthreads or 1,
            max=max,
            accepted_queue_size=accepted_queue_size,
            accepted_queue_timeout=accepted_queue_timeout,
        )
        self.wsgi_app = wsgi_app
        given = {"request_queue_size": request_queue_size, "timeout": timeout}
        given["shutdown_timeout"] = shutdown_timeout
        for name, value in given.items():
            if value != getattr(self, name):
                setattr(self, name, value)

    @property
    def numthreads(self):
        """The least number of threads."""
        return self.requests.min

    @numthreads.setter
    def numthreads(self, value):
        self.requests.min = value
