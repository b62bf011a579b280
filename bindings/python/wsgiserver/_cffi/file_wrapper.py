"""wsgi.file_wrapper: a file as an application's result. One that is a file of the system, as far as
Python's io shows it, is sent by the kernel; any other is read in blocks."""

import io


class FileWrapper:
    """file_wrapper(filelike, blksize=8192): a file as an application's result."""

    def __init__(self, filelike, blksize=8192):
        self._filelike = filelike
        self._block_size = blksize if blksize > 0 else 8192

    @property
    def filelike(self):
        """The file."""
        return self._filelike

    def __iter__(self):
        return self

    def __next__(self):
        block = self.read_block(self._block_size)
        if not block:
            raise StopIteration
        return block

    def read_block(self, most):
        """The next block, at most so many bytes of it; b'' at the end."""
        return self._filelike.read(min(self._block_size, most))

    # For frameworks that answer Range: they seek where the part begins.

    def seek(self, *arguments):
        """seek(offset, whence=0): of the file."""
        return self._filelike.seek(*arguments)

    def tell(self):
        """Where the file stands."""
        return self._filelike.tell()

    def seekable(self):
        """Whether the file can seek. It may have seek without saying so."""
        file = self._filelike
        if hasattr(file, "seekable"):
            return file.seekable()
        return hasattr(file, "seek") and hasattr(file, "tell")

    def close(self):
        """Closes the file, if it can be closed."""
        close = getattr(self._filelike, "close", None)
        return close() if close is not None else None


def plain_descriptor(file):
    """Descriptor and position of a file that is no more than that; None: it is to be read. Others
    may have one as well, but hold something else than what is in it, like a GzipFile."""
    try:
        inner = getattr(file, "file", file)  # of a temporary file
        raw = inner.raw if isinstance(inner, (io.BufferedReader, io.BufferedRandom)) else inner
        return (raw.fileno(), inner.tell()) if type(raw) is io.FileIO else None
    except (AttributeError, OSError, ValueError):
        return None  # closed, or a pipe
