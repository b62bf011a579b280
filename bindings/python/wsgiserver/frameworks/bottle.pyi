from _typeshed.wsgi import WSGIApplication

import bottle

__all__ = ["WSGIServer"]

class WSGIServer(bottle.ServerAdapter):
    def run(self, handler: WSGIApplication) -> None: ...
