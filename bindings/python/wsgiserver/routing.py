"""Which way a request takes: from C to the application, or through classes of the program's own."""

from . import ssl_adapter
from .gateways import WSGIGateway_10, WSGIGateway_u0
from .http_connection import HTTPConnection
from .http_request import HTTPRequest

_OF_CONNECTION = ("communicate", "close")
_OF_REQUEST = ("parse_request", "read_request_line", "read_request_headers", "parse_request_uri")
_OF_REQUEST += ("respond", "send_headers", "write", "simple_response")


def is_direct(server):
    """Whether nothing but a WSGI application is to be called."""
    connection = server.ConnectionClass
    request = getattr(connection, "RequestHandlerClass", None)
    return (
        server.gateway in (WSGIGateway_10, WSGIGateway_u0)
        and _same(connection, HTTPConnection, _OF_CONNECTION)
        and _same(request, HTTPRequest, _OF_REQUEST)
    )


def application(server):
    """What is called for a request: the application, with what the SSL adapter has to say."""
    app, adapter = getattr(server, "wsgi_app", None), server.ssl_adapter
    if not ssl_adapter.overrides_environ(adapter):
        return app

    def with_environ(environ, start_response):
        environ.update(adapter.get_environ(ssl_adapter.Connection(environ)))
        return app(environ, start_response)

    return with_environ


def respond(server, exchange):
    """Has the server's classes answer a request."""
    server.ConnectionClass(server, exchange).communicate()


def _same(given, plain, names):
    return all(getattr(given, name, None) is getattr(plain, name) for name in names)
