"""What has to work through any proxy. `front(address)` is a context: the proxy in front of a server at
that address, as in its recipe; it gives the port for clients."""

import hashlib
import os
import signal
import time

import programs
from client import Client, Load, Raw, ask, check
from programs import until

LARGE = 20 << 20
RESTARTS = 4
EVENTS = 20
CORKED = 0.2  # seconds that the kernel keeps what a proxy announces to be followed by more
REQUESTS = 25  # that the clients get answered between two restarts


def streams(tools, front):
    """Events arrive one by one while the stream goes on, and a client that leaves is forgotten"""
    with programs.example(tools, "events") as server, front(server.address) as port:
        listeners = [Raw(port) for _ in range(3)]
        for listener in listeners:
            listener.send(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
            check(b"text/event-stream" in listener.read_to(b"\r\n\r\n"))
        took = []
        for number in range(EVENTS):
            began = time.monotonic()
            ask(port, "/say", "POST", b"%d" % number)
            for listener in listeners:
                listener.read_to(b"data: %d\n\n" % number)
            took.append(time.monotonic() - began)
        # What is kept back is so each time.
        check(sorted(took)[EVENTS // 2] < CORKED / 2, f"the events took {took} s")
        full = len(server.connections())
        for listener in listeners[1:]:
            listener.socket.close()
        until(lambda: len(server.connections()) <= full - 2, "the server sees that clients have left")
        ask(port, "/say", "POST", b"last")
        listeners[0].read_to(b"data: last\n\n")
        listeners[0].socket.close()


def leaves_while_it_waits(tools, front):
    """A client that leaves before its answer has begun is seen too"""
    with programs.command(tools, *tools.application) as server, front(server.address) as port:
        with Raw(port) as client:
            client.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            until(server.connections, "the request arrives")
        until(lambda: ask(port, "/left")[2] == b"yes", "the application sees that the client has left")


def websocket(tools, front):
    """WebSocket: a handshake, and frames there and back"""
    with programs.example(tools, "websocket_echo") as server, front(server.address) as port:
        with Raw(port) as client:
            client.send(
                b"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
            head = client.read_to(b"\r\n\r\n").lower()
            check(head.startswith(b"http/1.1 101"), head)
            check(b"s3pplmbitxaq9kygzzhzrbk+xoo=" in head, head)
            for text in (b"one", b"two"):
                client.send(_frame(0x81, text))
                check(client.read(2 + len(text)) == bytes([0x81, len(text)]) + text)
            client.send(_frame(0x88, (1000).to_bytes(2, "big")))
            check(client.read(4) == b"\x88\x02" + (1000).to_bytes(2, "big"))


def _frame(kind, data):
    mask = os.urandom(4)
    return bytes([kind, 0x80 | len(data)]) + mask + bytes(
        byte ^ mask[at % 4] for at, byte in enumerate(data))


def large_bodies(tools, front):
    """Large bodies: up with a length and in chunks, kept by the proxy or not, and down"""
    body = os.urandom(1 << 16) * (LARGE >> 16)
    digest = hashlib.sha256(body).hexdigest().encode()
    pieces = [body[at : at + (1 << 20)] for at in range(0, len(body), 1 << 20)]
    with programs.command(tools, *tools.application) as server, front(server.address) as port:
        with Client(port) as client:
            for path in ("/upload", "/upload-kept"):
                check(client.ask(path, "POST", body)[2] == digest, path, "with a length")
                check(client.ask(path, "POST", iter(pieces))[2] == digest, path, "in chunks")
    with programs.serve(tools) as server, front(server.address) as port, Client(port) as client:
        status, _, answer = client.ask(f"/large/{LARGE}")
        check(status == 200 and answer == b"x" * LARGE, status, len(answer))
        status, _, answer = client.ask("/stream/2000")
        check(status == 200 and len(answer) == 2000 << 10, status, len(answer))


def asks_before_it_sends(tools, front):
    """Expect: 100-continue: the client is told to go on, and its body arrives"""
    with programs.serve(tools) as server, front(server.address) as port, Raw(port) as client:
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
                    b"Connection: close\r\nExpect: 100-continue\r\n\r\n")
        check(client.read_to(b"\r\n\r\n").startswith(b"HTTP/1.1 100 "))
        client.send(b"body")
        check(client.read_to(b"\r\n\r\n").startswith(b"HTTP/1.1 200 "))
        check(client.read_all().endswith(b"body"))


def reuses_connections(server, front):
    """One connection to the server carries the requests of one client"""
    with front(server.address) as port, Client(port) as client:
        client.ask("/")
        used = server.connections()
        for _ in range(20):
            check(client.ask("/")[0] == 200)
            check(server.connections() == used, used, server.connections())


def outlives_idle_connections(tools, front, **options):
    """No request fails where the server closes idle connections before the proxy does"""
    idle = 0.15
    options["keep_alive_timeout"] = idle
    with programs.serve(tools, **options) as server, front(server.address) as port:
        with Client(port) as client:
            for step in range(20):
                status = client.ask("/")[0]
                check(status == 200, status, step)
                time.sleep(idle * (0.9 + step / 100))  # around the moment when the server closes


def restarts(front, address, start):
    """A server that is replaced under load, its socket held by another: no request fails"""
    server = start()
    try:
        with front(address) as port, Load(port) as load:
            for _ in range(RESTARTS):
                seen = load.count
                until(lambda: load.count >= seen + REQUESTS, "requests are answered")
                server.stop(signal.SIGTERM)
                server.__exit__()
                server = start()
            seen = load.count
            until(lambda: load.count >= seen + REQUESTS, "requests are answered by the last one")
        check(not load.failures, f"{len(load.failures)} of {load.count} failed", load.failures[:5])
    finally:
        server.__exit__()
