"""A thread-pooled HTTP/1.1 server for WSGI: what ``cherrypy.wsgiserver`` was, on libwsgiserver.

    from wsgiserver import CherryPyWSGIServer

    def hello(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"Hello world!\\n"]

    server = CherryPyWSGIServer(("127.0.0.1", 8070), hello)
    try:
        server.start()
    finally:
        server.stop()

A server may have several applications::

    dispatcher = WSGIPathInfoDispatcher({"/": hello, "/blog": blog})
    server = CherryPyWSGIServer(("0.0.0.0", 80), dispatcher)

Names are the seed's; those of cheroot are in the modules ``wsgi``, ``server``, ``ssl``, ``errors``
and ``workers``.
"""

from ._wsgiserver import (
    ApplicationError,
    BadRequestBody,
    ClientGone,
    RequestGone,
    ServerError,
)
from ._wsgiserver import version as __version__
from .cherrypy_server import CherryPyWSGIServer
from .dispatcher import WSGIPathInfoDispatcher
from .errors import (
    FatalSSLAlert,
    MaxSizeExceeded,
    NoEffectWarning,
    NoSSLError,
    plat_specific_errors,
    socket_error_eintr,
    socket_errors_nonblocking,
    socket_errors_to_ignore,
)
from .gateways import Gateway, WSGIGateway, WSGIGateway_10, WSGIGateway_u0, wsgi_gateways
from .http_connection import HTTPConnection
from .http_request import HTTPRequest, comma_separated_headers
from .http_server import HTTPServer
from .rfiles import (
    DEFAULT_BUFFER_SIZE,
    ChunkedRFile,
    CP_makefile,
    KnownLengthRFile,
    SizeCheckWrapper,
)
from .ssl_adapter import SSLAdapter, get_ssl_adapter_class, ssl_adapters
from .ssl_builtin import BuiltinSSLAdapter
from .ssl_pyopenssl import pyOpenSSLAdapter
from .threadpool import ThreadPool, WorkerThread

__all__ = [
    "ApplicationError",
    "BadRequestBody",
    "BuiltinSSLAdapter",
    "CP_makefile",
    "CherryPyWSGIServer",
    "ChunkedRFile",
    "ClientGone",
    "DEFAULT_BUFFER_SIZE",
    "FatalSSLAlert",
    "Gateway",
    "HTTPConnection",
    "HTTPRequest",
    "HTTPServer",
    "KnownLengthRFile",
    "MaxSizeExceeded",
    "NoEffectWarning",
    "NoSSLError",
    "RequestGone",
    "SSLAdapter",
    "ServerError",
    "SizeCheckWrapper",
    "ThreadPool",
    "WSGIGateway",
    "WSGIGateway_10",
    "WSGIGateway_u0",
    "WSGIPathInfoDispatcher",
    "WorkerThread",
    "comma_separated_headers",
    "get_ssl_adapter_class",
    "plat_specific_errors",
    "pyOpenSSLAdapter",
    "socket_error_eintr",
    "socket_errors_nonblocking",
    "socket_errors_to_ignore",
    "ssl_adapters",
    "wsgi_gateways",
]
