"""Clients that do harm by being slow: 500 send one byte a second, 500 read one byte a second of
a large answer, 500 say nothing. One that is cut off comes back. Prints `ready` once all stand.
usage: hostile.py --port PORT --seconds SECONDS [--each 500]"""
import argparse
import resource
import selectors
import signal
import socket
import sys
import time

HEAD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"x" * 2000
LARGE = b"GET /large/1048576 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Client:
    """One connection of its kind: `send`, `read` or `silent`."""

    def __init__(self, kind, port, selector):
        self.kind, self.port, self.selector = kind, port, selector
        self.socket = None

    def connect(self):
        self.sent = 0
        self.socket = socket.socket()
        # A small window, so that a large answer cannot hide in the kernel's buffers.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(5)
        self.socket.connect(("127.0.0.1", self.port))
        self.socket.setblocking(False)
        if self.kind == "read":
            self.socket.send(LARGE)
        else:
            self.selector.register(self.socket, selectors.EVENT_READ, self)

    def act(self):
        """What it does once a second."""
        try:
            if self.socket is None:
                self.connect()
            elif self.kind == "send":
                self.socket.send(HEAD[self.sent : self.sent + 1] or b"x")
                self.sent += 1
            elif self.kind == "read" and not self.socket.recv(1):
                self.drop()
        except BlockingIOError:
            pass
        except OSError:
            self.drop()

    def drop(self):
        if self.socket is None:
            return
        if self.kind != "read":
            self.selector.unregister(self.socket)
        self.socket.close()
        self.socket = None

    def hear(self):
        """The server said something to one that does not ask: it is cutting it off."""
        try:
            if not self.socket.recv(65536):
                self.drop()
        except BlockingIOError:
            pass
        except OSError:
            self.drop()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--seconds", type=float, required=True)
    options.add_argument("--each", type=int, default=500)
    options = options.parse_args()
    raise_limit(3 * options.each + 64)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    selector = selectors.DefaultSelector()
    clients = [
        Client(kind, options.port, selector)
        for _ in range(options.each)
        for kind in ("send", "read", "silent")
    ]
    for client in clients:
        client.connect()
    print("ready", flush=True)
    run(clients, selector, time.monotonic() + options.seconds)


def run(clients, selector, deadline):
    """Each acts once a second, spread evenly over it; what the server says is heard at once."""
    gap = 1 / len(clients)
    due, turn = time.monotonic(), 0
    while time.monotonic() < deadline:
        for key, _ in selector.select(max(0, min(due - time.monotonic(), 0.02))):
            key.data.hear()
        while due <= time.monotonic():
            clients[turn % len(clients)].act()
            due, turn = due + gap, turn + 1


def raise_limit(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


if __name__ == "__main__":
    main()
