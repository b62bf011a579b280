"""wsgiref.validate over every kind of application."""

import io
from wsgiref.validate import validator

import pytest
from conftest import wait_for

TEXT = [("Content-Type", "text/plain")]


def a_list(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"list"]


def generator(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"gener"
    yield b"ator"


def empty_pieces(environ, start_response):
    start_response("200 OK", TEXT)
    yield b""
    yield b"after"
    yield b""


def empty_writes(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"")
    write(b"after")
    return [b""]


def writer(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"wri")
    write(b"ter")
    return []


def restarted(environ, start_response):
    start_response("200 OK", TEXT)
    try:
        raise ValueError
    except ValueError:
        import sys

        start_response("500 Oops", TEXT, sys.exc_info())
    return [b"restarted"]


def no_content(environ, start_response):
    start_response("204 No Content", [])
    return []


def reader(environ, start_response):
    body = environ["wsgi.input"]
    parts = [body.read(3), body.readline(5), body.readline(100), *body.readlines(10), body.read(99)]
    start_response("200 OK", TEXT)
    return [b"|".join(parts)]


def iterator(environ, start_response):
    lines = list(environ["wsgi.input"])
    start_response("200 OK", TEXT)
    return [str(len(lines)).encode()]


def complainer(environ, start_response):
    environ["wsgi.errors"].write("")
    environ["wsgi.errors"].writelines([])
    environ["wsgi.errors"].flush()
    start_response("200 OK", TEXT)
    return [b"complainer"]


def file(environ, start_response):
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"file"))


EXPECTED = {
    a_list: b"list",
    generator: b"generator",
    empty_pieces: b"after",
    empty_writes: b"after",
    writer: b"writer",
    restarted: b"restarted",
    no_content: b"",
    reader: b"fir|st\n|second\n|third\n|fourth|",
    iterator: b"4",
    complainer: b"complainer",
    file: b"file",
}


@pytest.mark.parametrize("body", [b"", b"first\nsecond\nthird\nfourth"], ids=["GET", "POST"])
@pytest.mark.parametrize("app", EXPECTED, ids=lambda app: app.__name__)
def test_the_validator_has_nothing_to_say(app, body, served, client):
    server = served(validator(app))
    answer = client(server).get("/path?query", method="POST" if body else "GET", body=body)
    if body or app not in (reader, iterator):
        assert answer.body == EXPECTED[app]
    else:
        assert answer.code == 200
    assert server.log_text() == ""


def test_the_validator_in_front_of_what_fails(served, client):
    @validator
    def app(environ, start_response):
        start_response("200 OK", TEXT)
        return iter(["text"])

    server = served(app)
    assert client(server).get().code == 500
    wait_for(lambda: "AssertionError" in server.log_text())
