"""Servers under measurement: started, asked for their clocks and counters, ended by their pid."""
import os
import pathlib
import re
import resource
import selectors
import signal
import socket
import subprocess
import time

DESCRIPTORS = 16384


class ServerFailed(Exception):
    """A server did not start, or did not end when it was told to."""


def raise_descriptor_limit():
    """Runs in a child before its program: the bench raises limits, the library never does."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = hard if hard != resource.RLIM_INFINITY else DESCRIPTORS
    wanted = min(DESCRIPTORS, allowed) if os.geteuid() else max(DESCRIPTORS, allowed)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, allowed)))


class Server:
    """A program that prints `listening on URL` once it accepts connections."""

    def __init__(self, *command):
        self.command = [str(word) for word in command]
        self.pid = self.port = self.started_in = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.end()

    def start(self):
        begun = time.monotonic()
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, preexec_fn=raise_descriptor_limit
        )
        try:
            line = read_line(self.process.stdout, 10)
            self.started_in = time.monotonic() - begun
            url = re.match(rb"listening on https?://[^:]+:(\d+)", line)
            if url is None:
                raise ServerFailed(f"{self.command}: did not start: {line!r}")
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        self.port = int(url[1])
        self.pid = self.process.pid

    def end(self, patience=15):
        """SIGTERM, then how many seconds it took to exit; its exit code is in self.code."""
        if self.process.poll() is None:
            begun = time.monotonic()
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise ServerFailed(f"{self.command}: still there {patience} s after SIGTERM")
            self.ended_in = time.monotonic() - begun
        self.process.stdout.close()
        self.code = self.process.returncode
        return self.code

    def cpu_us(self):
        """CPU time of all its threads, those that have ended too: Linux's clock of a process."""
        return time.clock_gettime_ns((~self.pid << 3) | 2) / 1000

    def resident_bytes(self):
        return self._status_kib("VmRSS") * 1024

    def most_resident_bytes(self):
        return self._status_kib("VmHWM") * 1024

    def threads(self):
        return len(list(pathlib.Path(f"/proc/{self.pid}/task").iterdir()))

    def descriptors(self):
        return len(list(pathlib.Path(f"/proc/{self.pid}/fd").iterdir()))

    def wake_ups(self):
        """How often its threads have gone to sleep, and so been woken, since they began."""
        total = 0
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            status = read_text(task / "status")
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)[1])
        return total

    def _status_kib(self, name):
        status = read_text(pathlib.Path(f"/proc/{self.pid}/status"))
        return int(re.search(rf"^{name}:\s+(\d+) kB", status, re.M)[1])


class Nginx(Server):
    """nginx with a configuration of its own: one worker, which is the process measured."""

    template = "nginx.conf.in"

    def __init__(self, program, folder, files="/nonexistent"):
        super().__init__(program)
        self.program, self.folder, self.files = program, folder, files

    def start(self):
        text = read_text(pathlib.Path(__file__).with_name(self.template))
        self.port = port = free_port()
        folder = pathlib.Path(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "nginx.conf"
        for name, value in self.settings().items():
            text = text.replace(name, str(value))
        configuration.write_text(text)
        self.process = subprocess.Popen(
            [self.program, "-p", folder, "-e", "stderr", "-c", configuration],
            stdout=subprocess.PIPE,
            env=self.environment(),
            preexec_fn=raise_descriptor_limit,
        )
        wait_for(lambda: self._worker() and answers(port), 10, "nginx does not answer")
        self.pid = self._worker()

    def settings(self):
        """What stands in the places of the template."""
        return {"@PORT@": self.port, "@FOLDER@": self.folder, "@FILES@": self.files}

    def environment(self):
        return None

    def _worker(self):
        if self.process.poll() is not None:
            raise ServerFailed("nginx did not start")
        children = read_text(f"/proc/{self.process.pid}/task/{self.process.pid}/children").split()
        return int(children[0]) if children else None


def read_text(path):
    return pathlib.Path(path).read_text()


def read_line(stream, seconds):
    """One line of a child's output, or what came of it until the deadline or its end."""
    deadline = time.monotonic() + seconds
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0, deadline - time.monotonic())):
                break
            byte = os.read(stream.fileno(), 1)
            if not byte:
                break
            line += byte
    return line


def wait_for(fact, seconds, message):
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            raise ServerFailed(message)
        time.sleep(0.01)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
