"""cheroot's modules are there by their names, over the same objects."""

import io
import os

import pytest
import wsgiserver
from conftest import Client, hello
from wsgiserver import NoEffectWarning, errors, server, wsgi
from wsgiserver.ssl import Adapter, builtin, pyopenssl
from wsgiserver.workers import threadpool


def test_the_objects_are_the_same():
    assert wsgi.PathInfoDispatcher is wsgi.WSGIPathInfoDispatcher is wsgiserver.WSGIPathInfoDispatcher
    assert wsgi.Server is wsgi.WSGIServer
    assert issubclass(wsgi.Server, (server.HTTPServer, wsgiserver.CherryPyWSGIServer))
    assert issubclass(server.HTTPServer, wsgiserver.HTTPServer)
    assert wsgi.Gateway.gateway_map() == wsgi.wsgi_gateways == wsgiserver.wsgi_gateways
    assert server.get_ssl_adapter_class() is builtin.BuiltinSSLAdapter
    assert issubclass(pyopenssl.pyOpenSSLAdapter, Adapter)
    assert threadpool.ThreadPool is server.ThreadPool is wsgiserver.ThreadPool
    assert errors.MaxSizeExceeded is server.MaxSizeExceeded


def test_run_in_thread_serves_while_the_block_runs():
    made = wsgi.Server(("127.0.0.1", 0), hello, numthreads=2)
    with made._run_in_thread() as thread:
        assert thread.is_alive()
        with Client(made.socket.getsockname()) as client:
            assert client.get().body == b"hello"
    assert not thread.is_alive() and not made.ready


def test_peer_credentials_come_by_the_constructor(tmp_path):
    def who(environ, start_response):
        start_response("200 OK", [])
        return [environ["X_REMOTE_UID"].encode()]

    made = wsgi.Server(f"{tmp_path}/site", who, peercreds_enabled=True)
    with made._run_in_thread(), Client(f"{tmp_path}/site") as client:
        assert client.get().body == str(os.getuid()).encode()


@pytest.mark.parametrize("name", ["expiration_interval", "keep_alive_conn_limit"])
def test_what_has_no_effect_says_so(name):
    made = wsgi.Server(("127.0.0.1", 0), hello)
    with pytest.warns(NoEffectWarning, match=name):
        setattr(made, name, 5)
    assert getattr(made, name) == 5


def test_header_readers():
    block = b"Accept: a\r\nX_Real: 1\r\naccept: b\r\nLong: one\r\n two\r\n\r\nrest"
    assert server.HeaderReader()(io.BytesIO(block)) == {
        b"Accept": b"a, b", b"X_Real": b"1", b"Long": b"one two"}
    assert b"X_Real" not in server.DropUnderscoreHeaderReader()(io.BytesIO(block))
    for wrong in (b"no colon\r\n\r\n", b": empty\r\n\r\n", b" first\r\n\r\n", b"Cut: off"):
        with pytest.raises(ValueError):
            server.HeaderReader()(io.BytesIO(wrong))
