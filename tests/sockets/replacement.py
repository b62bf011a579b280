"""One process takes another's place under load, and no request is lost.

The clients keep their connections, and retry nothing: an answer that does not come is a failure.
"""

import socket
import threading
import time

from served import PATIENCE, Server, listener

CLIENTS = 8
REQUEST = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
# The first process still has its time when the second one has begun.
OPTIONS = ["--quiesce-timeout", "10", "--shutdown-timeout", "10", "--numthreads", "4"]


class Load:
    """Clients that ask until so many requests were answered, and until they are let go."""

    def __init__(self, address, requests):
        self._address = address
        self._requests = requests
        self._lock = threading.Lock()
        self.answered = 0
        self.closed = 0
        self.failures = []
        self.enough = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, count):
        """Until so many requests were answered."""
        until = time.monotonic() + 20 * PATIENCE
        while self.answered < count and not self.failures:
            assert time.monotonic() < until
            time.sleep(0.01)

    def end(self):
        self.enough.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        client = None
        try:
            while not self.enough.is_set() or self.answered < self._requests:
                if client is None:
                    client = socket.create_connection(self._address, PATIENCE)
                client.sendall(REQUEST)
                keeps = read_answer(client)
                with self._lock:
                    self.answered += 1
                    self.closed += not keeps
                if not keeps:
                    client.close()
                    client = None
        except Exception as error:  # whatever it is, a request was lost
            with self._lock:
                self.failures.append(repr(error))


def read_answer(client):
    """Reads one answer to its end: whether the connection is kept."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = client.recv(65536)
        if not piece:
            raise ConnectionError(f"closed after {answer!r}")
        answer += piece
    head, body = answer.split(b"\r\n\r\n", 1)
    if not head.startswith(b"HTTP/1.1 200 "):
        raise ConnectionError(head)
    length = next(int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length: "))
    while len(body) < length:
        body += client.recv(65536)
    return b"\r\nConnection: close" not in head


def replace(program, arguments, sockets, address, requests, replacements, at_once=True):
    """Plays it: what the clients have seen."""
    servers = [Server(program, *arguments, *OPTIONS, sockets=sockets)]
    servers[0].listening()
    load = Load(address, requests)
    try:
        for number in range(1, replacements + 1):
            load.wait_for(number * requests // (replacements + 1))
            new = Server(program, *arguments, *OPTIONS, sockets=sockets)
            new.listening()
            servers.append(new)
            servers[-2].ask_to_stop()
            if not at_once:
                servers[-2].stop()
        load.wait_for(requests)
    finally:
        load.end()
        errors = [server.stop() for server in servers]
    assert not load.failures, load.failures
    assert load.answered >= requests
    assert not any("cut" in error for error in errors), errors
    return load


def by_descriptor(program, requests, replacements):
    with listener() as shared:
        address = shared.getsockname()
        return replace(program, ["--bind", "fd:3"], [shared], address, requests, replacements)


def play(program, requests, replacements):
    began = time.monotonic()
    load = by_descriptor(program, requests, replacements)
    print(f"{load.answered} requests, {replacements} replacements, {load.closed} connections ended by "
          f"Connection: close, {len(load.failures)} failures, {time.monotonic() - began:.1f} s", flush=True)


def test_no_request_is_lost(program, folder):
    del folder
    play(program, 4000, 3)
