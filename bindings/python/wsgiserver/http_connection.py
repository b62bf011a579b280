"""HTTPConnection: the connection of a request as a Gateway sees it."""

import grp
import pwd

from .http_request import HTTPRequest
from .no_effect import Tells
from .rfiles import DEFAULT_BUFFER_SIZE, CP_makefile
from .ssl_adapter import Connection, overrides_environ

__all__ = ["HTTPConnection"]

# Of a thread for each connection, which there is none of here.
_LIBRARY_READS = "the library reads and writes"


# Called when a program has another class for requests: servers that run are to know.
_listeners = []


def on_change(listener):
    """Has it called when a class of connections is changed."""
    _listeners.append(listener)
    return listener


class HTTPConnection(Tells):
    """Made for each request that goes to a gateway of the program's own. Requests of one client may
    be served by different threads, so nothing is kept here from one to the next."""

    _without_effect = dict.fromkeys(["linger", "rbufsize", "wbufsize"], _LIBRARY_READS)

    remote_addr = None
    """The client's address; '' for a UNIX socket."""

    remote_port = None
    """The client's port."""

    ssl_env = None
    """The environ's pairs of TLS, or None."""

    rbufsize = DEFAULT_BUFFER_SIZE
    wbufsize = DEFAULT_BUFFER_SIZE
    linger = False

    last_used = None
    """cheroot's: None, as the library keeps idle connections."""

    RequestHandlerClass = HTTPRequest
    """What is made for a request: called with the server and the connection."""

    def __init__(self, server, sock, makefile=CP_makefile):
        self.server = server
        self.makefile = makefile
        self.exchange = sock
        self.request = None
        self._socket = None
        host, _, port = sock.peer().rpartition(":")
        self.remote_addr = host.strip("[]")
        self.remote_port = int(port) if port else ""
        if server.speaks_tls:
            self.ssl_env = self._ssl_environ()

    @property
    def socket(self):
        """The connection itself. Using it takes it away from the server."""
        if self._socket is None:
            self._socket = self.exchange.socket()
        return self._socket

    @property
    def requests_seen(self):
        """How many requests have come on the connection, this one included."""
        return int(self.exchange.id().rpartition("-")[2])

    # Who is at the other end of a UNIX socket, as in cheroot.

    @property
    def peercreds_enabled(self):
        """Whether the server asks for the ids of processes at the other end of UNIX sockets."""
        return self.server.peercreds_enabled

    @property
    def peercreds_resolve_enabled(self):
        """Whether it also looks for the names of users and groups."""
        return self.server.peercreds_resolve_enabled

    def get_peer_creds(self):
        """Process, user and group id of the client. NotImplementedError: it came by no UNIX socket,
        RuntimeError: the server does not ask (``peercreds_enabled``)."""
        return tuple(int(self._credential(f"X_REMOTE_{name}")) for name in ("PID", "UID", "GID"))

    def resolve_peer_creds(self):
        """The names of the client's user and group. Raises as ``get_peer_creds``, with
        ``peercreds_resolve_enabled``; KeyError: there is no such user or group."""
        if not self.peercreds_resolve_enabled:
            raise RuntimeError("UID/GID lookup is disabled within this server")
        _, user, group = self.get_peer_creds()
        return pwd.getpwuid(user).pw_name, grp.getgrgid(group).gr_name

    @property
    def peer_pid(self):
        """The client's process."""
        return self.get_peer_creds()[0]

    @property
    def peer_uid(self):
        """The number of the client's user."""
        return self.get_peer_creds()[1]

    @property
    def peer_gid(self):
        """The number of the client's group."""
        return self.get_peer_creds()[2]

    @property
    def peer_user(self):
        """The name of the client's user."""
        return self.resolve_peer_creds()[0]

    @property
    def peer_group(self):
        """The name of the client's group."""
        return self.resolve_peer_creds()[1]

    def _credential(self, key):
        found = self.exchange.environ({}).get(key)
        if found is not None:
            return found
        if self.remote_addr:
            raise NotImplementedError("peer credentials are those of a UNIX socket")
        raise RuntimeError("Peer creds lookup is disabled within this server")

    @classmethod
    def _class_changed(cls):
        for listener in _listeners:
            listener()

    def _ssl_environ(self):
        template = {"wsgi.url_scheme": "https", "HTTPS": "on"}
        whole = self.exchange.environ(template)
        found = {key: whole[key] for key in whole if key in template or key.startswith("SSL_")}
        if overrides_environ(self.server.ssl_adapter):
            found.update(self.server.ssl_adapter.get_environ(Connection(found)))
        return found

    def communicate(self):
        """Answers the request."""
        self.request = request = self.RequestHandlerClass(self.server, self)
        request.parse_request()
        if request.ready:
            request.respond()

    def close(self):
        """Closes the connection behind the response."""
        if self.request is not None:
            self.request.close_connection = True
