"""The access log: a line for each answer, in the "combined" format that log tools read, followed by
the seconds that it took. It goes to a descriptor by one write, which appends it as a whole."""

import contextlib
import os
import re
import time

from .errors import checked
from .kept import drop, keep
from .library import bytes_of, ffi, lib

_FIELD_LIMIT = 3072
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ODD = re.compile(rb'[^ -~]|["\\]')


class _Log:
    """A descriptor of the log's own."""

    def __init__(self, descriptor):
        self.descriptor = os.dup(descriptor)

    def __del__(self):
        os.close(self.descriptor)


def begin(handle, descriptor):
    """From now on each answer is logged there."""
    size = ffi.sizeof("wsgi_handlers")
    handlers = ffi.new("wsgi_handlers *", {"struct_size": size, "access_log": _write_line})
    log = keep(_Log(descriptor))
    checked(lib.wsgi_server_set_handlers, handle, handlers, log, drop)


@ffi.callback("void(void *, const wsgi_access_record *)")
def _write_line(log, record):
    # A full disk is no reason not to serve; there is nobody to tell here.
    with contextlib.suppress(OSError):
        os.write(ffi.from_handle(log).descriptor, _line(record))


def _line(record):
    request = _escaped(record.method)
    if record.method.len:
        request += b" %s %s" % (_escaped(record.target), _escaped(record.protocol))
    numbers = b"%03d %d" % (record.status, record.sent)
    return b'%s - - %s "%s" %s "%s" "%s" %.6f\n' % (
        _escaped(record.remote_addr),
        _time(record.arrived_ns),
        request,
        numbers,
        _escaped(record.referer),
        _escaped(record.user_agent),
        record.duration_ns / 1e9,
    )


def _escaped(string):
    """What a client sent cannot end the line, or the quotes that it stands in."""
    text = bytes_of(string)[:_FIELD_LIMIT]
    return _ODD.sub(lambda found: b"\\x%02X" % ord(found[0]), text) or b"-"


def _time(nanoseconds):
    """Like [28/Nov/2026:15:43:01 +0000]; strftime would use the month names of the locale."""
    at = time.localtime(nanoseconds // 1000000000)
    month, offset = _MONTHS[at.tm_mon - 1], at.tm_gmtoff // 60
    sign, size = "-" if offset < 0 else "+", abs(offset)
    clock = f"{at.tm_year:04}:{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"[{at.tm_mday:02}/{month}/{clock} {sign}{size // 60:02}{size % 60:02}]".encode()
