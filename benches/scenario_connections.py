"""Connections that cost nothing while they do nothing, or do harm; starting and stopping."""
import contextlib
import pathlib
import statistics
import subprocess
import sys
import time

from client import ask, client, status_of
from load import Load, measure
from server import ServerFailed, read_line
from sitting import median

IDLE = 10000


def idle(sitting):
    """10,000 idle keep-alive connections: their memory, and a busy client beside them."""
    busy = ("--connections", 64, "--seconds", 2)
    with sitting.hello("--numthreads", 10, "--timeout", 120) as server:
        results = sitting.in_turn(
            {
                "alone": lambda: measure(sitting.load, server, *busy),
                "beside": lambda: measure(sitting.load, server, *busy, "--idle", IDLE),
            }
        )
    # A fresh server that has been busy but has not yet had so many connections.
    with sitting.hello("--numthreads", 10, "--timeout", 120) as server:
        measure(sitting.load, server, *busy)
        before = server.resident_bytes()
        with Load(sitting.load, server, "--connections", 1, "--idle", IDLE, "--seconds", 1) as load:
            each = (server.resident_bytes() - before) / IDLE
            standing = load.run()["standing"]
    sitting.hand_in("resident memory of an idle connection", each, "bytes", limit=1024)
    sitting.hand_in("idle connections kept", standing - 1, limit=IDLE, at_least=True)
    sitting.hand_in(
        "busy client's throughput / alone",
        median(results["beside"], "rate") / median(results["alone"], "rate"),
        limit=0.95,
        at_least=True,
    )


def hostile(sitting):
    """500 clients send a byte a second, 500 read one, 500 say nothing; normal ones meanwhile."""
    program = pathlib.Path(__file__).with_name("hostile.py")
    with sitting.app("--numthreads", 10) as server, contextlib.ExitStack() as stack:
        attack = subprocess.Popen(
            [sys.executable, program, "--port", str(server.port), "--seconds", "20"],
            stdout=subprocess.PIPE,
        )
        stack.callback(end, attack)
        if read_line(attack.stdout, 30) != b"ready\n":
            raise ServerFailed("the hostile clients did not start")
        kept = ("--connections", 8, "--rate", 200, "--seconds", 12)
        fresh = ("--connections", 8, "--rate", 50, "--seconds", 12, "--reconnect", "--cold")
        loads = [stack.enter_context(Load(sitting.load, server, *each)) for each in (kept, fresh)]
        for load in loads:
            load.begin()
        kept, fresh = (load.result()["fast"] for load in loads)
        if attack.poll() is not None:
            raise ServerFailed("the hostile clients ended early")
    wrong = sum(each[what] for each in (kept, fresh) for what in ("errors", "refused"))
    sitting.hand_in("normal requests not answered", wrong, limit=0, note=f"of {kept['count']}")
    sitting.hand_in("longest, kept connection", kept["max_us"] / 1000, "ms", limit=100)
    sitting.hand_in("longest, new connection", fresh["max_us"] / 1000, "ms", limit=100)


def stop(sitting):
    """SIGTERM to exit with 100 idle connections; start to listening."""
    runs = []
    for _ in range(max(sitting.rounds, 3)):
        with sitting.hello("--numthreads", 10) as server, contextlib.ExitStack() as stack:
            for _ in range(100):
                connection = stack.enter_context(client(server))
                ask(connection, "/")
                status_of(connection)
            if server.end() != 0:
                raise ServerFailed(f"exit code {server.code}")
            runs.append((server.ended_in * 1000, server.started_in * 1000))
    sitting.hand_in("stop", statistics.median(run[0] for run in runs), "ms", limit=50)
    sitting.hand_in("start", statistics.median(run[1] for run in runs), "ms", limit=20)


def lowrate(sitting):
    """100 requests a second with the watchdog and without; an idle server's wake-ups."""
    arguments = ("--connections", 8, "--rate", 100, "--seconds", 6)
    with sitting.hello("--numthreads", 10) as watched:
        with sitting.hello("--numthreads", 10, "--takeover_after", 0) as unwatched:
            results = sitting.in_turn(
                {
                    "with": lambda: measure(sitting.load, watched, *arguments),
                    "without": lambda: measure(sitting.load, unwatched, *arguments),
                }
            )
        time.sleep(1)
        before = watched.wake_ups()
        time.sleep(5)
        woken = watched.wake_ups() - before
    mine, other = median(results["with"], "cpu_us"), median(results["without"], "cpu_us")
    sitting.hand_in(
        "CPU with the watchdog / without",
        mine / other,
        limit=1.05,
        note=f"{mine:.1f} and {other:.1f} µs",
    )
    sitting.hand_in("wake-ups of an idle server in 5 s", woken, limit=0)


def end(process):
    process.terminate()
    process.wait(20)
    process.stdout.close()
