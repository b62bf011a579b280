"""The ways to a server: TCP, a UNIX socket, TLS."""

import contextlib
import pathlib
import re
import socket
import ssl
import subprocess
import tempfile

NAMES = ("tcp", "unix", "tls")


@contextlib.contextmanager
def way(name):
    """What a server has to be started with, and how its clients connect."""
    with tempfile.TemporaryDirectory() as folder:
        yield {"tcp": Tcp, "unix": Unix, "tls": Tls}[name](pathlib.Path(folder))


class Tcp:
    """`line` is what the server says of its address, `differs` what its applications see."""

    options = {}
    differs = {}
    pattern = r"listening on http://[^:]*:(\d+)/?\n"

    def __init__(self, folder):
        self.folder = folder

    def address(self, line):
        found = re.fullmatch(self.pattern, line)
        return found and ("127.0.0.1", int(found[1]))

    def connect(self, address, deadline):
        connected = socket.create_connection(address, deadline)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected


class Unix(Tcp):
    differs = {"REMOTE_ADDR": "", "REMOTE_PORT": "", "SERVER_PORT": ""}

    def __init__(self, folder):
        super().__init__(folder)
        self.path = str(folder / "socket")
        self.options = {"bind": "unix:" + self.path}

    def address(self, line):
        return line == f"listening on unix:{self.path}\n" and self.path

    def connect(self, address, deadline):
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(deadline)
        connected.connect(address)
        return connected


class Tls(Tcp):
    differs = {"wsgi.url_scheme": "https"}
    pattern = r"listening on https://[^:]*:(\d+)/?\n"

    def __init__(self, folder):
        super().__init__(folder)
        certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
            check=True, capture_output=True,
        )
        self.options = {"certificate": certificate, "private-key": key}
        self.context = ssl.create_default_context(cafile=certificate)

    def connect(self, address, deadline):
        return Secured(super().connect(address, deadline), self.context)


class Secured:
    """A socket under TLS that behaves like one without, half-closing included."""

    def __init__(self, connected, context):
        self.socket, self.goodbye = connected, False
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.push_all()
                received = connected.recv(1 << 16)
                if not received:
                    raise ConnectionError("the server left in the handshake") from None
                self.incoming.write(received)
        self.push_all()
        self.rest = b""

    def fileno(self):
        return self.socket.fileno()

    def setblocking(self, blocking):
        self.socket.setblocking(blocking)

    def send(self, data):
        """Takes all of it at once, unless what was taken before is not sent."""
        if not self.rest:
            self.tls.write(data)
            self.rest = self.outgoing.read()
            taken = len(data)
        else:
            taken = 0
        try:
            self.rest = self.rest[self.socket.send(self.rest) :]
        except BlockingIOError:
            pass
        if not taken:
            raise BlockingIOError
        return taken

    def recv(self, size):
        """All that is there: what stays behind would not wake anybody who waits for the socket."""
        data = b""
        while not self.goodbye:
            try:
                more = self.tls.read(size)
                self.goodbye = not more
                data += more
            except ssl.SSLZeroReturnError:
                self.goodbye = True
            except ssl.SSLWantReadError:
                if data:
                    return data
                received = self.socket.recv(size)
                if not received:
                    return b""
                self.incoming.write(received)
        return data

    def shutdown(self, _how):
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass  # the other side has not said goodbye yet
        self.push_all()
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def push_all(self):
        blocking = self.socket.gettimeout()
        self.socket.settimeout(10)
        self.socket.sendall(self.rest if hasattr(self, "rest") else b"")
        self.socket.sendall(self.outgoing.read())
        self.rest = b""
        self.socket.settimeout(blocking)
