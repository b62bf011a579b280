"""Servers for the tests, and a client that sends and reads bytes."""

import contextlib
import gc
import signal
import socket
import threading
import time

import pytest

from wsgiserver import CherryPyWSGIServer

# Seconds until what does not come is a failure; nothing is measured by it.
PATIENCE = 30

# Whoever runs the tests in the background ignores Ctrl-C, and children would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Logged(CherryPyWSGIServer):
    """Keeps its error log for the tests."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.messages = []

    def error_log(self, msg="", level=20, traceback=False):
        import traceback as module

        self.messages.append((level, msg + ("\n" + module.format_exc() if traceback else "")))

    def log_text(self):
        return "\n".join(text for _, text in self.messages)


class Client:
    """One connection."""

    def __init__(self, address):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address[:2], PATIENCE)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)
        return self

    def get(self, path="/", *headers, method="GET", body=b""):
        lines = [f"{method} {path} HTTP/1.1", "Host: test", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return self.send("\r\n".join([*lines, "", ""]).encode() + body).answer(method)

    def answer(self, method="GET"):
        """The next answer: its status, headers and body."""
        head = self.until(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        status = lines[0].split(" ", 1)[1]
        return Answer(status, headers, self.body(status, headers, method))

    def body(self, status, headers, method):
        if method == "HEAD" or status[:3] in ("204", "304") or status[0] == "1":
            return b""
        if "content-length" in headers:
            return self.exactly(int(headers["content-length"]))
        if headers.get("transfer-encoding") == "chunked":
            return b"".join(iter(self.chunk, b""))
        return self.rest()

    def chunk(self):
        size = int(self.until(b"\r\n"), 16)
        data = self.exactly(size)
        assert self.exactly(2) == b"\r\n"
        return data

    def until(self, end):
        while end not in self.buffer:
            self.more()
        found, self.buffer = self.buffer.split(end, 1)
        return found

    def exactly(self, size):
        while len(self.buffer) < size:
            self.more()
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def rest(self):
        """All until the server's end."""
        with contextlib.suppress(EOFError):
            while True:
                self.more()
        found, self.buffer = self.buffer, b""
        return found

    def more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            raise EOFError(self.buffer)
        self.buffer += data

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.code = int(status[:3])

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:200]!r}>"


@contextlib.contextmanager
def serving(app=None, server=None, address=("127.0.0.1", 0), **named):
    """A running server of the application; `serve` runs in a thread, whose end is in `ended`."""
    options = named.pop("options", {})
    server = server or Logged(address, app, **{"numthreads": 4, **named})
    for name, value in options.items():
        setattr(server, name, value)
    server.ended = []
    server.prepare()

    def run():
        try:
            server.serve()
        except BaseException as error:
            server.ended.append(error)
        else:
            server.ended.append(None)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def wait_for(fact, what="the fact"):
    """Waits until the fact is there."""
    until = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < until, f"{what} did not come"
        time.sleep(0.005)


def all_gone(alive):
    """Whether none of what is told is left, also where nothing counts references."""
    gc.collect()
    return not alive()


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.fixture
def served():
    """Starts servers that are stopped at the end of the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **named: stack.enter_context(serving(*arguments, **named))


@pytest.fixture
def client():
    """Opens connections that are closed at the end of the test."""
    with contextlib.ExitStack() as stack:
        yield lambda server: stack.enter_context(Client(server.bind_addr))
