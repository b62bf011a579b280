"""Gateway and the WSGI ones.

A server whose gateway is one of ``wsgi_gateways`` calls its application from C; the classes here do
the same step by step, for subclasses that change a step.
"""

from . import _wsgiserver

__all__ = ["Gateway", "WSGIGateway", "WSGIGateway_10", "WSGIGateway_u0", "wsgi_gateways"]

TOO_LONG = "The requested resource returned more bytes than the declared Content-Length."


class Gateway:
    """Answers one request: made with an HTTPRequest, then ``respond`` is called."""

    def __init__(self, req):
        self.req = req

    def respond(self):
        """Answers the request."""
        raise NotImplementedError


class WSGIGateway(Gateway):
    """Answers by calling the server's WSGI application."""

    version = None
    """The version of the environ, like (1, 0)."""

    @classmethod
    def gateway_map(cls):
        """The direct and indirect subclasses by their versions (cheroot's)."""
        found = {}
        for subclass in cls.__subclasses__():
            found.setdefault(subclass.version, subclass)
            found = {**subclass.gateway_map(), **found}
        return found

    def __init__(self, req):
        super().__init__(req)
        self.started_response = False
        self.env = self.get_environ()
        self.remaining_bytes_out = None

    def get_environ(self):
        """The environ for the application."""
        raise NotImplementedError

    def respond(self):
        """Calls the application and sends what it returns."""
        response = self.req.server.wsgi_app(self.env, self.start_response)
        # Of what yields, an empty piece sends the head.
        yields = not isinstance(response, (list, tuple))
        try:
            for chunk in response:
                if not isinstance(chunk, bytes):
                    raise ValueError("WSGI Applications must yield bytes")
                if chunk or (yields and self.started_response):
                    self.write(chunk)
            if not self.started_response and not self.req.exchange.taken:
                message = "The WSGI application did not call start_response."
                raise _wsgiserver.ApplicationError(message)
        finally:
            if hasattr(response, "close"):
                response.close()

    def start_response(self, status, headers, exc_info=None):
        """WSGI's start_response."""
        if self.started_response and not exc_info:
            message = "WSGI start_response called a second time with no exc_info."
            raise _wsgiserver.ApplicationError(message)
        if self.req.sent_headers:
            try:
                raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        if not isinstance(status, str):
            raise TypeError("WSGI response status is not of type str.")
        self.req.status = status.encode("ISO-8859-1")
        self.req.outheaders[:] = [self._header(name, value) for name, value in headers]
        self.started_response = True
        return self.write

    def _header(self, name, value):
        for text in (name, value):
            if not isinstance(text, str):
                raise TypeError(f"WSGI response header key/value {text!r} is not of type str.")
            if not _is_latin1(text):
                message = f"WSGI response header {name!r}: {text!r} has characters beyond ISO-8859-1."
                raise ValueError(message)
        if name.lower() == "content-length":
            self.remaining_bytes_out = int(value)
        return name.encode("ISO-8859-1"), value.encode("ISO-8859-1")

    def write(self, chunk):
        """WSGI's write: sends a piece of the body."""
        if not self.started_response:
            raise _wsgiserver.ApplicationError("WSGI write called before start_response.")
        left = self.remaining_bytes_out
        too_long = left is not None and len(chunk) > left
        if too_long and not self.req.sent_headers:
            self.req.simple_response("500 Internal Server Error", TOO_LONG)
            chunk = b""
        elif too_long:
            chunk = chunk[:left]
        if not self.req.sent_headers:
            self.req.sent_headers = True
            self.req.send_headers()
        self.req.write(chunk)
        if too_long:
            raise ValueError("Response body exceeds the declared Content-Length.")
        if left is not None:
            self.remaining_bytes_out -= len(chunk)


def _is_latin1(text):
    return text.isascii() or max(text) <= "\xff"


class WSGIGateway_10(WSGIGateway):
    """WSGI 1.0."""

    version = (1, 0)
    unicode = False

    def get_environ(self):
        """The environ of WSGI 1.0."""
        env = self.req.exchange.environ(self.req.server.core.environ, self.unicode)
        env.update(self.req.conn.ssl_env or {})
        return env


class WSGIGateway_u0(WSGIGateway_10):
    """WSGI u.0: the environ's values are decoded from UTF-8 where they are UTF-8."""

    version = ("u", 0)
    unicode = True


wsgi_gateways = {(1, 0): WSGIGateway_10, ("u", 0): WSGIGateway_u0}
