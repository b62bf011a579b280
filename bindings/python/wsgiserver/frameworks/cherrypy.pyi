from typing import Any

from .. import wsgi

__all__ = ["CPWSGIServer"]

class CPWSGIServer(wsgi.Server):
    server_adapter: Any
    def __init__(self, server_adapter: Any = ...) -> None: ...
    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None: ...
