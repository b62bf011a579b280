"""Status and headers of an answer, as start_response is given them. They are checked here, so that
the application hears of a mistake where it makes it, and become one text for the library. What it does
about hop-by-hop headers is the library's."""

import re

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")  # RFC 9110
_VALUE = re.compile(r"[\t -~\x80-\xff]*\Z")
_STATUS = re.compile(r"[1-9][0-9]{2}( |\Z)")
_LENGTH = re.compile(r"[0-9]{1,18}\Z")


class Head:
    """A head that can be sent. Its text has neither an empty line nor a Content-Length of its own."""

    __slots__ = ("code", "content_length", "fields", "status")

    def __init__(self, status, headers):
        self.status = _checked_status(status)
        self.code = status[:3]
        self.content_length = None
        self.fields = [self._field(pair) for pair in list(headers)]

    @property
    def text(self):
        """It as wsgi_respond_flat takes it."""
        lines = [self.status]
        for name, value in self.fields:
            lines.append(b"%s: %s" % (name, value))
        return b"\r\n".join(lines)

    @property
    def is_bodiless(self):
        """Whether no body can follow."""
        return self.code in ("101", "204", "304")

    @property
    def is_interim(self):
        """Whether another head follows."""
        return self.code[0] == "1" and self.code != "101"

    def _field(self, pair):
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(f"WSGI response header {pair!r} is not a tuple of name and value.")
        name, value = pair
        if isinstance(value, str):  # blanks around it are not part of it (RFC 9110, 5.5)
            value = value.strip(" \t")
        encoded = _latin1(name, "header key"), _latin1(value, "header value", name)
        if not _TOKEN.match(name) or not _VALUE.match(value):
            raise ValueError(
                f"WSGI response header {pair!r}: a character that may not stand there."
            )
        if name.lower() == "content-length":
            self._take_length(value)
        return encoded

    def _take_length(self, value):
        # Blanks around it are not part of the value (RFC 9110); the library takes them off.
        value = value.strip(" \t")
        if self.content_length is not None or not _LENGTH.match(value):
            raise ValueError(
                f"WSGI response has a malformed or second Content-Length {value!r}."
            )
        self.content_length = int(value)


def _checked_status(status):
    if not isinstance(status, str):
        raise TypeError("WSGI response status is not of type str.")
    encoded = _latin1(status, "status")
    if not _STATUS.match(status) or not _VALUE.match(status):
        raise ValueError(f"WSGI response status {status!r} is not like '200 OK'.")
    return encoded


def _latin1(text, what, header=None):
    """The bytes of a text. header: whose value it is."""
    if not isinstance(text, str):
        raise TypeError(_refused(text, what, header, "is not of type str"))
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        pass
    raise ValueError(_refused(text, what, header, "has characters beyond ISO-8859-1"))


def _refused(text, what, header, why):
    of = "" if header is None else f" of {header!r}"
    return f"WSGI response {what} {text!r}{of} {why}."
