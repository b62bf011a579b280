"""KeyboardInterrupt and SystemExit of an application, at each moment."""

import pytest
from conftest import wait_for

KINDS = {"SystemExit": SystemExit, "KeyboardInterrupt": KeyboardInterrupt}


def at_once(kind):
    def app(environ, start_response):
        raise kind("now")

    return app


def in_the_iterable(kind):
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"begun"
        raise kind("now")

    return app


def in_close(kind):
    class Closing(list):
        def close(self):
            raise kind("now")

    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "4")])
        return Closing([b"done"])

    return app


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("moment", [at_once, in_the_iterable, in_close])
def test_it_ends_start_and_stops_the_server(moment, name, served, client):
    server = served(moment(KINDS[name]))
    client(server).send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").rest()
    wait_for(lambda: server.ended)
    assert isinstance(server.ended[0], KINDS[name]) and server.ended[0].args == ("now",)
    assert not server.ready and server.core is None
    (level, text), = server.messages
    assert level == 40 and text.startswith(f"{name}('now') of an application: the server stops")
    assert "Traceback" in text and "test_interrupt.py" in text
