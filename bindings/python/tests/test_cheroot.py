"""cheroot's modules are there by their names, over the same objects."""

import grp
import io
import os
import pwd
import socket
import threading

import pytest
import wsgiserver
from conftest import Client, hello, wait_for
from wsgiserver import NoEffectWarning, errors, server, wsgi
from wsgiserver.ssl import Adapter, builtin, pyopenssl
from wsgiserver.workers import threadpool


def test_the_objects_are_the_same():
    assert wsgi.PathInfoDispatcher is wsgi.WSGIPathInfoDispatcher is wsgiserver.WSGIPathInfoDispatcher
    assert wsgi.Server is wsgi.WSGIServer
    assert issubclass(wsgi.Server, (server.HTTPServer, wsgiserver.CherryPyWSGIServer))
    assert issubclass(server.HTTPServer, wsgiserver.HTTPServer)
    assert wsgi.Gateway.gateway_map() == wsgi.wsgi_gateways == wsgiserver.wsgi_gateways
    assert server.get_ssl_adapter_class() is builtin.BuiltinSSLAdapter is wsgiserver.BuiltinSSLAdapter
    assert wsgiserver.pyOpenSSLAdapter is pyopenssl.pyOpenSSLAdapter
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


def test_peer_credentials_of_a_connection(tmp_path):
    class Gateway(wsgiserver.Gateway):
        def respond(self):
            conn = self.req.conn
            names = ("peer_pid", "peer_uid", "peer_gid", "peer_user", "peer_group")
            self.req.simple_response("200 OK", repr([told(conn, name) for name in names]))

    def told(conn, name):
        try:
            return getattr(conn, name)
        except Exception as error:
            return type(error).__name__

    user, group = os.getuid(), os.getgid()
    both = [pwd.getpwuid(user).pw_name, grp.getgrgid(group).gr_name]
    numbers = [os.getpid(), user, group]
    unix = f"{tmp_path}/site"
    for address, named, expected in (
        (unix, {}, ["RuntimeError"] * 5),
        (unix, {"peercreds_enabled": True}, numbers + ["RuntimeError"] * 2),
        (unix, {"peercreds_enabled": True, "peercreds_resolve_enabled": True}, numbers + both),
        (("127.0.0.1", 0), {"peercreds_enabled": True}, ["NotImplementedError"] * 3 + ["RuntimeError"] * 2),
        (("127.0.0.1", 0), {}, ["NotImplementedError"] * 3 + ["RuntimeError"] * 2),
    ):
        made = server.HTTPServer(address, Gateway, **named)
        with made._run_in_thread(), Client(made.bind_addr) as client:
            assert client.get().body == repr(expected).encode()


def test_ensure_headers_sent_begins_the_response_once():
    class Gateway(wsgiserver.Gateway):
        def respond(self):
            self.req.status, self.req.outheaders = b"200 OK", [(b"Content-Length", b"4")]
            self.req.ensure_headers_sent()
            self.req.ensure_headers_sent()
            self.req.write(b"done")

    made = server.HTTPServer(("127.0.0.1", 0), Gateway)
    with made._run_in_thread(), Client(made.bind_addr) as client:
        assert client.get().body == client.get().body == b"done"


def test_sockets_are_made_by_cheroots_steps(tmp_path):
    made = wsgi.Server(("127.0.0.1", 0), hello)
    listener = made.bind_socket(
        made.prepare_socket(made.bind_addr, socket.AF_INET, socket.SOCK_STREAM, 0, True, None),
        made.bind_addr,
    )
    made.bind_addr = made.resolve_real_bind_addr(listener)
    assert made.bind_addr == listener.getsockname()
    made.socket = listener
    assert not made.can_add_keepalive_connection
    with made._run_in_thread(), Client(made.bind_addr) as client:
        assert client.get().body == b"hello" and made.can_add_keepalive_connection
        for method in (made.put_conn, made.process_conn):
            with pytest.raises(NotImplementedError):
                method(None)

    path = f"{tmp_path}/site"
    socket.socket(socket.AF_UNIX).bind(path)
    made = wsgi.Server(path, hello)
    assert made.bind_unix_socket(path) is made.socket
    with made._run_in_thread(), Client(path) as client:
        assert client.get().body == b"hello"


def test_a_stop_ends_listening_on_a_socket_that_was_given():
    held, goes_on = threading.Event(), threading.Event()

    def app(environ, start_response):
        held.set()
        assert goes_on.wait(30)
        return hello(environ, start_response)

    made = wsgi.Server(("127.0.0.1", 0), app)
    made.socket = socket.create_server(("127.0.0.1", 0))
    made.bind_addr = address = made.socket.getsockname()
    with made._run_in_thread(), Client(address) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        assert held.wait(30)
        stopping = threading.Thread(target=made.stop)
        stopping.start()
        wait_for(lambda: is_refused(address), "the end of listening")
        goes_on.set()
        assert client.rest().endswith(b"hello")
        stopping.join(30)


def is_refused(address):
    try:
        socket.create_connection(address, 30).close()
    except ConnectionRefusedError:
        return True
    return False


def test_every_public_name_of_cheroots_classes_is_there():
    """Where the package is installed, its own."""
    theirs = pytest.importorskip("cheroot.server")
    pool = pytest.importorskip("cheroot.workers.threadpool").ThreadPool
    kinds = [getattr(theirs, n) for n in ("HTTPServer", "HTTPRequest", "HTTPConnection", "Gateway")]
    for kind in [*kinds, pool]:
        public = {name for name in dir(kind) if not name.startswith("_")}
        assert not public - set(dir(getattr(server, kind.__name__))), kind


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
