"""cheroot's HeaderReader and DropUnderscoreHeaderReader.

A request's own fields are read by the library, which drops those with ``_`` in their names unless
``underscore_headers`` is set. The classes are here for programs that read header blocks themselves.
"""

from .http_request import comma_separated_headers

__all__ = ["DropUnderscoreHeaderReader", "HeaderReader"]


class HeaderReader:
    """Reads header lines to the empty line: names like b'Content-Type' and their values."""

    def __call__(self, rfile, hdict=None):
        """Fills ``hdict``, or a new dict, and returns it. Raises ValueError if a line is malformed
        or the file ends."""
        headers = {} if hdict is None else hdict
        name = None
        while True:
            line = rfile.readline()
            if line in (b"\r\n", b"\n"):
                return headers
            if not line.endswith(b"\n"):
                raise ValueError("Illegal end of headers.")
            if line[:1] in (b" ", b"\t"):
                if name is None:
                    raise ValueError("Illegal continuation line.")
                headers[name] += b" " + line.strip()
            else:
                name = self._take(line, headers, name)

    def _take(self, line, headers, before):
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise ValueError("Illegal header line.")
        name, value = self._transform_key(name), value.strip()
        if not self._allow_header(name):
            return before
        if name in headers and name in _JOINED:
            value = headers[name] + b", " + value
        headers[name] = value
        return name

    def _allow_header(self, key_name):
        return True

    def _transform_key(self, key_name):
        return key_name.strip().title()


class DropUnderscoreHeaderReader(HeaderReader):
    """One that leaves out fields with ``_`` in their names."""

    def _allow_header(self, key_name):
        return super()._allow_header(key_name) and b"_" not in key_name


_JOINED = {name.title() for name in comma_separated_headers}
