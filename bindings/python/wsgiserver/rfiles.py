"""The files that the seed read requests through.

A request's own ``rfile`` is the library's, which has the limits of these built in. The classes are
here for programs that use them on files of their own.
"""

import io
import socket

from .errors import MaxSizeExceeded

__all__ = ["CP_makefile", "ChunkedRFile", "KnownLengthRFile", "SizeCheckWrapper"]

DEFAULT_BUFFER_SIZE = io.DEFAULT_BUFFER_SIZE


def CP_makefile(sock, mode="r", bufsize=DEFAULT_BUFFER_SIZE):
    """A buffered file of a socket; one for writing sends each piece at once."""
    if "r" in mode:
        return io.BufferedReader(socket.SocketIO(sock, "r"), bufsize)
    return _FlushingWriter(socket.SocketIO(sock, "w"), bufsize)


class _FlushingWriter(io.BufferedWriter):
    def write(self, data):
        """All of it is sent before this returns."""
        if isinstance(data, str):
            raise TypeError("a socket's file takes bytes, not str")
        written = super().write(data)
        self.flush()
        return written


class _Lines:
    """What follows from ``read`` and ``readline``."""

    def readlines(self, sizehint=0):
        """A list of lines, about ``sizehint`` bytes of them."""
        lines, total = [], 0
        for line in self:
            lines.append(line)
            total += len(line)
            if 0 < sizehint <= total:
                break
        return lines

    def __iter__(self):
        return self

    def __next__(self):
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    next = __next__


class SizeCheckWrapper(_Lines):
    """A file that raises MaxSizeExceeded once more than ``maxlen`` bytes were read; 0: any number."""

    def __init__(self, rfile, maxlen):
        self.rfile = rfile
        self.maxlen = maxlen
        self.bytes_read = 0

    def _check_length(self):
        if self.maxlen and self.bytes_read > self.maxlen:
            raise MaxSizeExceeded()

    def read(self, size=None):
        """Up to ``size`` bytes, None: all."""
        data = self.rfile.read(-1 if size is None else size)
        self.bytes_read += len(data)
        self._check_length()
        return data

    def readline(self, size=None):
        """A line, at most ``size`` bytes of it; the length is looked at every 256 bytes."""
        pieces = []
        left = float("inf") if size is None or size < 0 else size
        while left > 0:
            asked = int(min(left, 256))
            piece = self.rfile.readline(asked)
            self.bytes_read += len(piece)
            self._check_length()
            pieces.append(piece)
            left -= len(piece)
            if len(piece) < asked or piece.endswith(b"\n"):
                break
        return b"".join(pieces)

    def close(self):
        """Closes the file."""
        self.rfile.close()


class KnownLengthRFile(_Lines):
    """The next ``content_length`` bytes of a file, then b''."""

    def __init__(self, rfile, content_length):
        self.rfile = rfile
        self.remaining = content_length

    def _most(self, size):
        return self.remaining if size is None or size < 0 else min(size, self.remaining)

    def read(self, size=None):
        """Up to ``size`` bytes, None: all of them."""
        if self.remaining == 0:
            return b""
        data = self.rfile.read(self._most(size))
        self.remaining -= len(data)
        return data

    def readline(self, size=None):
        """A line, at most ``size`` bytes of it."""
        if self.remaining == 0:
            return b""
        data = self.rfile.readline(self._most(size))
        self.remaining -= len(data)
        return data

    def close(self):
        """Closes the file."""
        self.rfile.close()


class ChunkedRFile(_Lines):
    """The content of a file that is in the chunked transfer coding."""

    def __init__(self, rfile, maxlen, bufsize=DEFAULT_BUFFER_SIZE):
        self.rfile = rfile
        self.maxlen = maxlen
        self.bytes_read = 0
        self.buffer = b""
        self.bufsize = bufsize
        self.closed = False

    def _fetch(self):
        """Takes the next chunk into the buffer."""
        if self.closed:
            return
        line = self.rfile.readline()
        self.bytes_read += len(line)
        if self.maxlen and self.bytes_read > self.maxlen:
            raise MaxSizeExceeded("Request Entity Too Large", self.maxlen)
        text = line.strip().split(b";", 1)[0].strip()
        if not text or text.strip(b"0123456789abcdefABCDEF"):
            raise ValueError(f"Bad chunked transfer size: {text!r}")
        size = int(text, 16)
        if size == 0:
            self.closed = True
            return
        if self.maxlen and self.bytes_read + size > self.maxlen:
            raise MaxSizeExceeded("Request Entity Too Large", self.maxlen)
        chunk = self.rfile.read(size)
        self.bytes_read += len(chunk)
        self.buffer += chunk
        end = self.rfile.read(2)
        if end != b"\r\n":
            raise ValueError(f"Bad chunked transfer coding (expected '\\r\\n', got {end!r})")

    def _take(self, size):
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def read(self, size=None):
        """Up to ``size`` bytes, None: all of them."""
        size = float("inf") if size is None or size < 0 else size
        while len(self.buffer) < size and not self.closed:
            self._fetch()
        return self._take(int(min(size, len(self.buffer))))

    def readline(self, size=None):
        """A line, at most ``size`` bytes of it."""
        size = float("inf") if size is None or size < 0 else size
        while True:
            end = self.buffer.find(b"\n") + 1
            if end or len(self.buffer) >= size or self.closed:
                return self._take(int(min(size, end or len(self.buffer))))
            self._fetch()

    def read_trailer_lines(self):
        """Yields the lines behind the last chunk, when that has been read."""
        if not self.closed:
            raise ValueError("Cannot read trailers until the request body has been read.")
        while True:
            line = self.rfile.readline()
            if not line:
                raise ValueError("Illegal end of headers.")
            self.bytes_read += len(line)
            if self.maxlen and self.bytes_read > self.maxlen:
                raise OSError("Request Entity Too Large")
            if line == b"\r\n":
                return
            if not line.endswith(b"\r\n"):
                raise ValueError("HTTP requires CRLF terminators")
            yield line

    def close(self):
        """Closes the file."""
        self.rfile.close()
