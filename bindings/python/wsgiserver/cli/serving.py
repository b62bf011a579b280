"""Serving in this process, until a signal or the application ends it."""

import contextlib
import os
import queue
import signal
import threading

from .. import addresses
from ..cherrypy_server import CherryPyWSGIServer
from ..http_server import HTTPServer
from . import application, log
from .errors import starting

_HURRY = "stopped without waiting for the requests in work"


def serve(options):
    """Loads the application and serves it: the exit status."""
    app = application.load(options.app)
    stops = Stops(signal.SIGINT, signal.SIGTERM)
    # What systemd hands over takes the place of --bind; the server finds it by itself.
    server = prepare(options, app, [] if addresses.sockets_of_systemd() else options.bind)
    log.say_started(options, server.bound_addrs)
    stops.watch(server)
    try:
        server.serve()
    except SystemExit as error:
        # Of the application, and logged. Nobody has asked for a stop, so it is none that went well.
        return error.code if isinstance(error.code, int) and error.code != 0 else 1
    log.say("stopped")
    return 0


def prepare(options, app, listeners):
    """A server that has begun to serve, on addresses or on sockets."""
    with starting():
        server = make_server(options, app)
        server.access_log = 1 if options.access_log == "-" else options.access_log
        for listener in listeners:
            server.listen(address_of(listener) if isinstance(listener, str) else listener)
        server.prepare()
        return server


def make_server(options, app):
    """A server that listens on nothing yet."""
    if application.is_gateway(app):
        server = HTTPServer(None, app, options.threads, options.max_threads)
    else:
        server = CherryPyWSGIServer(None, app, numthreads=options.threads, max=options.max_threads)
    server.multiprocess = options.workers > 1
    for name, text in options.settings.items():
        server.set(name, text)
    return server


def address_of(text):
    """What --bind was given, as the library takes it. Without a port, and no path, it is wrong."""
    if addresses.is_host_and_port(text) or text.startswith(("@", "/", "unix:")) or "/" in text:
        return text
    raise ValueError(f"--bind {text}: an address is HOST:PORT, [IPV6]:PORT, a path with a /, or @NAME")


class Stops:
    """Reasons to stop. Signals are one: a thread of its own stops the server, so that nothing is
    raised into what the main thread is at. A second signal is for who cannot wait."""

    def __init__(self, *signals):
        self._reasons = queue.SimpleQueue()  # put is safe in a signal handler
        self._signalled = False
        for number in signals:
            signal.signal(number, self._handle)

    def put(self, reason):
        """Another reason."""
        self._reasons.put(reason)

    def put_at_end_of(self, descriptor):
        """The end of what is read from the descriptor is a reason."""

        def read():
            os.read(descriptor, 1)
            self.put("end")

        threading.Thread(target=read, daemon=True, name="end").start()

    def wait(self):
        """Until there is a reason."""
        self._reasons.get()

    def watch(self, server):
        """Stops the server when there is a reason, or was one already."""
        threading.Thread(target=self._stop, args=(server,), daemon=True, name="stops").start()

    def _stop(self, server):
        self.wait()
        server.stop()

    def _handle(self, number, _frame):
        if self._signalled:
            with contextlib.suppress(OSError):
                os.write(2, f"wsgiserver: {_HURRY}\n".encode())
            os._exit(128 + number)
        self._signalled = True
        self._reasons.put(number)
