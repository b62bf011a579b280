"""HTTPRequest: a request and its answer as a Gateway sees them.

The library has read and checked the request before this is made, and sends what is answered.
"""

import re
from urllib.parse import urlsplit

from .no_effect import Tells

__all__ = ["HTTPRequest", "comma_separated_headers"]

comma_separated_headers = [
    name.encode()
    for name in (
        "Accept Accept-Charset Accept-Encoding Accept-Language Accept-Ranges Allow Cache-Control "
        "Connection Content-Encoding Content-Language Expect If-Match If-None-Match Pragma "
        "Proxy-Authenticate TE Trailer Transfer-Encoding Upgrade Vary Via Warning WWW-Authenticate"
    ).split()
]
_JOINED = {name.title() for name in comma_separated_headers}


class HTTPRequest(Tells):
    """One request of a connection. Names, targets and values are bytes, as in the seed."""

    _without_effect = {
        "header_reader": "the library reads the fields",
        "proxy_mode": "it is an option of the server",
        "strict_mode": "the library is strict",
    }

    server = None
    """The HTTPServer."""

    conn = None
    """The HTTPConnection that it came on."""

    inheaders = {}
    """The request's headers, by names like b'Content-Type'."""

    outheaders = []
    """The response's headers, to be filled by the gateway: pairs of bytes."""

    ready = False
    """Whether the request has been parsed and is to be answered."""

    close_connection = False
    """Set it: the connection closes behind this response."""

    chunked_write = False
    """Whether the response goes out in chunks; known once its head was sent."""

    header_reader = None
    """cheroot's; without effect, as the library reads the fields."""

    def __init__(self, server, conn, proxy_mode=False, strict_mode=True):
        self.server = server
        self.conn = conn
        self.exchange = conn.exchange
        vars(self).update(proxy_mode=proxy_mode, strict_mode=strict_mode)
        self.ready = False
        self.started_request = False
        self.scheme = b"https" if conn.ssl_env else b"http"
        self.response_protocol = "HTTP/1.0"
        self.inheaders = {}
        self.outheaders = []
        self.status = b""
        self.sent_headers = False
        self.close_connection = False
        self.chunked_read = False
        self.chunked_write = False
        self.rfile = None

    def parse_request(self):
        """Takes the request from the library."""
        if self.read_request_line() and self.read_request_headers():
            self.ready = True

    def read_request_line(self):
        """Fills what the first line says. True."""
        view = self.exchange.view()
        self.method, self.uri, self.path, self.qs, self.request_protocol = view[:5]
        self.authority = self.parse_request_uri(self.uri)[1]
        self._fields, self._content_length = view[5:7]
        self.response_protocol = f"HTTP/1.{view[7]}"
        self.started_request = True
        return True

    def read_request_headers(self):
        """Fills ``inheaders``. True."""
        for name, value in self._fields:
            name = name.title()
            if name in self.inheaders and name in _JOINED:
                value = self.inheaders[name] + b", " + value
            self.inheaders[name] = value
        self.chunked_read = self._content_length < 0
        return True

    def parse_request_uri(self, uri):
        """Splits a request target into scheme, authority and path. One that begins with two slashes
        is a path."""
        if uri == b"*":
            return None, None, uri
        if uri.startswith(b"/"):
            return None, None, uri
        if re.match(rb"[A-Za-z][A-Za-z0-9+.-]*://", uri):
            scheme, authority, path, query, _ = urlsplit(uri)
            return scheme, authority, path + (b"?" + query if query else b"")
        return None, uri, None

    def respond(self):
        """Has the gateway answer."""
        self.rfile = self.exchange.input(self._content_length)
        self.server.gateway(self).respond()
        if self.ready:
            self.ensure_headers_sent()

    def ensure_headers_sent(self):
        """Begins the response, if it has not begun (cheroot's)."""
        if not self.sent_headers:
            self.sent_headers = True
            self.send_headers()

    def send_headers(self):
        """Begins the response with ``status`` and ``outheaders``."""
        names = {name.lower() for name, _ in self.outheaders}
        if self.close_connection and b"connection" not in names:
            self.outheaders.append((b"Connection", b"close"))
        code = int(self.status[:3] or b"0")
        has_body = code >= 200 and code not in (204, 205, 304) and self.method != b"HEAD"
        modern = self.response_protocol != "HTTP/1.0" and self.server.protocol != "HTTP/1.0"
        self.chunked_write = has_body and modern and b"content-length" not in names
        headers = [(_text(name), _text(value)) for name, value in self.outheaders]
        self.exchange(_text(self.status), headers)

    def write(self, chunk):
        """Sends a piece of the body. An empty one sends what is held back and looks whether the client
        is still there."""
        self.exchange.write(chunk)

    def simple_response(self, status, msg=""):
        """A whole response with a text; nothing may have been sent."""
        body = msg.encode("ISO-8859-1")
        length = str(len(body))
        self.exchange(str(status), [("Content-Length", length), ("Content-Type", "text/plain")])
        self.sent_headers = True
        if body:
            self.write(body)


def _text(value):
    return value.decode("ISO-8859-1") if isinstance(value, bytes) else value
