"""Sockets that several processes are to share: made here, before the processes are."""

import contextlib
import errno
import os
import socket
import stat

from .. import addresses, settings
from . import serving
from .errors import starting


@contextlib.contextmanager
def listening(options):
    """The sockets of all addresses, or those of systemd; a path is removed at the end."""
    with contextlib.ExitStack() as stack:
        given = [socket.socket(fileno=number) for number in addresses.sockets_of_systemd()]
        if given:
            yield given
            return
        yield [stack.enter_context(_listening(text, options)) for text in options.bind]


def text_of(listener):
    """Where a socket listens, as the library would say it."""
    name = listener.getsockname()
    return addresses.to_text(name[:2] if isinstance(name, tuple) else name)


@contextlib.contextmanager
def _listening(text, options):
    with starting():
        address = addresses.from_text(addresses.to_text(serving.address_of(text)))
        backlog = options.settings.get("request_queue_size")
        backlog = int(backlog or settings.default("request_queue_size"))
        try:
            made = _bind(address, options)
        except OSError as error:
            raise OSError(f"cannot listen on {text}: {error.strerror}") from None
    with made:
        made.listen(backlog)
        identity, owner = _identity(address), os.getpid()
        try:
            yield made
        finally:
            if os.getpid() == owner and identity is not None and identity == _identity(address):
                os.unlink(address)


def _bind(address, options):
    if isinstance(address, str):
        return _bind_path(address, options)
    family, kind, protocol, _, resolved = socket.getaddrinfo(
        *address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if options.settings.get("reuse_port", "0") in ("1", "yes", "on", "true"):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if resolved[0] == "::":
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.bind(resolved)
    except BaseException:
        made.close()
        raise
    return made


def _bind_path(path, options):
    """A path that is a socket on which nobody answers is replaced."""
    if _identity(path) is not None:
        with socket.socket(socket.AF_UNIX) as caller, contextlib.suppress(ConnectionRefusedError):
            caller.connect(path)
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        os.unlink(path)
    made = socket.socket(socket.AF_UNIX)
    try:
        made.bind(path)
        mode = options.settings.get("unix_socket_mode", "777")
        if mode and not path.startswith("\0"):
            os.chmod(path, int(mode, 8))
    except BaseException:
        made.close()
        raise
    return made


def _identity(address):
    """Which file a path is, if it is a socket."""
    if not isinstance(address, str) or address.startswith("\0"):
        return None
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(address)
        if stat.S_ISSOCK(found.st_mode):
            return found.st_dev, found.st_ino
    return None
