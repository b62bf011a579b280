"""Clients that do just what a check asks for."""

import http.client
import socket
import ssl
import threading

from programs import DEADLINE, Failure


def check(condition, *seen):
    """Raises Failure with what was seen."""
    if not condition:
        raise Failure(" ".join(repr(each) for each in seen) or "no")


class Client(http.client.HTTPConnection):
    """A connection to a port or a UNIX socket's path, kept until it is closed."""

    def __init__(self, address, context=None, source=None):
        is_port = isinstance(address, int)
        super().__init__("127.0.0.1" if is_port else "localhost", address if is_port else 80, DEADLINE,
                         source_address=(source, 0) if source else None)
        self.path = None if is_port else str(address)
        self.context = context

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def connect(self):
        if self.path:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(DEADLINE)
            self.sock.connect(self.path)
        else:
            super().connect()
        if self.context:
            self.sock = self.context.wrap_socket(self.sock, server_hostname="localhost")

    def ask(self, path, method="GET", body=None, **headers):
        """Status, headers and body of an answer; headers are named with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.request(method, path, body, named)
        answer = self.getresponse()
        return answer.status, answer.headers, answer.read()

    def environ(self, path="/environ", **headers):
        """What an application sees of a request."""
        status, _, body = self.ask(path, **headers)
        check(status == 200, path, status, body)
        return dict(line.split(": ", 1) for line in body.decode().splitlines() if ": " in line)


def ask(address, path, method="GET", body=None, **headers):
    """One request on a connection of its own."""
    with Client(address) as client:
        return client.ask(path, method, body, **headers)


def trusting(certificate):
    """For Client: TLS with a server that has this certificate."""
    return ssl.create_default_context(cafile=certificate)


class Raw:
    """A socket whose bytes are read up to a mark."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read_to(self, mark):
        """The bytes before the mark, which is taken too."""
        while mark not in self.data:
            self._receive()
        taken, _, self.data = self.data.partition(mark)
        return taken

    def read(self, size):
        while len(self.data) < size:
            self._receive()
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def read_all(self):
        """Everything up to the end."""
        while True:
            more = self.socket.recv(65536)
            if not more:
                return self.data
            self.data += more

    def _receive(self):
        try:
            more = self.socket.recv(65536)
        except TimeoutError:
            more = None
        check(more, "nothing more came" if more is None else "the connection ended", "behind", self.data)
        self.data += more


class Load:
    """Clients that ask again and again until they are stopped; a failed request is a failure."""

    def __init__(self, port, path="/", clients=3, method="GET", body=None):
        self.failures, self.count, self._stop = [], 0, threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(port, path, method, body)) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, port, path, method, body):
        client = Client(port)
        while not self._stop.is_set():
            try:
                status, _, answer = client.ask(path, method, body)
                failure = None if status == 200 else (status, answer)
            except (OSError, http.client.HTTPException) as error:
                failure = repr(error)
                client.close()
            with self._lock:
                self.count += 1
                if failure:
                    self.failures.append(failure)
        client.close()
