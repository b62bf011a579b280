"""Bottle: ``bottle.run(app, server=WSGIServer, port=8080, threads=20)``."""

import bottle

from . import make_server, run

__all__ = ["WSGIServer"]


class WSGIServer(bottle.ServerAdapter):
    """Bottle's way to this server. Further arguments of ``run`` are the server's options."""

    def run(self, handler):
        """Serves until it is interrupted. Bottle calls this."""
        run(make_server(handler, (self.host, self.port), self.options))
