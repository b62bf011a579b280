"""Go: a handler on this server and the same one on net/http, in programs of the same compiler."""
import contextlib
import urllib.request

from load import Load, measure
from server import Server
from sitting import median

SECONDS = 2
WARM, MANY = 100_000, 1_000_000
MIB = 1024 * 1024


def go(sitting):
    """A Go handler, 64 connections, against net/http of the same Go; a million requests."""
    for release in ("debian", "current"):
        beside_net_http(sitting, release)
    footprint(sitting)


def beside_net_http(sitting, release):
    program = sitting.program(f"go_hello_{release}")
    with contextlib.ExitStack() as stack:
        servers = {
            name: stack.enter_context(Server(program, 0, name)) for name in ("wsgiserver", "net/http")
        }
        results = sitting.in_turn(
            {
                name: lambda server=server: measure(
                    sitting.load, server, "--connections", 64, "--seconds", SECONDS
                )
                for name, server in servers.items()
            }
        )
    cpu = {name: median(runs, "cpu_us") for name, runs in results.items()}
    p99 = {name: median(runs, "fast", "p99_us") for name, runs in results.items()}
    name = {"debian": "Debian's Go", "current": "current Go"}[release]
    note = "{wsgiserver:.1f} and {net/http:.1f} µs"
    sitting.hand_in(
        f"{name}: CPU / net/http", cpu["wsgiserver"] / cpu["net/http"], limit=1.0, note=note.format(**cpu)
    )
    sitting.hand_in(
        f"{name}: p99 / net/http", p99["wsgiserver"] / p99["net/http"], limit=1.0, note=note.format(**p99)
    )


def footprint(sitting):
    """What a million requests leave behind."""
    with Server(sitting.program("go_hello_current"), 0, "wsgiserver") as server:
        ask(sitting, server, WARM)
        before = held(server)
        ask(sitting, server, MANY)
        after = held(server)
    growth = {name: after[name] - before[name] for name in after}
    sitting.hand_in("a million requests: goroutines more", growth["goroutines"], limit=0)
    sitting.hand_in("a million requests: threads more", growth["threads"], limit=2)
    sitting.hand_in("a million requests: memory more", growth["resident"] / MIB, "MiB", limit=4)


def ask(sitting, server, requests):
    with Load(sitting.load, server, "--connections", 64, "--requests", requests) as load:
        load.run()


def held(server):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/goroutines", timeout=10) as answer:
        goroutines = int(answer.read())
    return {"goroutines": goroutines, "threads": server.threads(), "resident": server.resident_bytes()}
