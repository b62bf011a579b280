"""wsgi.file_wrapper: what the kernel sends, and what is read."""

import gzip
import io
import os
import tempfile

import pytest
from conftest import wait_for

DATA = os.urandom(700_000)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


class Notes:
    """Opens files and keeps them, to see that they were closed."""

    def __init__(self, opening, *headers, sized=False):
        self.opening, self.headers, self.sized, self.files = opening, list(headers), sized, []

    def __call__(self, environ, start_response):
        file = self.opening()
        self.files.append(file)
        start_response("200 OK", self.headers)
        wrapper = environ["wsgi.file_wrapper"]
        return wrapper(file, 1000) if self.sized else wrapper(file)


def opened_at(path, offset, **named):
    file = open(path, "rb", **named)
    file.read(3)
    file.seek(offset)
    return file


def temporary():
    file = tempfile.NamedTemporaryFile()
    file.write(DATA)
    file.seek(0)
    return file


def check(served, client, app, expected, length=True):
    server = served(app)
    connection = client(server)
    for _ in range(2):
        answer = connection.get()
        assert answer.body == expected
        assert ("content-length" in answer.headers) == length
    wait_for(lambda: all(file.closed for file in app.files), "the close of the file")
    assert server.log_text() == ""


def test_a_file_is_sent_with_its_length(served, client, path):
    check(served, client, Notes(lambda: open(path, "rb")), DATA)


def test_an_unbuffered_file(served, client, path):
    check(served, client, Notes(lambda: open(path, "rb", buffering=0)), DATA)


def test_a_file_goes_from_where_it_stands(served, client, path):
    check(served, client, Notes(lambda: opened_at(path, 12_345)), DATA[12_345:])


def test_a_part_of_a_file(served, client, path):
    app = Notes(lambda: opened_at(path, 100), ("Content-Length", "5000"))
    check(served, client, app, DATA[100:5100])


def test_a_temporary_file(served, client):
    check(served, client, Notes(temporary), DATA)


def test_what_is_in_memory_is_read(served, client):
    check(served, client, Notes(lambda: io.BytesIO(DATA), sized=True), DATA, length=False)


def test_a_file_that_holds_something_else_is_read(served, client, tmp_path):
    path = tmp_path / "file.gz"
    with gzip.open(path, "wb") as file:
        file.write(DATA)
    check(served, client, Notes(lambda: gzip.open(path, "rb")), DATA, length=False)


def test_a_pipe(served, client):
    def pipe():
        reading, writing = os.pipe()
        os.write(writing, b"through a pipe")
        os.close(writing)
        return os.fdopen(reading, "rb")

    check(served, client, Notes(pipe), b"through a pipe", length=False)


def test_without_close_and_fileno(served, client):
    class Reader:
        closed = True

        def __init__(self):
            self.left = [b"a", b"b"]

        def read(self, size):
            return self.left.pop(0) if self.left else b""

    check(served, client, Notes(Reader), b"ab", length=False)


def test_behind_a_write(served, client, path):
    def app(environ, start_response):
        start_response("200 OK", [])(b"before ")
        return environ["wsgi.file_wrapper"](open(path, "rb"))

    assert client(served(app)).get().body == b"before " + DATA


def test_a_file_that_is_shorter_than_declared_cuts(served, client, path):
    app = Notes(lambda: open(path, "rb"), ("Content-Length", str(len(DATA) + 1)))
    connection = client(served(app))
    connection.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n").until(b"\r\n\r\n")
    assert connection.rest() == DATA


def test_without_start_response(served, client, path):
    def app(environ, start_response):
        return environ["wsgi.file_wrapper"](open(path, "rb"))

    assert client(served(app)).get().code == 500


def test_head(served, client, path):
    answer = client(served(Notes(lambda: open(path, "rb")))).get(method="HEAD")
    assert answer.headers["content-length"] == str(len(DATA))


def test_the_wrapper_is_an_ordinary_iterable(served, client):
    seen = []

    def app(environ, start_response):
        wrapper = environ["wsgi.file_wrapper"](io.BytesIO(b"12345"), 2)
        seen.append((wrapper.filelike.getvalue(), list(wrapper)))
        start_response("200 OK", [])
        return []

    client(served(app)).get()
    assert seen == [(b"12345", [b"12", b"34", b"5"])]


def test_no_more_is_read_of_a_file_than_was_declared(served, client):
    app = Notes(lambda: io.BytesIO(DATA), ("Content-Length", "70000"), sized=True)
    check(served, client, app, DATA[:70_000])


class Silent:
    """A file that does not say that it can seek."""

    def __init__(self):
        self._file = io.BytesIO(DATA)
        self.read, self.seek, self.tell = self._file.read, self._file.seek, self._file.tell


def test_the_wrapper_seeks_where_its_file_does(served, client, path):
    reader, writer = os.pipe()
    os.close(writer)
    seen = []

    def app(environ, start_response):
        for file in (open(path, "rb"), io.BytesIO(DATA), Silent(), open(reader, "rb")):
            wrapper = environ["wsgi.file_wrapper"](file)
            seen.append(wrapper.seekable())
            if wrapper.seekable():
                seen.append((wrapper.seek(5), wrapper.seek(2, 1), wrapper.tell()))
        wrapper = environ["wsgi.file_wrapper"](object())
        seen.append(wrapper.seekable())
        with pytest.raises(AttributeError):
            wrapper.seek(0)
        file = environ["wsgi.file_wrapper"](open(path, "rb"))
        file.seek(600_000)
        start_response("206 Partial Content", [("Content-Length", "1000")])
        return file

    answer = client(served(app)).get()
    assert (answer.code, answer.body) == (206, DATA[600_000:601_000])
    assert seen == [True, (5, 7, 7)] * 3 + [False, False]
