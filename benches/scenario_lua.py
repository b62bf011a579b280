"""What a request costs in Lua: hello through WSAPI beside nginx with its Lua module."""
import contextlib
import os
import pathlib

from load import measure_with_wrk
from server import Nginx, Server
from sitting import median

SECONDS = 2
LIMITS = {"luajit": 1.0, "lua5.4": 1.3}
MILLION = 1_000_000
MOST_GROWTH = 1024  # KiB: what allocators do; a leak of two bytes a request is twice that


def lua(sitting):
    """Hello through WSAPI, 10 threads, 64 keep-alive connections, against nginx's content_by_lua."""
    root = pathlib.Path(__file__).resolve().parent.parent
    peer = pathlib.Path(os.environ["NGINX_LUA"])
    with contextlib.ExitStack() as stack:
        servers = {
            name: stack.enter_context(hello(root, pathlib.Path(os.environ["LUA_MODULES"]), name))
            for name in LIMITS
        }
        servers["nginx"] = stack.enter_context(NginxLua(peer, sitting.output / "nginx-lua"))
        results = sitting.in_turn(
            {
                name: lambda server=server: measure_with_wrk(server, 64, SECONDS)
                for name, server in servers.items()
            }
        )
        growth = {name: growth_over_a_million(servers[name]) for name in LIMITS}
    cpu = {name: median(runs, "cpu_us") for name, runs in results.items()}
    rate = {name: median(runs, "rate") for name, runs in results.items()}
    for name, limit in LIMITS.items():
        sitting.hand_in(f"CPU / nginx, {name}", cpu[name] / cpu["nginx"], limit=limit)
        sitting.hand_in(f"growth over a million requests, {name}", growth[name], "KiB", limit=MOST_GROWTH)
    for name in servers:
        sitting.hand_in(f"CPU per request, {name}", cpu[name], "µs", note=f"{rate[name]:.0f}/s")


def growth_over_a_million(server):
    """Of a server that has served before; in KiB."""
    before, served = server.resident_bytes(), 0
    while served < MILLION:
        served += measure_with_wrk(server, 64, SECONDS)["requests"]
    return max(0, server.resident_bytes() - before) / 1024


def hello(root, modules, interpreter):
    return Server(
        "env",
        f"LUA_PATH={root}/bindings/lua/?.lua;;",
        f"LUA_CPATH={modules}/{interpreter}/?.so;;",
        interpreter,
        root / "examples" / "lua" / "serve.lua",
        "hello",
        0,
        "--numthreads",
        10,
    )


class NginxLua(Nginx):
    """nginx as it was unpacked, with its own libraries."""

    template = "nginx-lua.conf.in"

    def __init__(self, unpacked, folder):
        super().__init__(unpacked / "usr" / "sbin" / "nginx", folder)
        self.unpacked = unpacked

    def settings(self):
        return {**super().settings(), "@PROGRAM@": self.unpacked}

    def environment(self):
        folders = [str(path) for path in self.unpacked.glob("**/lib/*-linux-*")]
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(folders)}
