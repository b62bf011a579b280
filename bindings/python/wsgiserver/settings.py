"""Attributes that are options of the library.

The seed's attributes keep the seed's names, types and defaults. One that was never set is left to
the library, whose own default may be another: a backlog of 1024 instead of 5, request heads of at
most 64 KiB instead of any size. One that was set, to whatever value, is handed over.
"""

import os

from . import _wsgiserver

LIBRARY = _wsgiserver.options()

# The pool, the addresses and the gateway have attributes of their own for these.
ELSEWHERE = frozenset(
    ["bind_addr", "numthreads", "minthreads", "max", "maxthreads", "log_events", "wsgi_version"]
    + ["ssl_adapter", "statistics", "accepted_queue_size", "accepted_queue_timeout"]
)

# Options that are attributes of the ThreadPool.
OF_POOL = {"numthreads": "min", "minthreads": "min", "max": "max", "maxthreads": "max"}
OF_POOL.update((name, name) for name in ("accepted_queue_size", "accepted_queue_timeout"))

# What the seed's classes have as attributes, with the seed's defaults.
SEED_DEFAULTS = {
    "protocol": "HTTP/1.1",
    "server_name": None,
    "request_queue_size": 5,
    "timeout": 10,
    "shutdown_timeout": 5,
    "version": f"libwsgiserver/{_wsgiserver.version}",
    "software": None,
    "max_request_header_size": 0,
    "max_request_body_size": 0,
    "nodelay": True,
}

# What this host wants otherwise than the library. One thread at a time has the GIL, so one that
# waits for events is enough, and a call that is not slow can take a millisecond. The seed said
# nothing of what went well.
HOST_DEFAULTS = {"pollers": 1, "eager_after": 0.002, "log_level": "warning"}


# For what None is, as with a socket; the times that follow `timeout` follow it.
NO_LIMIT = {
    "timeout": "0",
    "shutdown_timeout": "86400",
    "accepted_queue_timeout": "0",
    "detached_timeout": "0",
}


def is_option(name):
    """Whether this attribute of a server is an option of the library."""
    return name in LIBRARY and name not in ELSEWHERE


def pool_value(name, value):
    """A text as the pool's attribute has it."""
    return float(value) if name == "accepted_queue_timeout" else int(value)


def default(name):
    """What an option is that was never set."""
    if name in HOST_DEFAULTS:
        return HOST_DEFAULTS[name]
    text = LIBRARY[name]["default"]
    kind = LIBRARY[name]["type"]
    if kind == "flag":
        return text == "1"
    if kind == "number":
        return int(text)
    if kind == "seconds":
        return float(text) if text else None
    return text


def shutdown_seconds(server):
    """What a stop leaves to the requests in work."""
    return float(to_text(server.shutdown_timeout, "shutdown_timeout"))


def to_text(value, name):
    """The value of an option as the library takes it. None is no limit of a time."""
    if value is None:
        return NO_LIMIT.get(name, "")
    if isinstance(value, bool):
        return "1" if value else "0"
    return value.decode() if isinstance(value, bytes) else str(value)


def log_to_text(log):
    """Where the access log goes, as the library takes it: a path, a descriptor, or a file that has one."""
    if log is None or isinstance(log, (str, bytes, os.PathLike)):
        return os.fsdecode(log or "")
    return f"fd:{log if isinstance(log, int) else log.fileno()}"


def given(server):
    """Name and text of each option that was set on this server or its class."""
    for name in LIBRARY:
        if name in ELSEWHERE:
            continue
        if name == "access_log":
            yield name, log_to_text(server.access_log)
            continue
        if name in vars(server):
            yield name, to_text(vars(server)[name], name)
            continue
        value = getattr(type(server), name, None)
        if isinstance(value, property):
            yield name, to_text(getattr(server, name), name)
        elif value != SEED_DEFAULTS.get(name):
            yield name, to_text(value, name)
        elif name in HOST_DEFAULTS:
            yield name, to_text(HOST_DEFAULTS[name], name)
