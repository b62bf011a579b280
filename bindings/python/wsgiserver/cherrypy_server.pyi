from _typeshed.wsgi import WSGIApplication

from .http_server import HTTPServer, _Address

__all__ = ["CherryPyWSGIServer"]

class CherryPyWSGIServer(HTTPServer):
    wsgi_version: tuple[int | str, int]
    wsgi_app: WSGIApplication
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
    ) -> None: ...
    @property
    def numthreads(self) -> int: ...
    @numthreads.setter
    def numthreads(self, value: int) -> None: ...
