"""Programs that are started for a check and ended with it, and waiting for facts."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

DEADLINE = 20  # seconds until what does not happen is a failure

# What systemd does before it starts a service: its socket is descriptor 3, and only this process is
# meant.
AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


class Failure(Exception):
    """A check has failed."""


def until(fact, what, deadline=DEADLINE):
    """Waits until ``fact()`` is true, and returns what it gave."""
    end = time.monotonic() + deadline
    while True:
        found = fact()
        if found:
            return found
        if time.monotonic() > end:
            raise Failure(f"not within {deadline} s: {what}")
        time.sleep(0.01)


@contextlib.contextmanager
def folder():
    """A folder that is gone afterwards. Others may enter it, as nginx's workers may be others."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield pathlib.Path(path)


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def certificate(folder):
    """A file with a certificate for localhost and its key behind it."""
    both = folder / "app.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder / "key", "-out", folder / "certificate"],
        check=True, capture_output=True)
    both.write_bytes((folder / "certificate").read_bytes() + (folder / "key").read_bytes())
    return both


class Program:
    """A process with its output in a file."""

    def __init__(self, command, **how):
        self.output = tempfile.TemporaryFile()
        self.command = [str(word) for word in command]
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT, **how)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.output.close()

    def text(self):
        """What it has said so far."""
        return os.pread(self.output.fileno(), 1 << 20, 0).decode(errors="replace")

    def said(self, pattern):
        """Waits for a line and returns the match."""

        def look():
            found = re.search(pattern, self.text())
            if not found and self.process.poll() is not None:
                raise Failure(f"{self.command[0]} ended with {self.process.returncode}: {self.text()}")
            return found

        return until(look, f"{self.command[0]} says {pattern!r}")

    def stop(self, number=signal.SIGTERM, code=0):
        """Asks it to end, and sees that it ends well."""
        self.process.send_signal(number)
        self.ended(code)

    def ended(self, code=0):
        """Waits for its end, and sees that it ends well."""
        try:
            ended = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.command[0]} does not end: {self.text()}") from None
        if ended != code:
            raise Failure(f"{self.command[0]} ended with {ended}: {self.text()}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def sockets(self):
        """The sockets that the process has, as the kernel numbers them."""
        found = set()
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{self.pid}/fd/{name}")
                if target.startswith("socket:"):
                    found.add(target)
        return found


class Server(Program):
    """One of our servers. ``address`` is where it listens: a port's number, or a path."""

    def __init__(self, command, pattern, **how):
        super().__init__(command, **how)
        found = self.said(pattern)[1]
        self.address = int(found) if found.isdigit() else found
        self.before = self.sockets()

    def connections(self):
        """The sockets that have come since it listens."""
        return self.sockets() - self.before


def serve(tools, application="fixture", bind=None, **options):
    """The C program behind ./dev serve. `bind` is a path, else it is a port."""
    command = [tools.programs / "serve", application, 0]
    if bind is not None:
        command += ["--bind", f"unix:{bind}"]
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), value]
    return Server(command, r"listening on (?:unix:|http://[0-9.]+:)(\S+)\n")


def example(tools, name, *arguments):
    """A program of examples/c."""
    return Server([tools.programs / name, "--port", 0, *arguments], r"http://[0-9.]+:(\d+)/")


def command(tools, *arguments, wrapped=(), **how):
    """Python's command `wsgiserver`, on a free port unless it is handed a socket or told where."""
    bind = [] if wrapped or "--bind" in arguments else ["--bind", "127.0.0.1:0"]
    words = [*wrapped, tools.python.parent / "wsgiserver", *arguments, *bind]
    return Server(words, r"serving \S+ on (?:unix:|http://[0-9.]+:)([^\s/]+|/\S+?)/? with", **how)


def has_option(tools, name):
    """Whether Python's command knows an argument."""
    words = [tools.python.parent / "wsgiserver", "--help"]
    return name in subprocess.run(words, capture_output=True, text=True, check=True).stdout


@contextlib.contextmanager
def held_socket(path=None):
    """A listening socket that outlives the servers that are given it, as systemd holds it; and how
    a command has to be wrapped to get it."""
    with socket.socket(socket.AF_UNIX if path else socket.AF_INET) as held:
        held.bind(str(path) if path else ("127.0.0.1", 0))
        if path:
            os.chmod(path, 0o666)  # nginx's workers are somebody else
        held.listen(1024)
        wrapped = [sys.executable, "-c", AS_SYSTEMD, str(held.fileno())]
        yield held, wrapped, {"pass_fds": (held.fileno(),)}
