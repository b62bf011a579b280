"""Clients of the soak that mean no good. Each makes one connection; what it must get is an answer
that refuses it, the end of the connection, or both, within a minute: never a thread for itself."""
import contextlib
import socket
import struct
import time

from soak_clients import WrongAnswer

# A client is refused once the server's time-outs (ten seconds each) are over.
PATIENCE = 60


def slow_head(server, way, chance):
    """A byte now and then, and no end."""
    with server.connect(way) as connection:
        drip(connection, b"GET / HTTP/1.1\r\nHost: soak\r\nX-Slow: " + b"x" * 4000, chance)
    return 0


def slow_body(server, way, chance):
    head = b"POST / HTTP/1.1\r\nHost: soak\r\nContent-Length: 100000\r\n\r\n"
    with server.connect(way) as connection:
        connection.sendall(head + b"x" * chance.randint(0, 90000))
        drain_until_end(connection, time.monotonic() + PATIENCE)
    return 0


def silent(server, way, chance):
    """Says nothing: on a TLS port no handshake begins."""
    with server.connect("tcp" if way == "tls" else way) as connection:
        drain_until_end(connection, time.monotonic() + PATIENCE)
    return 0


def garbage(server, way, chance):
    """Bytes that are neither HTTP nor TLS, or the other of the two."""
    kinds = [chance.randbytes(chance.randint(1, 3000)), b"\x16\x03\x01\x02\x00\x01" + bytes(600)]
    kinds += [b"GET / HTTP/1.1\r\nHost: soak\r\n\r\n", b"\r\n" * 500, b"\x00" * 100]
    address = server.addresses["tls" if way == "tls" else "tcp"]
    with socket.create_connection(address, PATIENCE) as connection:
        send_what_is_taken(connection, chance.choice(kinds[: 2 if way != "tls" else 5]) + b"\r\n\r\n")
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        drain_until_end(connection, time.monotonic() + PATIENCE)
    return 0


def half_hello(server, way, chance):
    """The beginning of a TLS handshake, and no more."""
    with server.connect("tcp") as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        drain_until_end(connection, time.monotonic() + PATIENCE)
    return 0


def header_flood(server, way, chance):
    """Fields without end: 431 or 400."""
    with server.connect(way) as connection:
        flood = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 100) for number in range(2000))
        send_what_is_taken(connection, b"GET / HTTP/1.1\r\nHost: soak\r\n" + flood)
        expect_refusal(connection, (b"431", b"400"))
    return 0


def chunk_flood(server, way, chance):
    """Far more of chunk extensions than of data: 400."""
    chunk = b"1;" + b"e" * 2000 + b"\r\nx\r\n"
    with server.connect(way) as connection:
        send_what_is_taken(
            connection,
            b"POST / HTTP/1.1\r\nHost: soak\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 200,
        )
        expect_refusal(connection, (b"400", b"431"))
    return 0


def slow_reader(server, way, chance):
    """Asks for much and takes little."""
    return take_little(server, way, chance, b"/large/4000000")


def slow_stream_reader(server, way, chance):
    """The same where the application writes piece by piece."""
    return take_little(server, way, chance, b"/stream/4000")


def take_little(server, way, chance, path):
    with server.connect(way) as connection:
        connection.sendall(b"GET %s HTTP/1.1\r\nHost: soak\r\n\r\n" % path)
        connection.settimeout(PATIENCE)
        end = time.monotonic() + chance.uniform(1, 15)
        with contextlib.suppress(OSError):
            while time.monotonic() < end and connection.recv(512):
                time.sleep(0.2)
    return 0


def long_stream_reader(server, way, chance):
    """A stream that is longer than what the server may keep in memory."""
    return take_little(server, way, chance, b"/stream/400000")


def dripping_upload(server, way, chance):
    """Enough for the application to be called, and then a byte before each time-out is over."""
    head = b"POST /upload HTTP/1.1\r\nHost: soak\r\nContent-Length: 1000000000\r\n\r\n"
    with server.connect(way) as connection:
        connection.sendall(head + b"x" * 70000)
        # No longer than a replaced server drains, which must not cut anything.
        end = time.monotonic() + chance.uniform(1, 8)
        with contextlib.suppress(OSError):
            while time.monotonic() < end:
                connection.settimeout(chance.uniform(1, 4))
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(1000):
                        break
                connection.sendall(b"x")
    return 0


def burst(server, way, chance):
    """Most of a large head and body in one piece, and no more."""
    head = b"POST /upload HTTP/1.1\r\nHost: soak\r\n" + (b"X-Long: " + b"x" * 7000 + b"\r\n") * 8
    length = b"Content-Length: 65536\r\n\r\n" if chance.random() < 0.5 else b""
    with server.connect(way) as connection:
        send_what_is_taken(connection, head + length + b"x" * 60000 * bool(length))
        drain_until_end(connection, time.monotonic() + PATIENCE)
    return 0


def expecting(server, way, chance):
    """Waits to be told to go on, and leaves."""
    head = b"POST /upload HTTP/1.1\r\nHost: soak\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
    with server.connect(way) as connection:
        connection.sendall(head)
        connection.settimeout(chance.uniform(0, 3))
        with contextlib.suppress(OSError):
            connection.recv(1000)
    return 0


def pipelining_flood(server, way, chance):
    """Hundreds of requests, and not one answer read."""
    with server.connect(way) as connection:
        connection.settimeout(2)
        send_what_is_taken(connection, b"GET /large/2000 HTTP/1.1\r\nHost: soak\r\n\r\n" * 2000)
        time.sleep(chance.uniform(0, 5))
    return 0


def slow_upload(server, way, chance):
    """More than is read ahead, so that the application waits for it, and then no more."""
    head = b"POST /upload HTTP/1.1\r\nHost: soak\r\nContent-Length: 1000000\r\n\r\n"
    with server.connect(way) as connection:
        connection.sendall(head + b"x" * 100000)
        drain_until_end(connection, time.monotonic() + PATIENCE)
    return 0


def knocking(server, way, chance):
    """Half a head, which makes no room for others, and a new connection after each refusal."""
    with server.connect(way) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Half: ")
        drain_until_end(connection, time.monotonic() + PATIENCE)
    return 0


def resetting(server, way, chance):
    """Leaves in the middle of a large answer, as one that crashes does."""
    with server.connect(way) as connection:
        connection.sendall(b"GET /large/1000000 HTTP/1.1\r\nHost: soak\r\n\r\n")
        connection.recv(1000)
        time.sleep(chance.uniform(0, 0.1))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return 0


def half_closed(server, way, chance):
    """Says that nothing more comes, and takes little of the answer."""
    with server.connect("tcp" if way == "tls" else way) as connection:
        connection.sendall(b"GET /large/1000000 HTTP/1.1\r\nHost: soak\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1000)
        time.sleep(chance.uniform(0, 5))
    return 0


def drip(connection, data, chance):
    end = time.monotonic() + PATIENCE
    connection.settimeout(chance.uniform(0.1, 0.5))
    for byte in data:
        try:
            connection.sendall(bytes([byte]))
            if not connection.recv(1000):
                return
        except TimeoutError:
            if time.monotonic() > end:
                raise WrongAnswer(f"still there after {PATIENCE} s of dripping")
        except OSError:
            return


def send_what_is_taken(connection, data):
    """The server may hang up on it before the end."""
    with contextlib.suppress(OSError):
        connection.sendall(data)


def expect_refusal(connection, statuses):
    said = drain_until_end(connection, time.monotonic() + PATIENCE)
    if said and said[9:12] not in statuses:
        raise WrongAnswer(f"not refused: {said[:60]!r}")


def drain_until_end(connection, deadline):
    """What the server says until it hangs up; WrongAnswer if it does not."""
    said = b""
    try:
        while True:
            connection.settimeout(max(0.01, deadline - time.monotonic()))
            data = connection.recv(65536)
            if not data:
                return said
            said += data
    except TimeoutError:
        raise WrongAnswer("the connection was left open")
    except OSError:
        return said
