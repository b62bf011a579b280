"""The good clients of the soak. Each makes one connection, knows the fixture's right answers, and
returns how many requests were answered."""
import socket
import struct
import time

# The server's option `timeout`, in seconds.
TIMEOUT = 10


class WrongAnswer(Exception):
    """A whole request was answered wrongly, or not at all."""


class NoAnswer(Exception):
    """The connection ended before the first byte of an answer, or the server waited in vain."""


def warm_up(server):
    """As many connections at once as the test has clients, so that what is made once is made."""
    connections = [server.connect(way) for way in ("tcp", "tls", "unix") for _ in range(24)]
    for connection in connections:
        exchange(connection, [("GET", "/", b"", b"OK")])
        connection.close()


def normal(server, way, chance):
    """Keep-alive, one request after the other."""
    answered = 0
    with server.connect(way) as connection:
        for _ in range(chance.randint(1, 50)):
            goes_on = exchange(connection, [a_request(chance)])
            answered += 1
            if not goes_on:
                break
    return answered


def pipelining(server, way, chance):
    """Up to 80 requests in one packet."""
    with server.connect(way) as connection:
        requests = [a_request(chance, 200) for _ in range(chance.randint(2, 80))]
        connection.sendall(b"".join(map(raw, requests)))
        with connection.makefile("rb") as answers:
            for number, request in enumerate(requests, 1):
                # What comes behind an answer that closes was never taken as a request (RFC 9112, 9.6).
                if not check(request, answers):
                    return number
        return len(requests)


def half_closing(server, way, chance):
    """One request and the end of our side together: answered all the same."""
    request = a_request(chance)
    with server.connect("tcp" if way == "tls" else way) as connection:
        connection.sendall(raw(request))
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answers:
            check(request, answers)
            if answers.read(1):
                raise WrongAnswer("bytes after the last answer")
    return 1


def slow(server, way, chance):
    """A few bytes at a time, over about a second."""
    request = a_request(chance, 500)
    data = raw(request)
    with server.connect(way) as connection:
        pieces = chance.randint(5, 20)
        size = len(data) // pieces + 1
        for start in range(0, len(data), size):
            connection.sendall(data[start : start + size])
            time.sleep(1 / pieces)
        with connection.makefile("rb") as answers:
            check(request, answers)
    return 1


def resetting(server, way, chance):
    """Resets the connection in any phase: nothing sent, part of it, all of it, part read."""
    with server.connect("tcp" if way == "tls" else way) as connection:
        data = raw(a_request(chance, 200000))
        try:
            connection.sendall(data[: chance.choice([0, 1, len(data) // 2, len(data)])])
            if chance.random() < 0.5:
                time.sleep(chance.random() / 50)
            if chance.random() < 0.3:
                connection.settimeout(0.02)
                connection.recv(chance.randint(1, 1000))
        except OSError:
            pass  # the server may be the first to hang up on what it cannot use
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return 0


def a_request(chance, largest=100000):
    """(method, path, body, right answer); bodies up to `largest` bytes."""
    kind = chance.randrange(5)
    if kind == 0:
        size = chance.randint(1, largest)
        return "GET", f"/large/{size}", b"", b"x" * size
    if kind == 1:
        return "GET", f"/sleep/{chance.randint(1, 20)}", b"", b"OK"
    if kind == 2:
        body = chance.randbytes(chance.randint(1, largest))
        return "POST", "/", body, body
    return "GET", "/", b"", b"OK"


def raw(request):
    method, path, body, _ = request
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}\r\n".encode() + body


def exchange(connection, requests):
    """Sends all requests in one piece and checks their answers, in order; whether more may follow."""
    connection.sendall(b"".join(map(raw, requests)))
    with connection.makefile("rb") as answers:
        return all(check(request, answers) for request in requests)


def check(request, answers):
    """Whether the connection goes on behind this answer."""
    method, path, _, right = request
    status, body, goes_on = read_answer(answers)
    if status == 408:
        raise NoAnswer(f"{method} {path}: 408")
    if status != 200 or body != right:
        said = f"status {status}, {len(body)} bytes of {len(right)}"
        raise WrongAnswer(f"{method} {path}: {said}, {body[:20]!r}")
    return goes_on


def read_answer(answers):
    """Status and body of the next answer, and whether the connection goes on behind it."""
    try:
        line = answers.readline(8192)
    except ConnectionError as error:
        raise NoAnswer(repr(error)) from None
    if not line:
        raise NoAnswer("the connection ended")
    if not line.startswith(b"HTTP/1.") or not line[9:12].isdigit():
        raise WrongAnswer(f"no answer but {line[:60]!r}")
    fields = {}
    while (field := answers.readline(8192)) not in (b"\r\n", b""):
        name, _, value = field.partition(b":")
        fields[name.strip().lower()] = value.strip().lower()
    if fields.get(b"transfer-encoding") == b"chunked":
        body = b"".join(chunks(answers))
    else:
        length = int(fields.get(b"content-length", b"0"))
        body = answers.read(length)
        if len(body) < length:
            raise WrongAnswer(f"cut after {len(body)} of {length} bytes")
    return int(line[9:12]), body, fields.get(b"connection") != b"close"


def chunks(answers):
    while size := int(answers.readline(64).split(b";")[0] or b"0", 16):
        yield answers.read(size)
        answers.readline(8)
    while answers.readline(8192) not in (b"\r\n", b""):
        pass
