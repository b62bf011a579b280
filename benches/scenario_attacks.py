"""Attacks, each by ten times as many clients as the server has threads, and a probe beside them."""
import contextlib
import csv
import dataclasses
import pathlib
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from client import ask, head_of
from scenario_tls import make_certificate
from server import ServerFailed, raise_descriptor_limit, read_line

THREADS = 10
ATTACKERS = 10 * THREADS
SECONDS = 4
BETWEEN_PROBES = 0.02
UPLOAD = b"x" * 1_000_000
# What a probe's answer may take, in milliseconds.
MOST = 100
# The flood's own address has its share, and the others keep theirs.
FLOOD = {"max_connections": 80, "max_connections_per_ip": 60}
SHORT = {"timeout": 2}
SCARCE = {"max_buffered": 50_000_000}
SCARCER = {"max_buffered": 1_000_000}
# What may be held for each connection that is past max_buffered, in bytes, the connection included.
EACH = 16 * 1024


@dataclasses.dataclass
class Attack:
    name: str
    # A function of soak_attacks.py.
    kind: str
    tls: bool = False
    # The attackers' own address.
    own: str = None
    options: dict = dataclasses.field(default_factory=dict)
    count: int = ATTACKERS
    # The probe uploads a megabyte as well.
    uploads: bool = False
    # The server's limit of descriptors.
    descriptors: int = None
    # Bytes that the server may hold at the most besides what it began with.
    memory: int = None


ATTACKS = (
    Attack("slow heads", "slow_head"),
    Attack("slow heads that are cut off", "slow_head", options=SHORT),
    Attack("slow bodies", "slow_body"),
    Attack("slow bodies read by the application", "slow_upload", uploads=True),
    Attack("uploads that drip", "dripping_upload", uploads=True),
    Attack("slow readers", "slow_reader"),
    Attack("slow readers, for whom memory is short", "slow_reader", options=SCARCE),
    # Two more than there are threads: the application makes what is kept for the others at full speed.
    Attack("slow readers of streams", "long_stream_reader", count=THREADS + 2),
    Attack("slow readers of streams, for whom memory is short", "long_stream_reader", options=SCARCER),
    Attack("slow readers of streams over TLS", "long_stream_reader", tls=True, options=SCARCER),
    Attack("bursts", "burst", count=1000, options=SCARCER, memory=1_000_000 + 1000 * EACH),
    Attack("clients that expect 100 and leave", "expecting"),
    Attack("silent connections", "silent"),
    Attack("silent TLS connections", "silent", tls=True),
    Attack("TLS garbage", "garbage", tls=True),
    Attack("slow heads in TLS", "slow_head", tls=True),
    Attack("a flood over max_connections", "knocking", own="127.0.0.2", options=FLOOD),
    Attack("half heads, no descriptors left", "knocking", count=1500, descriptors=1024),
    Attack("half bodies, no descriptors left", "slow_body", count=1500, descriptors=1024),
    Attack("half hellos of TLS, no descriptors left", "half_hello", tls=True, count=1500, descriptors=1024),
    Attack("a pipelining flood", "pipelining_flood"),
    Attack("a flood of header fields", "header_flood"),
    Attack("a flood of chunk extensions", "chunk_flood"),
    Attack("resets in mid-answer", "resetting"),
    Attack("half-closed clients", "half_closed"),
)
# slowhttptest: few connections and short times; its own probe must be answered in a second.
SLOW = ["-c", str(ATTACKERS), "-l", str(SECONDS), "-i", "1", "-n", "1", "-p", "1"]
# Mode, what it does, a path, connections a second. It ends when it has none left, which with ranges
# is at once after the last of them.
SLOW_MODES = (
    ("-H", "slow heads", "/", ATTACKERS),
    ("-B", "slow bodies", "/upload", ATTACKERS),
    ("-X", "slow reading", "/large/4000000", ATTACKERS),
    ("-R", "many ranges", "/", ATTACKERS // SECONDS),
)


def attacks(sitting):
    """100 attackers of each kind against 10 threads: a probe's longest answer; slowhttptest."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        certificate = dict(zip(("certificate", "private_key"), make_certificate(folder)))
        for attack in ATTACKS:
            options = attack.options | (certificate if attack.tls else {})
            words = [word for key, value in options.items() for word in (f"--{key}", value)]
            with sitting.app("--numthreads", THREADS, *words) as server:
                if attack.descriptors:
                    limits = (attack.descriptors, attack.descriptors)
                    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
                under_attack(sitting, server, attack)
        for mode in SLOW_MODES:
            with sitting.app("--numthreads", THREADS) as server:
                slowhttptest(sitting, server, folder, *mode)


def under_attack(sitting, server, attack):
    before = server.most_resident_bytes()
    with hostile(server, attack) as process:
        probe = Probe(server, attack.tls)
        probe.run(time.monotonic() + SECONDS, attack.uploads)
        if process.poll() is not None:
            raise ServerFailed(f"the attackers ended early: {attack.name}")
    note = f"kept connections {probe.kept:.1f}, new ones {probe.new:.1f}; {probe.count} answers"
    if attack.uploads:
        note = f"uploads {probe.upload:.1f}, {note}"
    if probe.wrong:
        note = f"{probe.wrong} went wrong, the first: {probe.first}"
    # What is not answered counts as longer than anything that may be.
    longest = max(probe.kept, probe.new, probe.upload)
    longest = longest if not probe.wrong else 1000 * Probe.PATIENCE
    sitting.hand_in(f"{attack.name}: longest answer", longest, "ms", limit=MOST, note=note)
    if attack.memory:
        grown = server.most_resident_bytes() - before
        sitting.hand_in(f"{attack.name}: memory", grown / 1e6, "MB", limit=attack.memory / 1e6)


@contextlib.contextmanager
def hostile(server, attack):
    """The attackers, for as long as the block takes."""
    program = pathlib.Path(__file__).with_name("attackers.py")
    command = [sys.executable, program, attack.kind, "--port", server.port, "--count", attack.count]
    command += ["--seconds", 10 * SECONDS] + ["--tls"] * attack.tls
    command += ["--own", attack.own] if attack.own else []
    process = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, preexec_fn=raise_descriptor_limit
    )
    try:
        if read_line(process.stdout, 60) != b"ready\n":
            raise ServerFailed(f"the attackers did not start: {attack.kind}")
        yield process
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@dataclasses.dataclass
class Probe:
    """A client that asks again and again, on one connection and on new ones."""

    PATIENCE = 10

    server: object
    tls: bool
    kept: float = 0
    new: float = 0
    upload: float = 0
    count: int = 0
    wrong: int = 0
    first: str = ""

    def __post_init__(self):
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.server.port), self.PATIENCE)
        return self.context.wrap_socket(plain) if self.tls else plain

    def run(self, until, uploads):
        with self.connect() as kept:
            while time.monotonic() < until:
                self.kept = max(self.kept, self.milliseconds(lambda: asked(kept)))
                self.new = max(self.new, self.milliseconds(self.ask_anew))
                if uploads:
                    self.upload = max(self.upload, self.milliseconds(self.upload_anew))
                time.sleep(BETWEEN_PROBES)

    def ask_anew(self):
        with self.connect() as connection:
            return asked(connection)

    def upload_anew(self):
        head = f"POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(UPLOAD)}\r\n\r\n"
        with self.connect() as connection:
            connection.sendall(head.encode() + UPLOAD)
            return head_of(connection)

    def milliseconds(self, ask_once):
        """How long one answer took; 0 if there was none, which is counted."""
        begun = time.monotonic()
        try:
            answer = ask_once()
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise OSError(f"answered {answer[:40]!r}")
        except OSError as error:
            self.wrong += 1
            self.first = self.first or str(error)
            return 0
        self.count += 1
        return (time.monotonic() - begun) * 1000


def asked(connection):
    ask(connection, "/")
    return head_of(connection)


def slowhttptest(sitting, server, folder, mode, about, path, rate):
    """One of its four modes; what it says of each second, whether the service was available."""
    prefix = folder / "slow"
    url = f"http://127.0.0.1:{server.port}{path}"
    subprocess.run(
        ["slowhttptest", mode, *SLOW, "-r", str(rate), "-g", "-o", prefix, "-v", "1", "-u", url],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=60,
    )
    with open(f"{prefix}.csv", newline="") as lines:
        seconds = list(csv.DictReader(lines))
    if len(seconds) < SECONDS - 1:
        raise ServerFailed(f"slowhttptest {mode}: only {len(seconds)} lines of figures")
    away = sum(second["Service Available"] == "0" for second in seconds)
    most = max(int(second["Connected"]) for second in seconds)
    sitting.hand_in(f"slowhttptest {mode}, {about}: seconds without service", away, limit=0,
                    note=f"of {len(seconds)}; up to {most} connections")
