from _typeshed.wsgi import WSGIApplication
from typing import Any

__all__ = ["server_runner"]

def server_runner(
    wsgi_app: WSGIApplication,
    global_conf: Any,
    host: str = "127.0.0.1",
    port: str | int = "6543",
    listen: str | None = None,
    **settings: Any,
) -> None: ...
