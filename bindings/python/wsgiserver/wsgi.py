"""``cheroot.wsgi`` under its own name, over the classes of this package.

    from wsgiserver import wsgi

    server = wsgi.Server(("127.0.0.1", 8070), hello)
    server.start()
"""

from . import server as _server
from .cherrypy_server import CherryPyWSGIServer
from .dispatcher import WSGIPathInfoDispatcher
from .gateways import WSGIGateway, WSGIGateway_10, WSGIGateway_u0, wsgi_gateways

__all__ = [
    "Gateway",
    "Gateway_10",
    "Gateway_u0",
    "PathInfoDispatcher",
    "Server",
    "WSGIGateway",
    "WSGIGateway_10",
    "WSGIGateway_u0",
    "WSGIPathInfoDispatcher",
    "WSGIServer",
    "wsgi_gateways",
]


class Server(CherryPyWSGIServer, _server.HTTPServer):
    """CherryPyWSGIServer with cheroot's further arguments and methods."""

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
        peercreds_enabled=False,
        peercreds_resolve_enabled=False,
        reuse_port=False,
    ):
        super().__init__(
            bind_addr,
            wsgi_app,
            numthreads,
            server_name,
            max,
            request_queue_size,
            timeout,
            shutdown_timeout,
            accepted_queue_size,
            accepted_queue_timeout,
        )
        _server.set_further(self, peercreds_enabled, peercreds_resolve_enabled, reuse_port)


WSGIServer = Server
Gateway = WSGIGateway
Gateway_10 = WSGIGateway_10
Gateway_u0 = WSGIGateway_u0
PathInfoDispatcher = WSGIPathInfoDispatcher
