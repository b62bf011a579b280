from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
from collections.abc import Iterable, Mapping

class WSGIPathInfoDispatcher:
    apps: list[tuple[str, WSGIApplication]]
    def __init__(
        self, apps: Mapping[str, WSGIApplication] | Iterable[tuple[str, WSGIApplication]]
    ) -> None: ...
    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]: ...
