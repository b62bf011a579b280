from _typeshed.wsgi import WSGIApplication
from collections.abc import Mapping
from typing import Any

from ..http_server import HTTPServer, _Address
from ..wsgi import Server as Server

NAMES: dict[str, str]

def make_server(
    app: WSGIApplication, bind_addr: _Address, settings: Mapping[str, Any]
) -> Server: ...
def run(server: HTTPServer) -> None: ...
