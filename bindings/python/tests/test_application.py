"""What an application may do, and what it may do wrong."""

import contextlib
import gc
import os
import socket
import struct
import sys
import threading
import time
import weakref

import pytest
from conftest import PATIENCE, all_gone, wait_for

from wsgiserver import ClientGone

OK = ("200 OK", [("Content-Type", "text/plain")])


def answer_of(app, served, client, **named):
    server = served(app, **named)
    return client(server).get(), server


class Closing:
    """An iterable that notes that it was closed."""

    def __init__(self, chunks, fails=None):
        self.chunks, self.fails, self.closed = chunks, fails, 0

    def __iter__(self):
        yield from self.chunks
        if self.fails:
            raise self.fails

    def close(self):
        self.closed += 1


def test_a_list_leaves_with_its_length(served, client):
    def app(environ, start_response):
        start_response(*OK)
        return [b"one ", b"", b"two"]

    answer, _ = answer_of(app, served, client)
    assert (answer.code, answer.body) == (200, b"one two")
    assert answer.headers["content-length"] == "7"


def test_a_tuple_of_large_pieces_arrives_whole(served, client):
    pieces = tuple(bytes([index]) * 300_000 for index in range(5))

    def app(environ, start_response):
        start_response(*OK)
        return pieces

    answer, _ = answer_of(app, served, client)
    assert answer.body == b"".join(pieces)


def test_one_large_piece_is_given_back_when_it_was_sent(served, client):
    class Large(bytes):
        pass

    alive = weakref.WeakSet()

    def app(environ, start_response):
        start_response(*OK)
        body = Large(b"x" * 5_000_000)
        body.marker = threading.Event()
        alive.add(body.marker)
        return [body]

    connection = client(served(app))
    for _ in range(3):
        assert connection.get().body == b"x" * 5_000_000
    wait_for(lambda: all_gone(lambda: len(alive)), "the end of the last body")


def test_what_yields_is_sent_as_it_yields(served, client):
    go_on = threading.Event()

    def app(environ, start_response):
        start_response(*OK)
        yield b"first"
        assert go_on.wait(10)
        yield b"second"

    server = served(app)
    connection = client(server).send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    connection.until(b"\r\n\r\n")
    assert connection.chunk() == b"first"
    go_on.set()
    assert connection.chunk() == b"second"
    assert connection.chunk() == b""


def test_an_empty_iterable_is_an_empty_body(served, client):
    def app(environ, start_response):
        start_response(*OK)
        return iter([])

    answer, _ = answer_of(app, served, client)
    assert (answer.code, answer.headers["content-length"]) == (200, "0")


def test_write_sends_before_the_iterable(served, client):
    def app(environ, start_response):
        write = start_response(*OK)
        write(b"written ")
        return [b"returned"]

    assert answer_of(app, served, client)[0].body == b"written returned"


@pytest.mark.parametrize("chunks", [[b"a", b"b"], []])
def test_close_is_called_once(served, client, chunks):
    result = Closing(chunks)

    def app(environ, start_response):
        start_response(*OK)
        return result

    server = served(app)
    assert client(server).get().body == b"".join(chunks)
    wait_for(lambda: result.closed == 1)


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "302 Found"])
def test_an_empty_response_is_sent_before_close(served, client, status):
    closing, answered = threading.Event(), threading.Event()

    class Slow(Closing):
        def close(self):
            closing.set()
            assert answered.wait(PATIENCE)
            super().close()

    result = Slow([])

    def app(environ, start_response):
        start_response(status, [("Location", "/there")])
        return result

    server = served(app)
    connection = client(server)
    answer = connection.get()  # and close waits for it
    assert closing.wait(PATIENCE)
    assert (answer.status, answer.body, result.closed) == (status, b"", 0)
    answered.set()
    wait_for(lambda: result.closed == 1)
    assert connection.get().status == status
    assert server.messages == []


def test_an_empty_response_stays_when_close_fails(served, client):
    class Failing(Closing):
        def close(self):
            raise ValueError("in close")

    def app(environ, start_response):
        start_response("200 OK", [])
        return Failing([])

    server = served(app)
    assert client(server).get().status == "200 OK"
    wait_for(lambda: "ValueError: in close" in server.log_text())


def test_close_is_called_after_an_error(served, client):
    result = Closing([b"begun"], ValueError("in the middle"))

    def app(environ, start_response):
        start_response(*OK)
        return result

    server = served(app)
    connection = client(server).send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    connection.until(b"\r\n\r\n")
    assert not connection.rest().endswith(b"0\r\n\r\n")
    wait_for(lambda: result.closed == 1)
    assert "in the middle" in server.log_text()


def test_an_error_of_close_is_logged_after_another(served, client):
    class Failing(Closing):
        def close(self):
            super().close()
            raise ValueError("in close")

    result = Failing([b"begun"], ValueError("in the middle"))

    def app(environ, start_response):
        start_response(*OK)
        return result

    server = served(app)
    client(server).send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").rest()
    wait_for(lambda: "in the middle" in server.log_text())
    assert result.closed == 1 and "ValueError: in close" in server.log_text()


def test_an_error_before_the_first_chunk_is_500(served, client):
    def app(environ, start_response):
        start_response(*OK)
        raise ValueError("too soon")
        yield b""

    answer, server = answer_of(app, served, client)
    assert (answer.code, answer.body) == (500, b"")
    assert "ValueError: too soon" in server.log_text()
    assert "http_server.py" not in server.log_text()


def test_exc_info_replaces_the_head(served, client):
    def app(environ, start_response):
        start_response("200 OK", [("X-First", "1"), ("Content-Length", "99")])
        try:
            raise KeyError("late")
        except KeyError:
            start_response("500 Oops", [("X-Second", "2")], sys.exc_info())
        return [b"sorry"]

    answer, _ = answer_of(app, served, client)
    assert (answer.status, answer.body) == ("500 Oops", b"sorry")
    assert "x-first" not in answer.headers and answer.headers["x-second"] == "2"


def test_exc_info_after_the_head_is_raised_again(served, client):
    seen = []

    def app(environ, start_response):
        start_response(*OK)(b"sent")
        try:
            raise KeyError("too late")
        except KeyError:
            try:
                start_response("500 Oops", [], exc_info=sys.exc_info())
            except KeyError as error:
                seen.append(error)
                raise

    server = served(app)
    connection = client(server).send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    assert connection.rest().endswith(b"sent\r\n")
    wait_for(lambda: "too late" in server.log_text())
    assert seen


def test_more_than_declared_is_500_or_a_cut(served, client):
    def at_once(environ, start_response):
        start_response("200 OK", [("Content-Length", "3")])
        return [b"four"]

    def by_and_by(environ, start_response):
        start_response("200 OK", [("Content-Length", "3")])
        yield b"one"
        yield b"two"

    server = served(at_once)
    assert client(server).get().code == 500
    server.wsgi_app = by_and_by
    assert client(server).get().body == b"one"
    wait_for(lambda: server.log_text().count("exceeds the declared Content-Length") >= 2)


def test_less_than_declared_cuts(served, client):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "10")])
        return [b"four"]

    connection = client(served(app)).send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    connection.until(b"\r\n\r\n")
    assert connection.rest() == b"four"


def test_head_has_the_length_of_get(served, client):
    def app(environ, start_response):
        start_response(*OK)
        return [b"x" * 200_000, b"y"]

    connection = client(served(app))
    answer = connection.get(method="HEAD")
    assert (answer.headers["content-length"], answer.body) == ("200001", b"")
    assert len(connection.get().body) == 200_001


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_a_status_without_a_body_has_none(served, client, status):
    def app(environ, start_response):
        start_response(status, [])
        return [b"nobody", b"reads this"]

    connection = client(served(app))
    assert connection.get().status == status
    assert connection.get().status == status


def test_a_kept_environ_is_harmless(served, client):
    kept = []

    def app(environ, start_response):
        kept.append((environ, start_response, start_response(*OK)))
        return [b"x"]

    server = served(app)
    connection = client(server)
    connection.get("/", method="POST", body=b"never read")
    connection.get()
    environ, start_response, write = kept[0]
    with pytest.raises(RuntimeError):
        write(b"late")
    with pytest.raises(RuntimeError):
        start_response(*OK)
    with pytest.raises(RuntimeError):
        environ["wsgi.input"].read()
    with pytest.raises(RuntimeError):
        environ["wsgi.early_hints"]([])
    with pytest.raises(RuntimeError):
        environ["wsgiserver.exchange"].view()
    server.stop()
    assert environ["PATH_INFO"] == "/"
    with pytest.raises(RuntimeError):
        write(b"later")


def test_a_request_leaves_nothing_behind(served, client):
    class Environ:
        pass

    alive = weakref.WeakSet()

    def app(environ, start_response):
        mark = Environ()
        environ["mark"] = mark
        alive.add(mark)
        start_response(*OK)
        return [b"x"]

    connection = client(served(app))
    for _ in range(50):
        connection.get()
    gc.collect()
    assert len(alive) <= 1


def test_system_exit_stops_the_server(served, client):
    def app(environ, start_response):
        raise SystemExit(7)

    server = served(app)
    client(server).send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").rest()
    wait_for(lambda: server.ended)
    assert isinstance(server.ended[0], SystemExit) and server.ended[0].code == 7
    assert not server.ready


def test_an_application_may_start_threads(served, client):
    def app(environ, start_response):
        write = start_response(*OK)
        thread = threading.Thread(target=write, args=(b"from a thread",))
        thread.start()
        thread.join()
        return []

    assert answer_of(app, served, client)[0].body == b"from a thread"


def test_an_application_may_fork(served, client):
    def app(environ, start_response):
        child = os.fork()
        start_response(*OK)
        if child == 0:
            return [b"the child's answer goes nowhere"]
        return [str(os.waitpid(child, 0)[1]).encode()]

    server = served(app)
    connection = client(server)
    assert connection.get().body == b"0"
    assert connection.get().body == b"0"


def test_an_application_that_never_returns_does_not_hold_the_stop(served, client):
    entered, released = threading.Event(), threading.Event()

    def app(environ, start_response):
        entered.set()
        released.wait(60)
        start_response(*OK)
        return []

    server = served(app, shutdown_timeout=0.3)
    connection = client(server).send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    assert entered.wait(10)
    server.stop()
    assert "left threads in the application" in server.log_text()
    released.set()
    assert b"200" not in connection.rest()


def test_recursion_in_an_application_is_500(served, client):
    def app(environ, start_response):
        return app(environ, start_response)

    answer, server = answer_of(app, served, client)
    assert answer.code == 500
    assert "RecursionError" in server.log_text()


@pytest.mark.parametrize("goes_on", ["writes", "returns"])
def test_an_application_that_goes_on_after_its_client_has_left_is_not_logged(served, client, goes_on):
    ended = threading.Event()

    def app(environ, start_response):
        write = start_response("200 OK", [])
        with contextlib.suppress(ClientGone):
            while True:
                write(b"x" * 65536)
        try:
            if goes_on == "writes":
                write(b"x" * 65536)
            return [b"x" * 65536] * 3
        finally:
            ended.set()

    server = served(app)
    connection = client(server)
    connection.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
    connection.exactly(100)
    connection.close()
    assert ended.wait(30)
    server.stop()
    assert server.log_text() == ""


def by_write(environ, start_response, pieces):
    write = start_response(*OK)
    for piece in pieces:
        write(piece)
    return []


def by_yield(environ, start_response, pieces):
    start_response(*OK)
    return pieces


@pytest.mark.parametrize("way", [by_write, by_yield])
def test_an_empty_piece_sends_the_head(way, served, client):
    released = threading.Event()

    def pieces():
        yield b""
        assert released.wait(30)
        yield b"body"

    connection = client(served(lambda *given: way(*given, pieces())))
    connection.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    assert connection.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
    released.set()
    assert connection.chunk() == b"body" and connection.chunk() == b""
    assert connection.get().body == b"body"


def test_empty_pieces_before_start_response_are_passed_over(served, client):
    def app(environ, start_response):
        yield b""
        start_response(*OK)
        yield b""
        yield b"body"
        yield b""

    assert answer_of(app, served, client)[0].body == b"body"


def endless(way, ended):
    def pieces():
        try:
            while True:
                yield b""
                time.sleep(0.01)
        except GeneratorExit:
            ended.append("closed")
            raise
        finally:
            ended.append("end")

    def app(environ, start_response):
        made = pieces()
        try:
            return way(environ, start_response, made)
        finally:
            if way is by_write:
                made.close()

    return app


@pytest.mark.parametrize("way", [by_write, by_yield])
@pytest.mark.parametrize("reset", [False, True])
def test_a_stream_that_has_nothing_to_say_hears_of_its_clients_end(way, reset, served, client):
    ended = []
    server = served(endless(way, ended))
    connection = client(server).send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    connection.until(b"\r\n\r\n")
    if reset:
        linger = struct.pack("ii", 1, 0)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()
    wait_for(lambda: ended == ["closed", "end"], "the generator's end")
    wait_for(lambda: server.requests.idle == 4)
    assert server.log_text() == ""


def test_a_client_that_has_half_closed_still_gets_what_is_sent(served, client):
    """For as long as something is: pieces between empty ones that are less than a second apart."""

    def app(environ, start_response):
        start_response(*OK)
        for number in range(20):
            yield b""
            yield b"%d " % number
            yield b""
            time.sleep(0.06)

    connection = client(served(app)).send(b"GET / HTTP/1.0\r\n\r\n")
    connection.socket.shutdown(socket.SHUT_WR)
    assert connection.rest().endswith(b"\r\n\r\n" + b"".join(b"%d " % n for n in range(20)))


@pytest.mark.parametrize("piece", [b"", b"data: now\n\n"])
def test_the_stop_ends_a_stream(piece, served, client):
    """In time, and the application hears of it by GeneratorExit."""
    ended = []

    def app(environ, start_response):
        start_response(*OK)
        try:
            while True:
                yield piece
                ended.append(environ["wsgiserver.exchange"].aborted())
                time.sleep(0.01)
        except GeneratorExit:
            ended.append("closed")
            raise

    server = served(app, shutdown_timeout=0.3)
    connection = client(server).send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    connection.until(b"\r\n\r\n")
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 3
    wait_for(lambda: ended[-1] == "closed", "the generator's end")
    assert 3 in ended
    connection.rest()
