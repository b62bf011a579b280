"""wsgi.input: the body of a request."""

import io
import operator

from .errors import check
from .library import ffi, lib

_PIECE, _LARGEST_PIECE, _LINE = 64 * 1024, 1024 * 1024, 512
_READ = "read the request body"


class Input:
    """The body of a request."""

    __slots__ = ("_at_end", "_handle", "_left", "_request")

    def __init__(self, handle, request, length):
        self._handle, self._request = handle, request
        self._left = length  # of a body of known length; -1: unknown
        self._at_end = length == 0

    def read(self, size=-1, /):
        """read(size=-1): so many bytes, fewer at the end."""
        size = _size(size)
        if self._left >= 0 and (size < 0 or size > self._left):
            size = self._left
        # Memory grows with what comes: a client is not trusted with more at once.
        pieces, wanted = [], _PIECE
        while size != 0 and not self._at_end:
            wanted = min(wanted * 2, _LARGEST_PIECE)
            piece = self._some(wanted if size < 0 else min(size, wanted))
            pieces.append(piece)
            if size > 0:
                size -= len(piece)
        return b"".join(pieces)

    def readline(self, size=-1, /):
        """readline(size=-1): a line with its LF."""
        size, parts, room = _size(size), [], _LINE
        while size != 0 and not self._at_end:
            wanted = room if size < 0 else min(size, room)
            buffer = ffi.new("char[]", wanted)
            got = lib.wsgi_request_readline(self._handle, self._request, buffer, wanted)
            self._count(check(got, _READ))
            parts.append(ffi.buffer(buffer, got)[:])
            if got == 0 or parts[-1].endswith(b"\n"):
                break
            size = size - got if size > 0 else size
            room = min(room * 2, _LARGEST_PIECE)
        return b"".join(parts)

    def readlines(self, hint=-1, /):
        """readlines(hint=-1): a list of lines."""
        hint, lines, total = _size(hint), [], 0
        while hint <= 0 or total < hint:
            line = self.readline()
            if not line:
                break
            lines.append(line)
            total += len(line)
        return lines

    def readinto(self, buffer, /):
        """Fills a buffer: the number of bytes."""
        view = memoryview(buffer).cast("B")
        if view.readonly:
            raise TypeError("readinto needs a buffer that can be written to")
        filled = 0
        while filled < len(view) and not self._at_end:
            piece = self._some(min(len(view) - filled, _LARGEST_PIECE))
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        return filled

    def read1(self, size=-1, /):
        """read1(size=-1): what has come, at most so much."""
        size = _size(size)
        if size == 0 or self._at_end:
            return b""
        return self._some(_PIECE if size < 0 else min(size, _LARGEST_PIECE))

    def readinto1(self, buffer, /):
        """Puts what has come in a buffer: the number of bytes."""
        view = memoryview(buffer).cast("B")
        piece = self.read1(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def readable(self):
        """True."""
        return True

    def _no(self):
        """False."""
        return False

    writable = seekable = isatty = _no

    def _unsupported(self, *_):
        """Raises io.UnsupportedOperation."""
        raise io.UnsupportedOperation("the body of a request is read from its start to its end")

    seek = tell = truncate = write = fileno = _unsupported

    @property
    def closed(self):
        """False: the server closes it."""
        return False

    def flush(self):
        """Does nothing."""

    def close(self):
        """Does nothing: the server reads the rest, or ends."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __iter__(self):
        return self

    def __next__(self):
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def _some(self, capacity):
        """Some bytes, b'' at the end."""
        buffer = ffi.new("char[]", capacity)
        got = lib.wsgi_request_read(self._handle, self._request, buffer, capacity, 0)
        self._count(check(got, _READ))
        return ffi.buffer(buffer, got)[:]

    def _count(self, got):
        if self._left > 0:
            self._left -= got
        if got == 0 or self._left == 0:
            self._at_end = True


def _size(size):
    """None and negative: no limit."""
    return -1 if size is None else max(operator.index(size), -1)


no_input = Input(None, 0, 0)
