"""wsgi.input."""

import io
import socket
import threading
from itertools import chain

import pytest
from conftest import wait_for

from wsgiserver import ClientGone, MaxSizeExceeded

TEXT = [("Content-Type", "text/plain")]


def reading(read):
    """An application that answers with what `read` makes of its input."""

    def app(environ, start_response):
        result = read(environ["wsgi.input"])
        start_response("200 OK", TEXT)
        return [result if isinstance(result, bytes) else repr(result).encode()]

    return app


def by_pieces(body, size):
    pieces = []
    while piece := body.read(size):
        pieces.append(piece)
    return b"".join(pieces)


def into(body):
    buffer = bytearray(7)
    pieces = []
    while count := body.readinto(buffer):
        pieces.append(bytes(buffer[:count]))
    return b"".join(pieces)


WAYS = {
    "read()": lambda body: body.read(),
    "read(None)": lambda body: body.read(None),
    "read(-1)": lambda body: body.read(-1),
    "read(1)": lambda body: by_pieces(body, 1),
    "read(4096)": lambda body: by_pieces(body, 4096),
    "read(10**9)": lambda body: body.read(10**9),
    "readline()": lambda body: b"".join(iter(body.readline, b"")),
    "readline(3)": lambda body: b"".join(iter(lambda: body.readline(3), b"")),
    "readlines()": lambda body: b"".join(body.readlines()),
    "readlines(5)": lambda body: b"".join(chain(*iter(lambda: body.readlines(5), []))),
    "iteration": lambda body: b"".join(body),
    "readinto": into,
}
SMALL = b"one\ntwo\n\nfour without an end"
LARGE = b"".join(b"line %d\n" % number for number in range(60_000))


def chunked(data, size):
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("way", WAYS)
def test_each_way_reads_all_of_a_body(way, served, client):
    server = served(reading(WAYS[way]))
    connection = client(server)
    assert connection.get(method="POST", body=SMALL).body == SMALL
    assert connection.get().body == b""
    head = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    assert connection.send(head + chunked(SMALL, 5)).answer().body == SMALL


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("read(1)", "readline(3)", "readinto")])
def test_each_way_reads_all_of_a_large_body(way, served, client):
    server = served(reading(WAYS[way]))
    connection = client(server)
    assert connection.get(method="POST", body=LARGE).body == LARGE
    head = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    assert connection.send(head + chunked(LARGE, 1000)).answer().body == LARGE


@pytest.mark.parametrize("body, length", [(SMALL, str(len(SMALL))), (b"", "0"), (LARGE, None)])
def test_a_chunked_body_that_is_there_has_a_length(body, length, served, client):
    def application(environ, start_response):
        seen.append((environ.get("CONTENT_LENGTH"), environ.get("HTTP_TRANSFER_ENCODING"),
                     environ["wsgi.input_terminated"]))
        # As frameworks read that know nothing of chunks.
        read = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("200 OK", [("Content-Length", str(len(read)))])
        return [read]

    seen = []
    connection = client(served(application))
    head = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: CHUNKED\r\n\r\n"
    answer = connection.send(head + chunked(body, 1000)).answer()
    assert answer.body == (body if length else b"")
    assert seen == [(length, None if length else "chunked", True)]


def test_sizes_that_are_none(served, client):
    def read(body):
        with pytest.raises(TypeError):
            body.read("3")
        with pytest.raises(TypeError):
            body.read(1, 2)
        with pytest.raises(TypeError):
            body.readline(1.5)
        return [body.read(0), body.readline(0), body.read(2), body.readlines(0), body.read(), body.read()]

    answer = client(served(reading(read))).get(method="POST", body=b"12\n3")
    assert answer.body == b"[b'', b'', b'12', [b'\\n', b'3'], b'', b'']"


def test_the_client_waits_for_100_until_something_is_read(served, client):
    entered, go_on = threading.Event(), threading.Event()

    def read(body):
        entered.set()
        assert go_on.wait(10)
        return body.read()

    server = served(reading(read))
    connection = client(server)
    connection.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    assert entered.wait(10)
    connection.socket.settimeout(0.05)
    with pytest.raises(socket.timeout):
        connection.more()
    connection.socket.settimeout(10)
    go_on.set()
    assert connection.answer().status.startswith("100")
    assert connection.send(b"body").answer().body == b"body"


def test_a_body_that_is_cut_short(served, client):
    entered, seen = threading.Event(), []

    def read(body):
        entered.set()
        try:
            return body.read()
        except ClientGone as error:
            seen.append(error)
            raise

    server = served(reading(read), options={"body_timeout": 1})
    connection = client(server)
    connection.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n" + b"x" * 70000)
    assert entered.wait(10)
    connection.close()
    wait_for(lambda: seen)
    assert isinstance(seen[0], ConnectionError)
    assert server.log_text() == ""


def test_a_body_that_is_too_large(served, client):
    def read(body):
        with pytest.raises(MaxSizeExceeded):
            body.read()
        raise MaxSizeExceeded()

    server = served(reading(read), options={"max_request_body_size": 100})
    connection = client(server)
    connection.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 101\r\n\r\n")
    assert connection.answer().code == 413
    connection = client(server)
    head = b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert connection.send(head + b"65\r\n" + b"x" * 101).answer().code == 413


def test_what_is_not_read_does_not_disturb_the_next_request(served, client):
    server = served(reading(lambda body: body.read(3)))
    connection = client(server)
    assert connection.get(method="POST", body=b"abcdef").body == b"abc"
    assert connection.get(method="POST", body=b"123456").body == b"123"


def test_readable_close_and_input_terminated(served, client):
    def app(environ, start_response):
        body = environ["wsgi.input"]
        body.close()
        start_response("200 OK", TEXT)
        return [repr((body.readable(), environ["wsgi.input_terminated"])).encode()]

    assert client(served(app)).get().body == b"(True, True)"


def by_text(body):
    return "".join(io.TextIOWrapper(body, "utf-8", newline="")).encode()


def by_buffer(body):
    return io.BufferedReader(body, 10).read()


def by_read1(body):
    return b"".join(iter(lambda: body.read1(7), b""))


def by_readinto1(body):
    pieces, buffer = [], bytearray(5)
    while count := body.readinto1(buffer):
        pieces.append(bytes(buffer[:count]))
    return b"".join(pieces)


@pytest.mark.parametrize("way", [by_text, by_buffer, by_read1, by_readinto1])
@pytest.mark.parametrize("size", [0, 3, 5000, 300_000])
def test_a_body_is_a_file_for_io(way, size, served, client):
    data = ("Zeilen ü\r\n" * (size // 8 + 1))[:size].encode()
    server = served(reading(way))
    for headers, body in (((), data), (("Transfer-Encoding: chunked",), None)):
        connection = client(server)
        if body is None:
            connection.send(b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.send(chunked(data, 1000))
            answer = connection.answer()
        else:
            answer = connection.get(method="POST", body=data)
        assert (answer.code, answer.body) == (200, data)
    assert server.log_text() == ""


def test_read1_gives_what_has_come(served, client):
    def app(environ, start_response):
        body, write = environ["wsgi.input"], start_response("200 OK", TEXT)
        while piece := body.read1():
            write(piece)
        return []

    connection = client(served(app, options={"deliver_at_head": True}))
    connection.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 6\r\n\r\nabc")
    connection.until(b"\r\n\r\n")
    assert connection.chunk() == b"abc"
    connection.send(b"def")
    assert connection.chunk() == b"def" and connection.chunk() == b""


def test_what_a_body_cannot_do_is_said_as_io_says_it(served, client):
    def app(environ, start_response):
        body = environ["wsgi.input"]
        for name in ("fileno", "tell", "seek", "write", "truncate"):
            with pytest.raises(io.UnsupportedOperation):
                getattr(body, name)(*[0] * (name == "seek"))
        said = [body.readable(), body.writable(), body.seekable(), body.isatty(), body.closed]
        with body as same:
            said.append(same is body)
        body.flush()
        start_response("200 OK", TEXT)
        return [repr(said).encode()]

    connection = client(served(app))
    for body in (b"", b"x"):
        said = connection.get(method="POST", body=body).body
        assert said == b"[True, False, False, False, False, True]"
