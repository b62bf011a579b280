"""Addresses: the seed's tuples and paths, the library's texts, and what systemd hands over."""

import os
import socket

ANY_HOST = (
    "Host values of '' or None are not allowed. Use '0.0.0.0' (IPv4) or '::' (IPv6) instead to "
    "listen on all active interfaces."
)


def check(bind_addr):
    """Refuses what the seed refused, and what is no address at all."""
    if bind_addr is None or isinstance(bind_addr, (str, bytes)):
        return bind_addr
    if not isinstance(bind_addr, tuple) or len(bind_addr) < 2:
        raise TypeError(f"bind_addr is a tuple of host and port or a path, not {bind_addr!r}")
    if bind_addr[0] in ("", None):
        raise ValueError(ANY_HOST)
    return bind_addr


def to_text(bind_addr):
    """``("::1", 80)`` is ``[::1]:80``; a path is ``unix:PATH``, an abstract name ``@NAME``."""
    if isinstance(bind_addr, bytes):
        bind_addr = os.fsdecode(bind_addr)
    if isinstance(bind_addr, str):
        if is_host_and_port(bind_addr):
            return bind_addr
        if bind_addr.startswith("\0"):
            return "@" + bind_addr[1:]
        return bind_addr if bind_addr.startswith(("@", "unix:")) else "unix:" + bind_addr
    host, port = bind_addr[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def from_text(text):
    """The other way round, as ``getsockname`` has it."""
    if text.startswith("@"):
        return "\0" + text[1:]
    if text.startswith("unix:"):
        return text[len("unix:") :]
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def is_host_and_port(text):
    """Whether a text is HOST:PORT and not a path."""
    host, colon, port = text.rpartition(":")
    return bool(host and colon and port.isdigit()) and "/" not in text and text[0] not in "@\0"


class BoundSocket:
    """Stands for a listening socket, which is the library's: tells where it listens."""

    def __init__(self, text):
        self._address = from_text(text)
        if isinstance(self._address, str):
            self.family = socket.AF_UNIX
        else:
            self.family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        self.type = socket.SOCK_STREAM

    def getsockname(self):
        """Like that of a socket."""
        if self.family == socket.AF_INET6:
            return (*self._address, 0, 0)
        return self._address

    def __repr__(self):
        return f"<{type(self).__name__} {self._address!r}>"


def sockets_of_systemd():
    """The descriptors that systemd has opened for this process, if it has."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    return list(range(3, 3 + int(os.environ.get("LISTEN_FDS") or 1)))


def mode_of(path):
    """What kind of file is there; 0: none, or it is no path."""
    try:
        return os.lstat(path).st_mode
    except (OSError, ValueError):
        return 0


def prepare(bind_addr, family, type, proto, nodelay, reuse_port=False):
    """A socket with the options of one that listens."""
    made = socket.socket(family, type, proto)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if nodelay and family != socket.AF_UNIX:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host = bind_addr[0] if isinstance(bind_addr, tuple) else None
        if family == socket.AF_INET6 and host in ("::", "::0", "::0.0.0.0"):
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    except BaseException:
        made.close()
        raise
    return made


def bind(server, family, type, proto):
    """A socket that is bound to the server's address, for programs that listen by themselves."""
    made = prepare(server.bind_addr, family, type, proto, server.nodelay)
    try:
        made.bind(server.bind_addr)
    except BaseException:
        made.close()
        raise
    return made


def listening(bound, backlog):
    """The descriptor of a socket that listens."""
    bound.listen(backlog)
    return bound.fileno()
