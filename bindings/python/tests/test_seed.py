"""Each name of the seed's documentation is there, where it was."""

import importlib
import inspect
import subprocess

import pytest

import wsgiserver
from wsgiserver import _wsgiserver

CLASSES = {
    "HTTPRequest": "chunked_write close_connection conn inheaders outheaders parse_request "
    "parse_request_uri read_request_line read_request_headers ready respond send_headers server "
    "simple_response write",
    "HTTPConnection": "RequestHandlerClass close communicate linger rbufsize remote_addr "
    "remote_port ssl_env wbufsize",
    "HTTPServer": "ConnectionClass bind bind_addr clear_stats error_log gateway interrupt "
    "max_request_body_size max_request_header_size maxthreads minthreads nodelay protocol ready "
    "request_queue_size runtime server_name shutdown_timeout software ssl_adapter start stop tick "
    "timeout version",
    "CherryPyWSGIServer": "numthreads wsgi_app wsgi_version",
    "SizeCheckWrapper": "close next read readline readlines",
    "KnownLengthRFile": "close next read readline readlines",
    "ChunkedRFile": "close next read read_trailer_lines readline readlines",
    "ThreadPool": "get grow idle put qsize shrink start stop",
    "WorkerThread": "conn ready run server",
    "SSLAdapter": "bind makefile wrap",
    "Gateway": "respond",
    "WSGIGateway": "get_environ respond start_response write",
    "WSGIGateway_10": "get_environ",
    "WSGIGateway_u0": "get_environ",
    "WSGIPathInfoDispatcher": "__call__",
    "MaxSizeExceeded": "",
    "NoSSLError": "",
    "FatalSSLAlert": "",
}
SIGNATURES = {
    "HTTPRequest": "server conn",
    "HTTPConnection": "server sock makefile",
    "HTTPServer": "bind_addr gateway minthreads=10 maxthreads=-1 server_name=None",
    "CherryPyWSGIServer": "bind_addr wsgi_app numthreads=10 server_name=None max=-1 "
    "request_queue_size=5 timeout=10 shutdown_timeout=5 accepted_queue_size=-1 "
    "accepted_queue_timeout=10",
    "SizeCheckWrapper": "rfile maxlen",
    "KnownLengthRFile": "rfile content_length",
    "ChunkedRFile": "rfile maxlen bufsize",
    "CP_makefile": "sock mode='r' bufsize",
    "ThreadPool": "server min=10 max=-1 accepted_queue_size=-1 accepted_queue_timeout=10",
    "WorkerThread": "server",
    "SSLAdapter": "certificate private_key certificate_chain=None",
    "Gateway": "req",
    "WSGIGateway": "req",
    "WSGIPathInfoDispatcher": "apps",
    "get_ssl_adapter_class": "name='builtin'",
}
OTHERS = "socket_errors_to_ignore plat_specific_errors wsgi_gateways ssl_adapters"
OTHERS += " comma_separated_headers DEFAULT_BUFFER_SIZE CP_makefile get_ssl_adapter_class"
MODULES = {
    "ssl_builtin": "BuiltinSSLAdapter",
    "ssl_pyopenssl": "SSL_fileobject SSLConnection pyOpenSSLAdapter",
    "wsgiserver2": "CherryPyWSGIServer",
    "wsgiserver3": "CherryPyWSGIServer",
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_has_its_attributes(name):
    found = getattr(wsgiserver, name)
    assert [attribute for attribute in CLASSES[name].split() if not hasattr(found, attribute)] == []
    assert name in wsgiserver.__all__
    assert (found.__doc__ or "").strip()


@pytest.mark.parametrize("name", SIGNATURES)
def test_arguments_come_in_the_seeds_order(name):
    parameters = list(inspect.signature(getattr(wsgiserver, name)).parameters.values())
    for parameter, expected in zip(parameters, SIGNATURES[name].split()):
        expected_name, _, default = expected.partition("=")
        assert parameter.name == expected_name
        assert not default or repr(parameter.default) == default
    assert len(parameters) >= len(SIGNATURES[name].split())


def test_the_other_names():
    assert [name for name in OTHERS.split() if not hasattr(wsgiserver, name)] == []


@pytest.mark.parametrize("module", MODULES)
def test_modules(module):
    found = importlib.import_module(f"wsgiserver.{module}")
    for name in MODULES[module].split():
        assert name in found.__all__ and inspect.isclass(getattr(found, name))


def test_bases():
    assert issubclass(wsgiserver.CherryPyWSGIServer, wsgiserver.HTTPServer)
    assert issubclass(wsgiserver.WSGIGateway_u0, wsgiserver.WSGIGateway_10)
    assert issubclass(wsgiserver.WSGIGateway_10, wsgiserver.WSGIGateway)
    assert wsgiserver.HTTPConnection.RequestHandlerClass is wsgiserver.HTTPRequest
    assert wsgiserver.HTTPServer.ConnectionClass is wsgiserver.HTTPConnection


@pytest.mark.skipif(_wsgiserver.__file__.endswith(".py"), reason="no extension was built")
def test_the_extension_shows_nothing_but_itself():
    symbols = subprocess.run(
        ["nm", "-D", "--defined-only", _wsgiserver.__file__], capture_output=True, text=True, check=True
    )
    assert [line.split()[-1] for line in symbols.stdout.splitlines()] == ["PyInit__wsgiserver"]
