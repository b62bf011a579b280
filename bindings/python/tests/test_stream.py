"""A connection that an application takes over."""

import os
import selectors
import socket
import threading

import pytest
import simple_websocket
from conftest import hello, wait_for

UPGRADE = b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"


# More than the buffers of a connection take.
LONG = 30_000_000


def taking(use):
    """An application that takes its connection and does something with it."""

    def app(environ, start_response):
        use(environ["werkzeug.socket"])
        return []

    return app


def test_it_is_there_for_those_who_ask_for_an_upgrade(served, client):
    seen = []

    def app(environ, start_response):
        seen.append("werkzeug.socket" in environ)
        return hello(environ, start_response)

    connection = client(served(app))
    connection.get()
    connection.send(UPGRADE).answer()
    assert seen == [False, True]


def test_an_application_that_does_not_use_it_answers(served, client):
    connection = client(served(hello))
    assert connection.send(UPGRADE).answer().body == b"hello"
    assert connection.get().body == b"hello"


def test_it_is_like_a_socket(served, client):
    seen = {}

    def use(stream):
        seen.update(fileno=stream.fileno(), timeout=stream.gettimeout(), pending=stream.pending())
        seen.update(peer=stream.getpeername(), own=stream.getsockname())
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        seen.update(nodelay=stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        buffer = bytearray(4)
        seen.update(into=(stream.recv_into(buffer), bytes(buffer)))
        seen.update(sent=stream.send(b"one "))
        stream.sendall(b"two " * 100_000)
        stream.shutdown(socket.SHUT_WR)
        seen.update(end=stream.recv(10))
        stream.close()
        seen.update(closed=stream.fileno())

    server = served(taking(use))
    connection = client(server).send(UPGRADE + b"data")
    assert connection.rest() == b"one " + b"two " * 100_000
    own = connection.socket.getsockname()
    connection.close()
    wait_for(lambda: "closed" in seen)
    assert seen["fileno"] > 0 and seen["closed"] == -1 and seen["timeout"] is None
    assert (seen["peer"], seen["own"], seen["nodelay"]) == (own, server.bind_addr, 1)
    assert (seen["into"], seen["sent"], seen["end"]) == ((4, b"data"), 4, b"")
    assert server.log_text() == ""


def test_timeouts_and_not_blocking(served, client):
    seen = []

    def use(stream):
        stream.settimeout(0.01)
        with pytest.raises(socket.timeout):
            stream.recv(1)
        stream.setblocking(False)
        with pytest.raises(BlockingIOError):
            stream.recv(1)
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            stream.sendall(b"go")
            selector.select(10)
        seen.append(stream.recv(9))
        with stream:
            pass
        with pytest.raises(OSError):
            stream.recv(1)

    connection = client(served(taking(use))).send(UPGRADE)
    connection.exactly(2)
    connection.send(b"on").rest()
    wait_for(lambda: seen)
    assert seen == [b"on"]


def test_close_ends_a_read_in_another_thread(served, client):
    seen = []

    def use(stream):
        def read():
            try:
                stream.recv(1)
            except OSError as error:
                seen.append(error)

        stream.sendall(b"x")
        thread = threading.Thread(target=read)
        thread.start()
        stream.close()
        thread.join(10)
        assert not thread.is_alive()

    server = served(taking(use))
    assert client(server).send(UPGRADE).rest() == b"x"
    wait_for(lambda: seen)
    assert server.log_text() == ""


def test_two_that_send_take_turns(served, client):
    """As the reader of a WebSocket, which answers a ping, beside an application that sends."""
    begun, seen = threading.Event(), []

    def use(stream):
        def answer():
            begun.wait(30)
            seen.append(stream.send(b"b" * 100))
            stream.settimeout(0)
            with pytest.raises(BlockingIOError):
                stream.recv(1)

        thread = threading.Thread(target=answer)
        thread.start()
        stream.sendall(b"a" * LONG)
        thread.join(30)
        stream.close()

    server = served(taking(use))
    connection = client(server).send(UPGRADE)
    assert connection.exactly(1) == b"a"
    begun.set()
    data = b"".join(iter(lambda: connection.socket.recv(1 << 20), b""))
    assert connection.buffer + data == b"a" * (LONG - 1) + b"b" * 100
    assert seen == [100] and server.log_text() == ""


def test_who_waits_for_a_turn_keeps_to_its_timeout_and_hears_of_the_end(served, client):
    begun, seen = threading.Event(), []

    def use(stream):
        def send_long():
            try:
                stream.sendall(b"a" * LONG)
            except OSError as error:
                seen.append(type(error))

        def wait():
            try:
                stream.send(b"waits")
            except OSError as error:
                seen.append(type(error))

        first = threading.Thread(target=send_long)
        first.start()
        begun.wait(30)
        stream.settimeout(0.01)
        with pytest.raises(socket.timeout):
            stream.send(b"late")
        stream.setblocking(False)
        with pytest.raises(BlockingIOError):
            stream.send(b"at once")
        stream.settimeout(None)
        second = threading.Thread(target=wait)
        second.start()
        stream.close()
        first.join(30)
        second.join(30)
        assert not first.is_alive() and not second.is_alive()
        seen.append("done")

    server = served(taking(use))
    connection = client(server).send(UPGRADE)
    connection.exactly(1)
    begun.set()
    wait_for(lambda: "done" in seen)
    assert set(seen[:-1]) <= {ConnectionAbortedError, OSError} and server.log_text() == ""


def test_what_was_read_ahead_shows_in_the_descriptor(served, client):
    seen = []

    def use(stream):
        stream.send(b"")  # takes it over
        before = len(os.listdir("/proc/self/fd"))
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            for _ in range(4):
                seen.append((bool(selector.select(30)), stream.recv(3), stream.pending()))
            seen.append(selector.select(0))
            assert stream.getpeername()
            stream.sendall(b"all")
            seen.append((bool(selector.select(30)), stream.recv(9)))
        stream.close()
        seen.append(len(os.listdir("/proc/self/fd")) - before)

    connection = client(served(taking(use))).send(UPGRADE + b"abcdefghijkl")
    assert connection.exactly(3) == b"all"
    connection.send(b"more").rest()
    wait_for(lambda: len(seen) == 7)
    assert [read for _, read, _ in seen[:4]] == [b"abc", b"def", b"ghi", b"jkl"]
    assert all(readable for readable, *_ in seen[:4])
    assert seen[4:] == [[], (True, b"more"), -1]


def test_a_ping_during_a_long_message(served):
    def app(environ, start_response):
        socket = simple_websocket.Server(environ)
        try:
            while True:
                socket.send(os.urandom(int(socket.receive())))
        except simple_websocket.ConnectionClosed:
            pass
        return []

    server = served(app)
    host, port = server.bind_addr
    client = simple_websocket.Client.connect(f"ws://{host}:{port}/")
    for size in (LONG, 10):
        client.send(str(size))
        for _ in range(20):
            client.sock.sendall(client.ws.send(simple_websocket.ws.Ping()))
        assert len(client.receive(timeout=60)) == size
    client.close()
    wait_for(lambda: server.requests.idle == 4)
    assert server.log_text() == ""


def test_the_pool_grows_with_what_is_taken(served, client):
    """A stream holds its thread: with `max` the pool has one for who comes next."""
    released = threading.Event()

    def app(environ, start_response):
        if "werkzeug.socket" in environ:
            environ["werkzeug.socket"].sendall(b"x")
            released.wait(30)
            return []
        return hello(environ, start_response)

    server = served(app, numthreads=1, max=4)
    streams = [client(server).send(UPGRADE) for _ in range(3)]
    assert [stream.exactly(1) for stream in streams] == [b"x"] * 3
    assert client(server).get().body == b"hello"
    released.set()


def test_a_switch_of_protocols_by_start_response(served, client):
    def app(environ, start_response):
        start_response("101 Switching Protocols", [("Connection", "Upgrade"), ("Upgrade", "echo")])
        stream = environ["wsgiserver.exchange"].hijack()
        stream.sendall(stream.recv(100))
        stream.close()
        return []

    connection = client(served(app)).send(UPGRADE + b"ping")
    assert connection.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert connection.rest() == b"ping"


def test_the_request_is_over_once_it_is_taken(served, client):
    caught = []

    def app(environ, start_response):
        stream = environ["werkzeug.socket"]
        stream.sendall(b"taken")
        write = start_response("200 OK", [])
        for call in (lambda: write(b"nobody gets it"), environ["wsgiserver.exchange"].hijack):
            try:
                call()
            except RuntimeError as error:
                caught.append(error)
        stream.close()
        return [b"not sent"]

    server = served(app)
    assert client(server).send(UPGRADE).rest() == b"taken"
    wait_for(lambda: len(caught) == 2)


def test_an_error_behind_it_is_logged(served, client):
    def app(environ, start_response):
        environ["werkzeug.socket"].close()
        raise ValueError("behind the stream")

    server = served(app)
    assert client(server).send(UPGRADE).rest() == b""
    wait_for(lambda: "behind the stream" in server.log_text())


def test_stop_iteration_behind_it_is_the_end(served, client):
    """As flask-sock ends in gunicorn."""

    def app(environ, start_response):
        environ["werkzeug.socket"].close()
        raise StopIteration

    server = served(app)
    assert client(server).send(UPGRADE).rest() == b""
    wait_for(lambda: server.requests.idle == 4)
    assert server.log_text() == ""


@pytest.mark.parametrize("ping_interval", [None, 5])
def test_simple_websocket(served, ping_interval):
    def app(environ, start_response):
        socket = simple_websocket.Server(environ, ping_interval=ping_interval)
        try:
            while True:
                socket.send(socket.receive().upper())
        except simple_websocket.ConnectionClosed:
            pass
        return hello(environ, start_response)

    server = served(app)
    host, port = server.bind_addr
    client = simple_websocket.Client.connect(f"ws://{host}:{port}/")
    for text in ("one", "two", "x" * 100_000):
        client.send(text)
        assert client.receive(timeout=10) == text.upper()
    client.close()
    wait_for(lambda: server.requests.idle == 4)
    assert server.log_text() == ""
