"""HAProxy in front, by examples/deploy/haproxy.cfg."""

import contextlib
import functools
import signal
import socket
import types

import programs
import proxied
from client import Client, Load, ask, check, trusting
from programs import Program, free_port, until
from recipes import recipe

@contextlib.contextmanager
def front(tools, one, two=None, **replaced):
    """HAProxy before servers on ports or paths of this machine. It has the ports for clients, the
    certificate, and `tell` for the administrator."""
    with programs.folder() as folder:
        certificate = programs.certificate(folder)
        for _ in range(5):
            port, secure = free_port(), free_port()
            text = recipe("haproxy.cfg", {
                "maxconn 10000": "maxconn 200",  # so that few descriptors will do
                "bind :80": f"bind 127.0.0.1:{port}", "bind :443": f"bind 127.0.0.1:{secure}",
                "/etc/haproxy/app.pem": certificate, "/run/haproxy/admin.sock": folder / "admin.sock",
                "127.0.0.1:8001": _where(one), "unix@/run/app/two.sock": _where(two or one),
                **replaced})
            if two is None:
                text = "".join(line + "\n" for line in text.splitlines() if "server two" not in line)
            (folder / "haproxy.cfg").write_text(text)
            with Program([tools.haproxy, "-db", "-f", folder / "haproxy.cfg"]) as haproxy:
                until(lambda: _listens(port) or haproxy.process.poll() is not None, "HAProxy listens")
                if haproxy.process.poll() is not None and "Address already in use" in haproxy.text():
                    continue
                check(haproxy.process.poll() is None, haproxy.text())
                yield types.SimpleNamespace(
                    port=port, secure=secure, certificate=certificate,
                    tell=functools.partial(_tell, folder / "admin.sock"))
                haproxy.stop(signal.SIGTERM, -signal.SIGTERM)
                return


def _where(address):
    return f"127.0.0.1:{address}" if isinstance(address, int) else f"unix@{address}"


def _listens(port):
    with contextlib.suppress(OSError):
        Client(port).connect()
        return True
    return False


def _tell(path, command):
    """What HAProxy answers to a command on its socket."""
    with socket.socket(socket.AF_UNIX) as administrator:
        administrator.settimeout(programs.DEADLINE)
        administrator.connect(str(path))
        administrator.sendall(command.encode() + b"\n")
        return b"".join(iter(lambda: administrator.recv(65536), b"")).decode()


def checks(tools):
    """Pairs of what is checked and how."""

    @contextlib.contextmanager
    def over(address, **replaced):
        with front(tools, address, **{"uri /ready": "uri /", **replaced}) as made:
            yield made.port

    for each in (proxied.streams, proxied.leaves_while_it_waits, proxied.websocket,
                 proxied.large_bodies, proxied.asks_before_it_sends):
        yield each.__doc__, functools.partial(each, tools, over)
    for each in (reuses, idle, restarted):
        yield each.__doc__, functools.partial(each, tools, over)
    for each in (terminates_tls, goes_to_the_other, drained):
        yield each.__doc__, functools.partial(each, tools)


def reuses(tools, over):
    """One connection to the server carries the requests of one client"""
    with programs.serve(tools, keep_alive_timeout=75) as server:
        # The check's own connections would be counted too.
        proxied.reuses_connections(server, functools.partial(over, **{"check inter 2s": "check inter 1h"}))


def idle(tools, over):
    """No request fails where the server closes idle connections before HAProxy does"""
    proxied.outlives_idle_connections(tools, over)


def restarted(tools, over):
    """The server is replaced under load, its socket held by another: no request fails"""
    with programs.held_socket() as (held, wrapped, how):
        def start():
            return programs.command(tools, *tools.application, wrapped=wrapped, **how)
        proxied.restarts(over, held.getsockname()[1], start)


def terminates_tls(tools):
    """HAProxy speaks TLS for the server, and says so in X-Forwarded-Proto; nobody else can"""
    with programs.serve(tools) as server, front(tools, server.address) as haproxy:
        with Client(haproxy.secure, trusting(haproxy.certificate)) as client:
            seen = client.environ(X_Forwarded_For="6.6.6.6", Forwarded="for=6.6.6.6")
            check(seen["HTTP_X_FORWARDED_PROTO"] == "https", seen)
            check(seen["HTTP_X_FORWARDED_FOR"] == "127.0.0.1" and "6.6.6.6" not in str(seen), seen)
        with Client(haproxy.port) as client:
            seen = client.environ(X_Forwarded_Proto="https")
            check(seen["HTTP_X_FORWARDED_PROTO"] == "http", seen)


def goes_to_the_other(tools):
    """Two servers, one of them killed under load: what it had not answered goes to the other"""
    with programs.folder() as folder, programs.serve(tools, bind=folder / "two.sock") as two:
        with programs.serve(tools) as one, front(tools, one.address, two.address) as haproxy:
            with Load(haproxy.port) as load:
                until(lambda: load.count > 100, "requests are answered")
                one.kill()
                seen = load.count
                until(lambda: load.count > seen + 100, "requests are answered by the other")
            check(not load.failures, load.count, load.failures[:5])


def drained(tools):
    """A server that is taken out by hand gets no more requests, and comes back"""
    with programs.folder() as folder, programs.serve(tools, bind=folder / "two.sock") as two:
        with programs.serve(tools) as one, front(tools, one.address, two.address) as haproxy:
            haproxy.tell("set server app/two state drain")
            for _ in range(10):
                with Client(haproxy.port) as client:
                    check(client.environ()["SERVER_PORT"] == str(one.address))
            haproxy.tell("set server app/two state ready")
            haproxy.tell("set server app/one state drain")
            for _ in range(10):
                with Client(haproxy.port) as client:
                    check(client.environ()["SERVER_PORT"] == "")
