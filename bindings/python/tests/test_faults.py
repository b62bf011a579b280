"""What an application may do wrong: it is told, its client gets 500, and the server goes on."""

import pytest
from conftest import hello, wait_for

OK = ("200 OK", [("Content-Type", "text/plain")])


def fails_in_start_response(environ, start_response):
    start_response("200 OK", [("X", "a\nb")])
    return []


def fails_in_iter(environ, start_response):
    class Bad:
        def __iter__(self):
            raise KeyError("no iterator")

    start_response(*OK)
    return Bad()


def fails_by_type(environ, start_response):
    start_response(*OK)
    return 42


def yields_text(environ, start_response):
    start_response(*OK)
    return ["text"]


def iterates_text(environ, start_response):
    start_response(*OK)
    yield "text"


def returns_bytes(environ, start_response):
    start_response(*OK)
    return b"bytes"


def returns_none(environ, start_response):
    start_response(*OK)


def status_of_bytes(environ, start_response):
    start_response(b"200 OK", [])
    return []


def status_without_code(environ, start_response):
    start_response("OK", [])
    return []


def status_of_an_interim_answer(environ, start_response):
    start_response("100 Continue", [])
    return []


def header_of_bytes(environ, start_response):
    start_response("200 OK", [(b"X", "1")])
    return []


def header_beyond_latin1(environ, start_response):
    start_response("200 OK", [("X", "\u20ac")])
    return []


def header_of_a_number(environ, start_response):
    start_response("200 OK", [("X", 5)])
    return []


def header_as_list(environ, start_response):
    start_response("200 OK", [["X", "1"]])
    return []


def headers_as_number(environ, start_response):
    start_response("200 OK", 3)
    return []


def length_in_words(environ, start_response):
    start_response("200 OK", [("Content-Length", "five")])
    return [b"12345"]


def two_lengths(environ, start_response):
    start_response("200 OK", [("Content-Length", "5"), ("content-length", "5")])
    return [b"12345"]


def one_argument(environ, start_response):
    start_response("200 OK")
    return []


def started_twice(environ, start_response):
    start_response(*OK)
    start_response(*OK)
    return []


def never_started(environ, start_response):
    return [b"body"]


def never_started_and_yields(environ, start_response):
    yield b"body"


def text_in_write(environ, start_response):
    start_response(*OK)("text")
    return []


FAULTS = {
    fails_in_start_response: "a character that may not stand there",
    fails_in_iter: "no iterator",
    fails_by_type: "'int' object is not iterable",
    yields_text: "WSGI Applications must yield bytes",
    iterates_text: "WSGI Applications must yield bytes",
    returns_bytes: "WSGI Applications must yield bytes",
    returns_none: "'NoneType' object is not iterable",
    status_of_bytes: "WSGI response status is not of type str.",
    status_without_code: "is not like '200 OK'",
    status_of_an_interim_answer: "is not a final one",
    header_of_bytes: "WSGI response header key b'X' is not of type str.",
    header_beyond_latin1: "header value '\u20ac' of 'X' has characters beyond ISO-8859-1",
    header_of_a_number: "header value 5 of 'X' is not of type str",
    header_as_list: "is not a tuple of name and value",
    headers_as_number: "'int' object is not iterable",
    length_in_words: "malformed or second Content-Length",
    two_lengths: "malformed or second Content-Length",
    one_argument: "start_response takes status, headers",
    started_twice: "WSGI start_response called a second time with no exc_info.",
    never_started: "did not call start_response",
    never_started_and_yields: "WSGI write called before start_response.",
    text_in_write: "WSGI Applications must yield bytes",
}


@pytest.mark.parametrize("app", FAULTS, ids=lambda app: app.__name__)
def test_a_fault_is_told_and_answered_with_500(app, served, client):
    server = served(app)
    assert client(server).get().code == 500
    wait_for(lambda: FAULTS[app] in server.log_text(), f"{FAULTS[app]!r} in {server.log_text()!r}")
    server.wsgi_app = hello
    assert client(server).get().body == b"hello"


def test_headers_of_the_connection_are_left_out_and_logged_once(served, client):
    def app(environ, start_response):
        hops = [("Connection", "keep-alive"), ("keep-alive", "timeout=9"), ("Upgrade", "h2c")]
        start_response("200 OK", [*hops, ("Transfer-Encoding", "chunked"), ("Content-Length", " 5\t")])
        return [b"hello"]

    server = served(app)
    for _ in range(2):
        response = client(server).get()
        assert (response.code, response.body) == (200, b"hello")
        for name in ("connection", "keep-alive", "upgrade", "transfer-encoding"):
            assert name not in response.headers
        assert response.headers["content-length"] == "5"
    for name in ("Connection", "Keep-Alive", "Upgrade", "Transfer-Encoding"):
        line = f"the response header {name} of the application belongs to the connection"
        wait_for(lambda: server.log_text().count(line) == 1, server.log_text())


def test_order_errors_are_assertions_and_runtime_errors(served, client):
    caught = []

    def app(environ, start_response):
        start_response(*OK)
        for kind in (AssertionError, RuntimeError):
            try:
                start_response(*OK)
            except kind as error:
                caught.append(error)
        return [b"fine"]

    assert client(served(app)).get().body == b"fine"
    assert len(caught) == 2


class Unprintable(Exception):
    """Of which neither repr nor str works."""

    def __repr__(self):
        raise ValueError("no repr")

    __str__ = __repr__


def test_an_exception_that_cannot_be_shown_is_logged(served, client):
    def app(environ, start_response):
        raise Unprintable

    server = served(app)
    assert client(server).get().code == 500
    wait_for(lambda: server.messages)
    text = server.log_text()
    assert text.startswith("<Unprintable, whose repr fails>") and "in app" in text
