"""The server under the soak, and how clients reach it: by TCP, by its UNIX socket and by TLS."""
import contextlib
import pathlib
import queue
import re
import socket
import ssl
import subprocess
import threading
import time

from server import Server, ServerFailed, raise_descriptor_limit

DEADLINE = 30
# The answer to a command takes no longer: `replace` drains for twelve seconds, a stop has five for
# each of three servers.
PATIENCE = 90


class SoakServer(Server):
    """benches/soak_host.c: obeys the commands of its input."""

    def __init__(self, program, folder, options=()):
        super().__init__(program, folder, *options)
        self.folder = pathlib.Path(folder)
        # Begin and end of each time when connections may close before a request is answered.
        self.interruptions = []

    def start(self):
        self.make_certificate()
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=raise_descriptor_limit
        )
        self.pid = self.process.pid
        self.lines = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        line = self._line(10)
        found = re.match(r"listening on http://([^:]+):(\d+) https://[^:]+:(\d+) unix:(\S+)$", line)
        if not found:
            raise ServerFailed(f"did not start: {line!r}")
        self.port = int(found[2])
        self.addresses = {
            "tcp": (found[1], self.port),
            "tls": (found[1], int(found[3])),
            "unix": found[4],
        }

    def make_certificate(self):
        """A new certificate in the place of the old one: what `reload` then reads."""
        name = f"soak{time.monotonic_ns()}"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            + ["-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost"]
            + ["-keyout", self.folder / "new.key", "-out", self.folder / "new.pem"],
            check=True,
            capture_output=True,
        )
        (self.folder / "new.key").replace(self.folder / "server.key")
        (self.folder / "new.pem").replace(self.folder / "server.pem")
        return name

    def tell(self, command):
        """Raises ServerFailed unless it is done."""
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        answer = self._line(PATIENCE)
        if answer != "ok":
            raise ServerFailed(f"{command}: {answer}")

    @contextlib.contextmanager
    def interrupting(self):
        begin_and_end = [time.monotonic(), float("inf")]
        self.interruptions.append(begin_and_end)
        yield
        begin_and_end[1] = time.monotonic()

    def interrupted_since(self, moment):
        return any(end >= moment for _, end in self.interruptions)

    def connect(self, way):
        if way == "unix":
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(DEADLINE)
            connection.connect(self.addresses["unix"])
            return connection
        connection = socket.create_connection(self.addresses[way], DEADLINE)
        return client_context().wrap_socket(connection) if way == "tls" else connection

    def finish(self):
        """Ends it by its command; its exit code is in self.code."""
        self.process.stdin.write(b"end\n")
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise ServerFailed(f"still there {PATIENCE} s after `end`")
        self.code = self.process.returncode
        return self.code

    def end(self, patience=15):
        """The way out after a failure."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def _listen(self):
        with contextlib.suppress(ValueError, OSError):
            for line in self.process.stdout:
                self.lines.put(line.decode().strip())

    def _line(self, seconds):
        try:
            return self.lines.get(timeout=seconds)
        except queue.Empty:
            raise ServerFailed(f"no answer within {seconds} s")


def client_context():
    """One for each connection: it keeps no sessions, and the certificate changes all the time."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
