"""The Python server beside other Python servers, and what it does when the application is slow."""
import contextlib
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from client import client, head_of
from load import measure, measure_with_wrk
from server import Server, ServerFailed, answers, read_text, wait_for
from sitting import median

HERE = pathlib.Path(__file__).resolve().parent
MIB = 1024 * 1024
LARGE = 100 * MIB
SECONDS = 2
THREADS = 10
MILLION = 1_000_000
SWITCH_INTERVAL = 0.005


class PythonServer(Server):
    """One of the servers of benches/python/serve.py; its children count as it."""

    def __init__(self, sitting, name, threads=THREADS):
        super().__init__(sitting.python, HERE / "python" / "serve.py", name, threads)

    def start(self):
        super().start()
        wait_for(lambda: answers(self.port), 10, f"{self.command} does not answer")

    def cpu_us(self):
        return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in self.family()) / 1000

    def family(self):
        pids = [self.pid]
        for pid in pids:
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                pids += map(int, read_text(task / "children").split())
        return pids


def python(sitting):
    """The Python server: hello beside bjoern, Granian and cheroot, slow applications, large bodies."""
    sitting.python = sitting.programs.parent / "python" / "peers" / "bin" / "python"
    hello(sitting)
    sleep(sitting)
    compute(sitting)
    large_bodies(sitting)
    memory(sitting)


def hello(sitting):
    names = ("ours", "bjoern", "granian", "cheroot")
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(PythonServer(sitting, name)) for name in names}
        results = sitting.in_turn(
            {
                name: lambda server=server: measure_with_wrk(server, 64, SECONDS)
                for name, server in servers.items()
            }
        )
    cpu = {name: median(runs, "cpu_us") for name, runs in results.items()}
    rate = {name: median(runs, "rate") for name, runs in results.items()}
    for name, limit in (("bjoern", 0.9), ("granian", 0.65), ("cheroot", 1 / 30)):
        note = f"{cpu['ours']:.1f} and {cpu[name]:.1f} µs, {rate['ours']:.0f} and {rate[name]:.0f}/s"
        sitting.hand_in(f"hello: CPU / {name}", cpu["ours"] / cpu[name], limit=limit, note=note)


def sleep(sitting):
    with PythonServer(sitting, "ours", 50) as server:
        run = ("--connections", 50, "--seconds", SECONDS, "--path", "/sleep")
        results = sitting.in_turn({"ours": lambda: measure(sitting.load, server, *run)})
    rate = median(results["ours"], "rate")
    note = f"{rate:.0f}/s"
    sitting.hand_in("10 ms asleep, 50 threads: throughput / ideal", rate / 5000, limit=0.95,
                    at_least=True, note=note)


def compute(sitting):
    for length in (1, 5):
        path = f"/compute{length}"
        with PythonServer(sitting, "ours", 10) as ten, PythonServer(sitting, "ours", 1) as one:
            run = ("--connections", 10, "--seconds", SECONDS, "--path", path)
            results = sitting.in_turn(
                {
                    10: lambda: measure(sitting.load, ten, *run),
                    1: lambda: measure(sitting.load, one, *run),
                    "beside": lambda: fast_beside(ten, path),
                }
            )
        rate = {threads: median(results[threads], "rate") for threads in (10, 1)}
        sitting.hand_in(
            f"{length} ms of computing: throughput, ten threads / one",
            rate[10] / rate[1],
            limit=0.97,
            at_least=True,
            note=f"{rate[10]:.0f} and {rate[1]:.0f}/s",
        )
        worst = median(results["beside"], "p99")
        sitting.hand_in(
            f"{length} ms of computing: p99 of a fast route / switch interval",
            worst / SWITCH_INTERVAL,
            limit=3,
            note=f"{worst * 1000:.1f} ms",
        )


def fast_beside(server, path):
    """One connection that computes all the time, one that asks for what is fast."""
    base = f"http://127.0.0.1:{server.port}"
    wrk = ["wrk", "-t1", "-c1"]
    beside = subprocess.Popen([*wrk, "-d4", base + path], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    run = subprocess.run([*wrk, "-d2", "--latency", base + "/"], capture_output=True, text=True)
    beside.wait(20)
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", run.stdout).groups()
    return {"p99": float(value) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit]}


def large_bodies(sitting):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        file = pathlib.Path(folder) / "large"
        file.write_bytes(bytes(MIB) * 100)
        servers = {
            name: stack.enter_context(PythonServer(sitting, name)) for name in ("ours", "cheroot", "bare")
        }
        results = sitting.in_turn(
            {
                (what, name): lambda what=what, server=server: transfer(server, what, file)
                for what in ("upload", "download")
                for name, server in servers.items()
            }
        )
    for what in ("upload", "download"):
        rate = {name: median(results[what, name], "rate") for name in servers}
        cpu = {name: median(results[what, name], "cpu_us") for name in servers}
        title = f"{what} of 100 MiB"
        note = " and ".join(f"{rate[name]:.0f}" for name in ("ours", "cheroot")) + " MiB/s"
        ratio = rate["ours"] / rate["cheroot"]
        sitting.hand_in(f"{title}: throughput / cheroot", ratio, limit=3, at_least=True, note=note)
        note = f"{rate['bare']:.0f} MiB/s"
        sitting.hand_in(f"{title}: throughput / bare sockets", rate["ours"] / rate["bare"], note=note)
        sitting.hand_in(f"{title}: CPU / cheroot", cpu["ours"] / cpu["cheroot"])


def transfer(server, what, file):
    began, spent = time.monotonic(), server.cpu_us()
    with client(server) as connection:
        total = upload(connection) if what == "upload" else download(connection, file)
    seconds = time.monotonic() - began
    if total != LARGE:
        raise ServerFailed(f"{what}: {total} bytes of {LARGE}")
    return {"rate": LARGE / MIB / seconds, "cpu_us": server.cpu_us() - spent}


def upload(connection):
    connection.sendall(f"POST /upload HTTP/1.0\r\nContent-Length: {LARGE}\r\n\r\n".encode())
    piece = bytes(MIB)
    for _ in range(LARGE // MIB):
        connection.sendall(piece)
    answer = b"".join(iter(lambda: connection.recv(MIB), b""))
    return int(answer.rpartition(b"\r\n\r\n")[2])


def download(connection, file):
    connection.sendall(f"GET /download?{file} HTTP/1.0\r\n\r\n".encode())
    total = len(head_of(connection).partition(b"\r\n\r\n")[2])
    buffer = bytearray(MIB)
    while count := connection.recv_into(buffer):
        total += count
    return total


def memory(sitting):
    with PythonServer(sitting, "ours") as server:
        run = ("--connections", 64, "--seconds", 120, "--requests")
        measure(sitting.load, server, *run, MILLION // 10)
        before = server.resident_bytes()
        measure(sitting.load, server, *run, MILLION)
        grown = (server.resident_bytes() - before) / MIB
    sitting.hand_in("memory after a million requests, growth", grown, "MiB", limit=1)


if __name__ == "__main__":
    sys.exit("run it by ./dev bench python")
