"""What a request costs: beside the bare loop and the peers, and over the number of connections."""
import contextlib

from client import server_field
from load import measure, measure_with_wrk
from server import Nginx, Server
from sitting import median

SECONDS = 2
COUNTS = (1, 10, 64, 1000, 10000)


def hello(sitting):
    """C hello, 10 threads, 64 keep-alive connections, against the bare loop and the peers."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(sitting.hello("--numthreads", 10))
        bare = stack.enter_context(sitting.bare_loop("--server", server_field(ours)))
        servers = {
            "libwsgiserver": ours,
            "bare loop": bare,
            "nginx": stack.enter_context(Nginx(sitting.nginx, sitting.output / "nginx")),
            "libmicrohttpd, epoll": stack.enter_context(microhttpd(sitting, "epoll")),
            "libmicrohttpd, pool of 10": stack.enter_context(microhttpd(sitting, "pool", 10)),
        }
        results = sitting.in_turn(
            {
                name: lambda server=server: measure_with_wrk(server, 64, SECONDS)
                for name, server in servers.items()
            }
        )
    cpu = {name: median(runs, "cpu_us") for name, runs in results.items()}
    rate = {name: median(runs, "rate") for name, runs in results.items()}
    mine = cpu["libwsgiserver"]
    sitting.hand_in("CPU / bare loop", mine / cpu["bare loop"], limit=1.15)
    sitting.hand_in("CPU / nginx", mine / cpu["nginx"], limit=0.999)
    for name in ("libmicrohttpd, epoll", "libmicrohttpd, pool of 10"):
        sitting.hand_in(f"CPU / {name}", mine / cpu[name])
    for name in servers:
        sitting.hand_in(f"CPU per request, {name}", cpu[name], "µs", note=f"{rate[name]:.0f}/s")


def connections(sitting):
    """The cost of a request with 1 to 10,000 busy connections; its growth beside the floor's."""
    with sitting.hello("--numthreads", 10) as ours, sitting.bare_loop() as bare:
        runs = {}
        for count in COUNTS:
            for name, server in (("ours", ours), ("bare", bare)):
                runs[name, count] = lambda server=server, count=count: measure(
                    sitting.load, server, "--connections", count, "--seconds", SECONDS
                )
        results = sitting.in_turn(runs)
    cpu = {key: median(runs, "cpu_us") for key, runs in results.items()}
    ratio = {count: cpu["ours", count] / cpu["bare", count] for count in COUNTS}
    for count in COUNTS:
        # The loopback itself gets dearer with many sockets, so flat means: as flat as the floor.
        sitting.hand_in(
            f"CPU / bare loop with {count}, over the same with 64",
            ratio[count] / ratio[64],
            limit=None if count == 64 else 1.15,
            note=f"{cpu['ours', count]:.1f} and {cpu['bare', count]:.1f} µs",
        )


def microhttpd(sitting, *mode):
    return Server(sitting.program("microhttpd_hello"), 0, *mode)
