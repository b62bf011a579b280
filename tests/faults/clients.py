"""Clients: a probe whose answers must be right, and a load of all kinds whose answers may be missing
but must not be wrong or late."""

import contextlib
import random
import socket
import threading
import time

from host import Failure

PATIENCE = 20  # seconds


class Wrong(Exception):
    """An answer that is not what was asked for."""


class Client:
    """One connection."""

    def __init__(self, port, patience=PATIENCE):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.file.close()
        self.socket.close()

    def ask(self, path, body=None, method=None, headers=""):
        """Sends a request; (status, headers, body), or ConnectionError if it was cut."""
        method = method or ("GET" if body is None else "POST")
        if body is not None:
            headers += f"Content-Length: {len(body)}\r\n"
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
        self.socket.sendall(head.encode() + (body or b""))
        return self.answer()

    def answer(self):
        line = self._line()
        version, status = line.split(b" ")[:2]
        if version != b"HTTP/1.1":
            raise Wrong(line)
        fields = {}
        while (line := self._line()) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            fields[name.lower()] = value.strip()
        return int(status), fields, self._body(fields)

    def _body(self, fields):
        if "content-length" in fields:
            return self._exactly(int(fields["content-length"]))
        if fields.get("transfer-encoding") == "chunked":
            pieces = []
            while size := int(self._line(), 16):
                pieces.append(self._exactly(size))
                self._line()
            self._line()
            return b"".join(pieces)
        return self.file.read()

    def _line(self):
        line = self.file.readline(65536)
        if not line.endswith(b"\n"):
            raise ConnectionError("cut")
        return line

    def _exactly(self, count):
        data = self.file.read(count)
        if len(data) != count:
            raise ConnectionError("cut")
        return data


def probe(port, patience=PATIENCE):
    """One request on a new connection is answered, and rightly."""
    text = f"probe {random.random()}".encode()
    with Client(port, patience) as client:
        status, _, body = client.ask("/", text)
    if (status, body) != (200, text):
        raise Failure(f"a probe was answered {status} {body!r}")


def answers(port, patience=PATIENCE):
    """Whether a probe is answered."""
    try:
        probe(port, patience)
    except (OSError, Wrong):
        return False
    return True


def small(client, _):
    expect(client.ask("/"), 200, b"OK")


def posting(client, _):
    body = random.randbytes(random.choice((1, 100, 20_000)))
    expect(client.ask("/", body), 200, body)


def large_body(client, _):
    body = random.randbytes(300_000)
    # Asked for with the body still on its way: what is read beyond the first 64 KiB is waited for.
    expect(client.ask("/", body), 200, body)


def sleeping(client, _):
    expect(client.ask("/sleep/20"), 200, b"OK")


def detached(client, _):
    expect(client.ask("/detach/10"), 200, b"OK")


def large(client, _):
    expect(client.ask("/large/3000000"), 200, b"x" * 3_000_000)


def streaming(client, _):
    status, _, body = client.ask("/stream/200")
    if (status, len(body)) != (200, 200 * 1024):
        raise Wrong(f"stream: {status}, {len(body)} bytes")


def sending_file(client, context):
    answer = client.ask("/file")
    # The application's own open may be the one that fails.
    if answer[0] != 503:
        expect(answer, 200, context.content)


def uploading(client, _):
    status, _, body = client.ask("/upload", random.randbytes(100_000))
    if status not in (201, 507):
        raise Wrong(f"upload: {status} {body!r}")


KINDS = (small, posting, large_body, sleeping, detached, large, streaming, sending_file, uploading)


def expect(answer, status, body):
    got, _, text = answer
    # 408 and 503 are the server's word that it was not able to, and 500 the application's.
    if (got, text) != (status, body) and got not in (408, 500, 503):
        raise Wrong(f"{got}, {len(text)} bytes, beginning {text[:40]!r}")


class Load:
    """Clients of all kinds, each on connections of its own, until it is left. What is cut or refused
    is counted; what is wrong, or late, is an error."""

    def __init__(self, context, port, clients=len(KINDS), kinds=KINDS):
        self.context, self.port = context, port
        self.over = threading.Event()
        self.answered = self.cut = 0
        self.faults = []
        self.threads = [
            threading.Thread(target=self._client, args=(kinds[number % len(kinds)],), daemon=True)
            for number in range(clients)
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        end = time.monotonic() + PATIENCE + 5
        for thread in self.threads:
            thread.join(max(0, end - time.monotonic()))
        if kind is None and any(thread.is_alive() for thread in self.threads):
            raise Failure("a client hangs")
        if kind is None and self.faults:
            raise Failure(f"wrong answers: {self.faults[:3]}")

    def _client(self, kind):
        while not self.over.is_set():
            try:
                with Client(self.port) as client:
                    for _ in range(random.choice((1, 5))):
                        kind(client, self.context)
                        self.answered += 1
                        if self.over.wait(0.005):
                            return
            except TimeoutError:
                self.faults.append(f"{kind.__name__}: no answer in {PATIENCE} s")
            except (ConnectionError, BrokenPipeError):
                self.cut += 1
                self.over.wait(0.02)
            except (Wrong, ValueError) as error:
                self.faults.append(f"{kind.__name__}: {error}")
