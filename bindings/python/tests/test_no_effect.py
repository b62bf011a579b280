"""What is accepted without effect: it says so, and docs/porting.md lists it."""

import inspect
import pathlib
import re
import threading
import warnings

import pytest
from conftest import Logged, hello

import wsgiserver
from wsgiserver import HTTPConnection, HTTPRequest, NoEffectWarning, no_effect, server

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs/porting.md"
KINDS = [HTTPConnection, HTTPRequest, server.HTTPServer]
ATTRIBUTES = [(kind, name) for kind in KINDS for name in kind._without_effect]


def of_the_page():
    section = PAGE.read_text().split("### Accepted without effect, in Python\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall("`(.*?)`", row)}


def test_the_page_lists_what_the_code_has():
    attributes = {f"{kind.__name__}.{name}" for kind, name in ATTRIBUTES}
    arguments = {f"{kind}({name})" for kind, names in no_effect.ARGUMENTS.items() for name in names}
    assert of_the_page() == attributes | arguments


@pytest.mark.parametrize("kind, name", ATTRIBUTES, ids=lambda part: getattr(part, "__name__", part))
def test_an_attribute_says_so(kind, name):
    made = kind.__new__(kind)
    with pytest.warns(NoEffectWarning, match=f"{kind.__name__}.{name}") as told:
        setattr(made, name, 5)
    assert told[0].filename == __file__
    assert getattr(made, name) == 5

    class Mine(kind):
        pass

    with pytest.warns(NoEffectWarning, match=name):
        setattr(Mine, name, 6)
    assert getattr(Mine, name) == 6


def test_the_arguments_are_taken():
    for kind, names in no_effect.ARGUMENTS.items():
        assert set(names) <= set(inspect.signature(getattr(wsgiserver, kind)).parameters)


def test_requests_are_made_without_a_word(served, client):
    class Gateway(wsgiserver.Gateway):
        def respond(self):
            self.req.status, self.req.sent_headers = b"200 OK", True
            self.req.send_headers()
            self.req.write(repr(self.req.strict_mode).encode())

    running = served(hello, options={"gateway": Gateway})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert client(running).get().body == b"True"


def test_the_pool_says_that_there_is_no_queue():
    pool = Logged(("127.0.0.1", 0), hello).requests
    with pytest.raises(NotImplementedError, match="WorkerThread"):
        pool.get()
    with pytest.raises(TypeError, match="None alone"):
        pool.put(object())


def test_a_thread_of_the_programs_own_serves(served, client):
    both = threading.Barrier(2)

    def name(environ, start_response):
        both.wait(10)
        start_response("200 OK", [])
        return [threading.current_thread().name.encode()]

    running = served(name, numthreads=1)
    thread = wsgiserver.WorkerThread(running)
    thread.name = "mine"
    thread.start()
    clients = [client(running) for _ in range(2)]
    for one in clients:
        one.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    assert b"mine" in [one.answer().body for one in clients]
    running.stop()
    thread.join(10)
    assert not thread.is_alive()
