"""What each environ of a server begins with."""

import socket
import sys

from . import _wsgiserver


class ErrorStream:
    """``wsgi.errors``: what ``sys.stderr`` is when something is written."""

    def write(self, text):
        """Writes to standard error."""
        return sys.stderr.write(text)

    def writelines(self, lines):
        """Writes each."""
        sys.stderr.writelines(lines)

    def flush(self):
        """Flushes standard error."""
        sys.stderr.flush()


def software_of(server):
    """The server's ``software``, or what stands for it."""
    return server.software or f"{server.version} Server"


def template(server):
    """The dict that each request's environ is a copy of."""
    version = getattr(server, "wsgi_version", (1, 0))
    bound = server.bind_addr or server.socket.getsockname()
    port = str(bound[1]) if isinstance(bound, tuple) else ""
    environ = {
        "ACTUAL_SERVER_PROTOCOL": server.protocol,
        "SCRIPT_NAME": "",
        "SERVER_NAME": server.server_name or socket.gethostname(),
        "SERVER_PORT": port,
        "SERVER_SOFTWARE": software_of(server),
        "wsgi.errors": ErrorStream(),
        "wsgi.file_wrapper": _wsgiserver.FileWrapper,
        "wsgi.input": _wsgiserver.no_input,
        "wsgi.input_terminated": True,
        "wsgi.multiprocess": server.multiprocess,
        "wsgi.multithread": True,
        "wsgi.run_once": False,
        "wsgi.url_scheme": "http",
        "wsgi.version": version,
    }
    if server.speaks_tls:
        environ.update({"wsgi.url_scheme": "https", "HTTPS": "on"})
    # With room for what a request adds, so that its environ does not have to grow.
    placeholders = ["PATH_INFO", "QUERY_STRING", "REQUEST_METHOD", "REQUEST_URI"]
    placeholders += ["SERVER_PROTOCOL", "REMOTE_ADDR", "REMOTE_PORT"]
    placeholders += ["wsgi.early_hints", "wsgiserver.exchange"]
    environ.update(dict.fromkeys(placeholders, ""))
    return environ
