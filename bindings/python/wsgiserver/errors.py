"""Exceptions, and the socket errors that mean no more than that a client has left."""

import errno

from ._wsgiserver import MaxSizeExceeded

__all__ = [
    "FatalSSLAlert",
    "MaxSizeExceeded",
    "NoEffectWarning",
    "NoSSLError",
    "acceptable_sock_shutdown_error_codes",
    "acceptable_sock_shutdown_exceptions",
    "plat_specific_errors",
    "socket_error_eintr",
    "socket_errors_nonblocking",
    "socket_errors_to_ignore",
]


class NoSSLError(Exception):
    """A client speaks HTTP to an HTTPS socket."""


class FatalSSLAlert(Exception):
    """The TLS implementation has signalled a fatal alert."""


class NoEffectWarning(UserWarning):
    """Something was set that has no effect in this server."""


def plat_specific_errors(*names):
    """The numbers of these errors, of those that this platform has."""
    numbers = (getattr(errno, name, None) for name in names)
    return list(dict.fromkeys(number for number in numbers if number is not None))


socket_error_eintr = plat_specific_errors("EINTR", "WSAEINTR")

socket_errors_to_ignore = [
    *plat_specific_errors(
        "EPIPE",
        "EBADF",
        "WSAEBADF",
        "ENOTSOCK",
        "WSAENOTSOCK",
        "ETIMEDOUT",
        "WSAETIMEDOUT",
        "ECONNREFUSED",
        "WSAECONNREFUSED",
        "ECONNRESET",
        "WSAECONNRESET",
        "ECONNABORTED",
        "WSAECONNABORTED",
        "ENETRESET",
        "WSAENETRESET",
        "EHOSTDOWN",
        "EHOSTUNREACH",
    ),
    "timed out",
    "The read operation timed out",
]

socket_errors_nonblocking = plat_specific_errors("EAGAIN", "EWOULDBLOCK", "WSAEWOULDBLOCK")

acceptable_sock_shutdown_error_codes = {
    errno.ENOTCONN,
    errno.EPIPE,
    errno.ESHUTDOWN,
    errno.ECONNRESET,
}
acceptable_sock_shutdown_exceptions = (BrokenPipeError, ConnectionResetError)
