from _typeshed.wsgi import WSGIApplication

from . import server as _server
from .cherrypy_server import CherryPyWSGIServer
from .dispatcher import WSGIPathInfoDispatcher
from .gateways import WSGIGateway, WSGIGateway_10, WSGIGateway_u0, wsgi_gateways
from .http_server import _Address

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
    def __init__(
        self,
        bind_addr: _Address,
        wsgi_app: WSGIApplication,
        numthreads: int = 10,
        server_name: str | None = None,
        max: float = -1,
        request_queue_size: int = 5,
        timeout: float = 10,
        shutdown_timeout: float = 5,
        accepted_queue_size: int = -1,
        accepted_queue_timeout: float = 10,
        peercreds_enabled: bool = False,
        peercreds_resolve_enabled: bool = False,
        reuse_port: bool = False,
    ) -> None: ...

WSGIServer = Server
Gateway = WSGIGateway
Gateway_10 = WSGIGateway_10
Gateway_u0 = WSGIGateway_u0
PathInfoDispatcher = WSGIPathInfoDispatcher
