"""The server under test, and what can be seen of it from outside."""

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import time

DEADLINE = 30  # seconds until what does not happen is a failure
TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PTRACER = 0x59616D61

LIBC = ctypes.CDLL(None)


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
        time.sleep(0.02)


class Host:
    """A server program that says where it listens. Its error log is a file, unless ``log`` is given."""

    def __init__(self, context, *options, launcher=(), environment=None, log=None, prepare=None):
        self.folder = context.new_folder()
        self.log_path = log or self.folder / "log"
        command = [*launcher, context.host, "faults", "0", *options]
        environment = {**os.environ, **context.environment, **(environment or {})}

        def in_child():
            # Where only parents may trace, this lets anybody.
            LIBC.prctl(PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
            if prepare:
                prepare()

        with open(self.log_path, "ab") as errors:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                preexec_fn=in_child,
            )
        self.port = self._port()
        self.pid = self.process.pid

    def _port(self):
        line = self.process.stdout.readline().decode()
        found = re.fullmatch(r"listening on https?://[\d.]+:(\d+)\n", line)
        if not found:
            self.process.kill()
            raise Failure(f"the server did not start: {line!r} {self.log()}")
        return int(found[1])

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if error is not None:
            error.args = (f"{error} (log: {self.log()[-12:]})",)

    def log(self):
        """The lines of its error log so far."""
        with contextlib.suppress(OSError):
            if pathlib.Path(self.log_path).is_file():
                return pathlib.Path(self.log_path).read_text(errors="replace").splitlines()
        return []

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu(self):
        """Seconds of CPU time that it has used."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def is_running(self):
        return self.process.poll() is None

    def stop(self, deadline=DEADLINE):
        """Ends it as its user would; it must end well and in time."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise Failure(f"it does not stop within {deadline} s") from None
        if code != 0:
            raise Failure(f"it ended with {code}")
