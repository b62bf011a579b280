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

PROXY = "send-proxy-v2-ssl-cn proxy-v2-options ssl-cipher,authority"

# How the recipe's servers run.
BEHIND = {"proxy_protocol": "required", "proxy_protocol_from": "127.0.0.1,unix", "keep_alive_timeout": 75}

# The recipe for servers that do not take the PROXY protocol.
PLAIN = {f"    default-server {PROXY}\n": "", " check-send-proxy\n": "\n"}

CLIENT = "127.0.0.2"  # not the address that HAProxy itself comes from


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
        with front(tools, address, **PLAIN, **{"uri /ready": "uri /", **replaced}) as made:
            yield made.port

    for each in (proxied.streams, proxied.leaves_while_it_waits, proxied.websocket,
                 proxied.large_bodies, proxied.asks_before_it_sends):
        yield each.__doc__, functools.partial(each, tools, over)
    for each in (reuses, idle, restarted):
        yield each.__doc__, functools.partial(each, tools, over)
    for each in (forwarded, says_who_it_is, says_how_tls_is, says_whose_certificate, logged,
                 goes_to_the_other, stopped_under_load, drained):
        yield each.__doc__, functools.partial(each, tools)
    if (tools.programs / "health").exists():
        yield announced.__doc__, functools.partial(announced, tools)


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


def forwarded(tools):
    """X-Forwarded-*: the client's address and scheme, as HAProxy saw them"""
    with programs.serve(tools) as server, front(tools, server.address, **PLAIN) as haproxy:
        with Client(haproxy.secure, trusting(haproxy.certificate), CLIENT) as client:
            seen = client.environ(X_Forwarded_For="6.6.6.6", Forwarded="for=6.6.6.6")
            check(seen["HTTP_X_FORWARDED_PROTO"] == "https", seen)
            check(seen["HTTP_X_FORWARDED_FOR"] == CLIENT and "6.6.6.6" not in str(seen), seen)
        with Client(haproxy.port) as client:
            seen = client.environ(X_Forwarded_Proto="https")
            check(seen["HTTP_X_FORWARDED_PROTO"] == "http", seen)


def says_who_it_is(tools):
    """The PROXY protocol, v1 and v2, over TCP and UNIX sockets: the client is in the environ"""
    with programs.folder() as folder:
        for bind in (None, folder / "app.sock"):
            for version in (PROXY, "send-proxy-v2", "send-proxy"):
                with programs.serve(tools, bind=bind, **BEHIND) as server:
                    with front(tools, server.address, **{PROXY: version}) as haproxy:
                        with Client(haproxy.port, source=CLIENT) as client:
                            seen = client.environ()
                            port = str(client.sock.getsockname()[1])
                            _same(seen, REMOTE_ADDR=CLIENT, REMOTE_PORT=port,
                                  SERVER_PORT=str(haproxy.port), HTTPS=None)
                            check(client.environ() == seen, "on a connection that is kept")


def _same(environ, **wanted):
    """Whether these are in it; None is for none of the name."""
    found = {name: environ.get(name) for name in wanted}
    check(found == wanted, found, wanted)


def says_how_tls_is(tools):
    """TLS at HAProxy: what it knows of it is in the environ, by the names of the server's own"""
    with programs.serve(tools, **BEHIND) as server, front(tools, server.address) as haproxy:
        with Client(haproxy.secure, trusting(haproxy.certificate), CLIENT) as client:
            seen = client.environ()
            protocol, (cipher, *_) = client.sock.version(), client.sock.cipher()
            _same(seen, REMOTE_ADDR=CLIENT, SERVER_PORT=str(haproxy.secure), HTTPS="on",
                  SSL_PROTOCOL=protocol, SSL_CIPHER=cipher, SSL_TLS_SNI="localhost",
                  SSL_CLIENT_VERIFY="NONE")
            check(seen["wsgi.url_scheme"] == "https", seen)


def says_whose_certificate(tools):
    """A client's certificate that HAProxy has verified"""
    with programs.serve(tools, **BEHIND) as server, programs.folder() as folder:
        own = programs.certificate(folder)
        asks = {"alpn http/1.1": f"alpn http/1.1 ca-file {own} verify optional"}
        with front(tools, server.address, **asks) as haproxy:
            context = trusting(haproxy.certificate)
            context.load_cert_chain(own)
            with Client(haproxy.secure, context) as client:
                _same(client.environ(), SSL_CLIENT_VERIFY="SUCCESS", SSL_CLIENT_S_DN_CN="localhost")


def logged(tools):
    """The access log has the client's address, not HAProxy's"""
    with programs.folder() as folder:
        log = folder / "access.log"
        words = [word for name, value in BEHIND.items()
                 for word in ("--" + name.replace("_", "-"), str(value))]
        with programs.command(tools, *tools.application, "--access-log", log, *words) as server:
            with front(tools, server.address) as haproxy, Client(haproxy.port, source=CLIENT) as client:
                client.ask("/logged")
            until(lambda: "/logged" in log.read_text(), "the line is written")
        (line,) = [line for line in log.read_text().splitlines() if "/logged" in line]
        check(line.startswith(CLIENT + " "), line)


def goes_to_the_other(tools):
    """Two servers, one of them killed under load: what it had not answered goes to the other"""
    with _two(tools) as (one, _, haproxy), Load(haproxy.port) as load:
        until(lambda: load.count > 100, "requests are answered")
        one.kill()
        seen = load.count
        until(lambda: load.count > seen + 100, "requests are answered by the other")
    check(not load.failures, load.count, load.failures[:5])


def stopped_under_load(tools):
    """One of two stops in order: it is found unready, and no request fails, POST or GET"""
    with _two(tools) as (one, _, haproxy):
        until(lambda: _state(haproxy, "one") == "UP", "the checks pass")
        with Load(haproxy.port) as load, Load(haproxy.port, method="POST", body=b"some") as posts:
            until(lambda: min(load.count, posts.count) > 100, "requests are answered")
            one.stop()
            until(lambda: _state(haproxy, "one") == "DOWN", "the checks fail")
            check(_state(haproxy, "two") == "UP")
        check(not load.failures, load.count, load.failures[:5])
        check(not posts.failures, posts.count, posts.failures[:5])


def announced(tools):
    """A server that is unready before it stops: HAProxy has left it by then, and no request fails"""
    often = {"inter 2s": "inter 100ms", "uri /ready": "uri /health"}
    grace = ("--grace", 2)
    with programs.example(tools, "health", *grace) as one, programs.example(tools, "health") as two:
        with front(tools, one.address, two.address, **PLAIN, **often) as haproxy:
            with Load(haproxy.port) as load, Load(haproxy.port, method="POST", body=b"some") as posts:
                until(lambda: min(load.count, posts.count) > 100, "requests are answered")
                one.process.send_signal(signal.SIGTERM)
                until(lambda: _state(haproxy, "one") == "DOWN", "the checks fail")
                check(ask(one.address, "/")[0] == 200, "it serves on")
                one.ended()
                seen = load.count
                until(lambda: load.count > seen + 100, "requests are answered by the other")
            check(not load.failures, load.count, load.failures[:5])
            check(not posts.failures, posts.count, posts.failures[:5])


def _state(haproxy, server):
    """UP, DOWN and the like."""
    lines = [line.split(",") for line in haproxy.tell("show stat").splitlines() if line]
    (line,) = [line for line in lines if line[:2] == ["app", server]]
    return line[lines[0].index("status")].split()[0]


def drained(tools):
    """A server that is taken out by hand gets no more requests, and comes back"""
    with _two(tools) as (_, _, haproxy):
        for out, other in (("two", "one"), ("one", "two")):
            haproxy.tell(f"set server app/{out} state drain")
            for _ in range(10):
                with Client(haproxy.port) as client:
                    check(client.environ()["SERVER_NAME"] == other, out, other)
            haproxy.tell(f"set server app/{out} state ready")


@contextlib.contextmanager
def _two(tools):
    """A server on a port, one on a path, and HAProxy before them, which looks often."""
    often = {"inter 2s": "inter 100ms"}
    with programs.folder() as folder, programs.serve(tools, server_name="one", **BEHIND) as one:
        with programs.serve(tools, bind=folder / "two.sock", server_name="two", **BEHIND) as two:
            with front(tools, one.address, two.address, **often) as haproxy:
                yield one, two, haproxy
