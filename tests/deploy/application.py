"""What the checks ask through the proxies, for the command `wsgiserver application`."""

import hashlib
import threading
import time

_left = threading.Event()


def application(environ, start_response):
    path = environ["PATH_INFO"]
    status, body = "200 OK", b"ok"
    if path.startswith("/upload"):
        body = _digest(environ["wsgi.input"])
    elif path == "/wait":
        _wait(environ["wsgiserver.exchange"])
    elif path == "/left":
        body = b"yes" if _left.is_set() else b"no"
    elif path == "/slow":
        time.sleep(1)
    elif path == "/environ":
        body = "".join(f"{name}: {value}\n" for name, value in environ.items()).encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def _digest(body):
    digest = hashlib.sha256()
    while piece := body.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest().encode()


def _wait(exchange):
    """Until the client has left."""
    end = time.monotonic() + 60
    while not exchange.aborted() and time.monotonic() < end:
        time.sleep(0.01)
    _left.set()
