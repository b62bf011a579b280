"""CherryPy, by one line of its configuration:

    cherrypy.config.update({"server.instance": "wsgiserver.frameworks.cherrypy.CPWSGIServer"})

``cherrypy.server`` then runs this server in cheroot's place, with all of its own settings.
"""

import cherrypy

from .. import wsgi
from ..ssl_adapter import get_ssl_adapter_class

__all__ = ["CPWSGIServer"]

# Settings of cherrypy.server by the names that they have here.
_SETTINGS = {
    "max_request_header_size": "max_request_header_size",
    "max_request_body_size": "max_request_body_size",
    "protocol_version": "protocol",
    "nodelay": "nodelay",
}


class CPWSGIServer(wsgi.Server):
    """Serves ``cherrypy.tree`` with the settings of ``cherrypy.server``."""

    version = f"CherryPy/{cherrypy.__version__} {wsgi.Server.version}"

    def __init__(self, server_adapter=cherrypy.server):
        self.server_adapter = adapter = server_adapter
        self.wsgi_version = adapter.wsgi_version
        super().__init__(
            adapter.bind_addr,
            cherrypy.tree,
            adapter.thread_pool,
            adapter.socket_host or adapter.socket_file or None,
            max=adapter.thread_pool_max,
            request_queue_size=adapter.socket_queue_size,
            timeout=adapter.socket_timeout,
            shutdown_timeout=adapter.shutdown_timeout,
            accepted_queue_size=adapter.accepted_queue_size,
            accepted_queue_timeout=adapter.accepted_queue_timeout,
            peercreds_enabled=adapter.peercreds,
            peercreds_resolve_enabled=adapter.peercreds_resolve,
        )
        for name, own in _SETTINGS.items():
            setattr(self, own, getattr(adapter, name) or 0)
        self.proxy_mode = True  # as CherryPy has cheroot
        self.stats["Enabled"] = bool(adapter.statistics)
        self.ssl_adapter = self._ssl_adapter()

    def _ssl_adapter(self):
        adapter = self.server_adapter
        if not (adapter.ssl_certificate or adapter.ssl_context):
            return None
        made = get_ssl_adapter_class(adapter.ssl_module or "builtin")(
            adapter.ssl_certificate,
            adapter.ssl_private_key,
            adapter.ssl_certificate_chain,
            adapter.ssl_ciphers,
        )
        if adapter.ssl_context:
            made.context = adapter.ssl_context
        return made

    def error_log(self, msg="", level=20, traceback=False):
        """Writes to CherryPy's error log."""
        cherrypy.engine.log(msg, level, traceback)
