"""nginx in front, by examples/deploy/nginx.conf."""

import contextlib
import functools
import signal

import programs
import proxied
from client import Client, ask, check
from programs import Program, free_port, until
from recipes import recipe

# What Debian's /etc/nginx/nginx.conf does, for one process that has a folder of its own.
AROUND = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/app.conf;
}}
"""


@contextlib.contextmanager
def front(tools, address, **replaced):
    """nginx before a server on a path or a port of this machine."""
    with programs.folder() as folder:
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
        where = f"127.0.0.1:{address}" if isinstance(address, int) else f"unix:{address}"
        for _ in range(5):
            port = free_port()
            site = {"unix:/run/app/app.sock;": where + ";", "listen 80;": f"listen 127.0.0.1:{port};"}
            (folder / "app.conf").write_text(recipe("nginx.conf", {**site, **replaced}))
            with Program([tools.nginx, "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]) as nginx:
                until(lambda: _listens(port) or nginx.process.poll() is not None, "nginx listens")
                if nginx.process.poll() is not None and "Address already in use" in nginx.text():
                    continue
                check(nginx.process.poll() is None, nginx.text())
                yield port
                nginx.stop(signal.SIGTERM)
                return


def _listens(port):
    with contextlib.suppress(OSError):
        Client(port).connect()
        return True
    return False


def checks(tools):
    """Pairs of what is checked and how."""
    over = functools.partial(front, tools)
    for each in (proxied.streams, proxied.leaves_while_it_waits, proxied.websocket,
                 proxied.large_bodies, proxied.asks_before_it_sends):
        yield each.__doc__, functools.partial(each, tools, over)
    for each in (forwarded, reuses, idle, closes_first, restarted, away):
        yield each.__doc__, functools.partial(each, tools, over)


@contextlib.contextmanager
def _path():
    with programs.folder() as folder:
        yield folder / "app.sock"


def forwarded(tools, over):
    """Over a UNIX socket: the client's address, scheme and host in X-Forwarded-*, as nginx saw them"""
    with _path() as path, programs.serve(tools, bind=path) as server, over(server.address) as port:
        with Client(port) as client:
            seen = client.environ(
                X_Forwarded_For="6.6.6.6", X_Forwarded_Proto="https", Forwarded="for=6.6.6.6",
                Host="shop.example:81")
        check(seen["HTTP_X_FORWARDED_FOR"] == "127.0.0.1", seen)
        check(seen["HTTP_X_FORWARDED_PROTO"] == "http", seen)
        check(seen["HTTP_X_FORWARDED_HOST"] == seen["HTTP_HOST"] == "shop.example:81", seen)
        check("6.6.6.6" not in str(seen) and seen["REMOTE_ADDR"] == "", seen)


def reuses(tools, over):
    """One connection to the server carries the requests of one client"""
    with _path() as path, programs.serve(tools, bind=path, keep_alive_timeout=75) as server:
        proxied.reuses_connections(server, over)


def idle(tools, over):
    """No request fails where the server closes idle connections before nginx does"""
    with _path() as path:
        proxied.outlives_idle_connections(tools, over, bind=path)


def closes_first(tools, over):
    """With the recipe's order of time-outs it is nginx that closes an idle connection"""
    with _path() as path, programs.serve(tools, bind=path, keep_alive_timeout=75) as server:
        with over(server.address, **{"keepalive_timeout 60s;": "keepalive_timeout 100ms;"}) as port:
            check(ask(port, "/")[0] == 200)
            until(lambda: not server.connections(), "nginx closes its idle connection")


def restarted(tools, over):
    """The server is replaced under load, its socket held by another: no request fails"""
    with _path() as path, programs.held_socket(path) as (held, wrapped, how):
        def start():
            return programs.command(tools, *tools.application, wrapped=wrapped, **how)
        proxied.restarts(over, held.getsockname(), start)


def away(tools, over):
    """Without a server clients get 502, and with the next one they are served again"""
    with _path() as path:
        with over(path) as port:
            check(ask(port, "/")[0] == 502)
            with programs.serve(tools, bind=path):
                check(ask(port, "/")[0] == 200)
