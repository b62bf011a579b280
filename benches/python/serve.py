"""Starts one of the Python servers with the application of apps.py on a free port.

    serve.py ours|cheroot|bjoern|granian THREADS
"""
import socket
import sys

from apps import app


def main(name, threads):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    SERVERS[name](port, int(threads))


def say(port):
    print(f"listening on http://127.0.0.1:{port}", flush=True)


def ours(port, threads):
    import signal

    from wsgiserver import CherryPyWSGIServer

    server = CherryPyWSGIServer(("127.0.0.1", port), app, numthreads=threads)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.prepare()
    say(port)
    try:
        server.serve()
    finally:
        server.stop()


def cheroot(port, threads):
    from cheroot.wsgi import Server

    server = Server(("127.0.0.1", port), app, numthreads=threads)
    server.prepare()
    say(port)
    server.serve()


def bjoern(port, threads):
    import bjoern

    bjoern.listen(app, "127.0.0.1", port)
    say(port)
    bjoern.run()


def granian(port, threads):
    from granian import Granian

    server = Granian(
        "apps:app",
        address="127.0.0.1",
        port=port,
        interface="wsgi",
        blocking_threads=threads,
        websockets=False,
        log_enabled=False,
    )
    server.on_startup(lambda: say(port))
    server.serve()


SERVERS = {"ours": ours, "cheroot": cheroot, "bjoern": bjoern, "granian": granian}

if __name__ == "__main__":
    main(*sys.argv[1:])
