"""Starts one of the Python servers with the application of apps.py on a free port.

    serve.py ours|cheroot|bjoern|granian|bare THREADS
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


def bare(port, threads):
    """No HTTP: what a body costs that goes through a socket, and nothing else."""
    import os

    buffer = bytearray(1 << 20)
    with socket.create_server(("127.0.0.1", port)) as listening:
        say(port)
        while True:
            connection, _ = listening.accept()
            head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
            if head.startswith(b"POST"):
                size = int(head.rpartition(b" ")[2])
                total = len(body)
                while total < size:
                    total += connection.recv_into(buffer)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n%d" % total)
            elif head:
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
                with open(head.split(b" ")[1].partition(b"?")[2], "rb") as file:
                    offset, size = 0, os.fstat(file.fileno()).st_size
                    while offset < size:
                        offset += os.sendfile(connection.fileno(), file.fileno(), offset, size)
            connection.close()


SERVERS = {"bare": bare, "ours": ours, "cheroot": cheroot, "bjoern": bjoern, "granian": granian}

if __name__ == "__main__":
    main(*sys.argv[1:])
