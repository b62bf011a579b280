"""One case: sends its bytes, reads the answers, says what is wrong with them."""

import re
import select
import socket
import time

import ways

FIELDS = {"name", "row", "over", "options", "send", "expect", "closes", "saw"}
PIECES = {"text", "repeat", "whole", "fin", "await"}
ANSWERS = {"status", "headers", "order", "body", "head", "cut", "times", "optional", "trailers"}
ENDS = (None, True, False, "lingers", "announced")
PROBE = b"GET /204 HTTP/1.1\r\nHost: probe\r\n\r\n"
WHOLE_ABOVE = 4096  # a repeated run longer than this is not sent byte by byte


class Wrong(Exception):
    """What came is not what was expected."""


def check_case(case, file):
    """A misspelt field would silently test nothing."""
    unknown = set(case) - FIELDS
    for piece in case["send"]:
        unknown |= set() if isinstance(piece, str) else set(piece) - PIECES
    for answer in case["expect"]:
        unknown |= set(answer) - ANSWERS
    unknown |= set(case.get("over", [])) - set(ways.NAMES)
    if unknown or "row" not in case or case.get("closes") not in ENDS:
        raise SystemExit(f"{file}: {case['name']}: bad or missing field {sorted(unknown)}")


def play(case, connect, differs, split, deadline):
    """Plays one case on a socket that `connect` gives; None if all is as expected, else what is
    not. What the application sees in any case when it is reached like that `differs`."""
    connection = Connection(connect(), deadline)
    try:
        answers = Answers(case["expect"], connection)
        for piece in pieces_of(case["send"], split):
            if "await" in piece:
                answers.read_until_status(piece["await"])
            elif "fin" in piece:
                connection.finish()
            else:
                connection.send(piece["bytes"])
        answers.read_rest()
        saw = case.get("saw", {})
        check_saw({key: differs.get(key, value) for key, value in saw.items()}, answers)
        check_end(case.get("closes"), connection, answers.last_says_close)
        check_goodbye(case, connection)
    except Wrong as wrong:
        return str(wrong)
    finally:
        connection.close()
    return None


def pieces_of(send, split):
    """The pieces of a case as they go out: {"bytes": ...}, {"fin": true} or {"await": status}."""
    gathered = b""
    for piece in send:
        piece = {"text": piece} if isinstance(piece, str) else piece
        if "text" not in piece:
            if gathered:
                yield {"bytes": gathered}
            gathered = b""
            yield piece
            continue
        data = piece["text"].encode("latin-1") * piece.get("repeat", 1)
        is_long = "repeat" in piece and len(data) > WHOLE_ABOVE
        if split == "whole":
            gathered += data
        elif split == "bytes" and not is_long and not piece.get("whole"):
            for at in range(len(data)):
                yield {"bytes": data[at : at + 1]}
        else:
            yield {"bytes": data}
    if gathered:
        yield {"bytes": gathered}


class Connection:
    """A socket whose every wait has a deadline; reads while it sends, so that neither side waits
    for the other."""

    def __init__(self, connected, deadline):
        self.socket = connected
        self.socket.setblocking(False)
        self.deadline = deadline
        self.data = b""
        self.ended = None  # "closed" or "reset"
        self.refused = False  # the server takes no more

    def wait(self, readable, writable, what):
        ready = select.select(
            [self.socket] if readable else [], [self.socket] if writable else [], [], self.deadline
        )
        if not ready[0] and not ready[1]:
            raise Wrong(f"nothing within {self.deadline} s while {what}; so far {self.data!r:.300}")
        return ready

    def send(self, data):
        while data and not self.refused:
            readable, writable, _ = self.wait(self.ended is None, True, "sending")
            if readable:
                self.receive()
            if writable:
                try:
                    data = data[self.socket.send(data) :]
                except BlockingIOError:
                    pass
                except OSError:
                    self.refused = True

    def finish(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.refused = True

    def receive(self):
        """Takes what is there; true if something came."""
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return False
        except OSError:
            self.ended = "reset"
            return False
        if not data:
            self.ended = self.ended or "closed"
        self.data += data
        return bool(data)

    def more(self, what):
        """Waits for more; false if the connection has ended."""
        while self.ended is None:
            self.wait(True, False, what)
            if self.receive():
                return True
        return False

    def line(self, what):
        while b"\r\n" not in self.data:
            if not self.more(what):
                raise Wrong(f"the connection was {self.ended} in {what}: {self.data!r:.300}")
        line, self.data = self.data.split(b"\r\n", 1)
        return line

    def take(self, length):
        """Up to so many bytes; fewer if the connection ends."""
        while len(self.data) < length and self.more("reading a body"):
            pass
        taken, self.data = self.data[:length], self.data[length:]
        return taken

    def close(self):
        self.socket.close()


class Answers:
    """Reads the answers in order and compares each with the expected one."""

    def __init__(self, expected, connection):
        self.expected = [answer for answer in expected for _ in range(answer.get("times", 1))]
        self.connection = connection
        self.count = 0
        self.last_body = b""
        self.last_says_close = False

    def read_until_status(self, status):
        while self.expected:
            if self.read_one() == status:
                return
        raise Wrong(f"no answer {status} is expected here")

    def read_rest(self):
        while self.expected:
            self.read_one()

    def read_one(self):
        expected = self.expected.pop(0)
        self.count += 1
        where = f"answer {self.count}"
        if expected.get("optional") and not (self.connection.data or self.connection.more(where)):
            return None
        status, headers = read_head(self.connection, where)
        check_status(expected["status"], status, where)
        check_headers(expected, headers, where)
        self.last_says_close = ("connection", "close") in headers
        trailers = []
        body, whole = read_body(self.connection, int(status[:3]), headers, expected, trailers)
        check_trailers(expected, trailers, where)
        if expected.get("cut", False) is whole:
            raise Wrong(f"{where} {'is whole' if whole else 'was cut'}: {body!r:.200}")
        if "body" in expected and body != expand(expected["body"]):
            raise Wrong(f"{where} has the body {body!r:.300}, expected {expected['body']!r:.300}")
        self.last_body = body
        return int(status[:3])


def read_head(connection, where):
    line = connection.line(where).decode("latin-1")
    found = re.fullmatch(r"HTTP/1\.[01] (\d{3} [^\r\n]*)", line)
    if not found:
        raise Wrong(f"{where} begins with {line!r}")
    headers = []
    while line := connection.line(where).decode("latin-1"):
        name, colon, value = line.partition(": ")
        if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise Wrong(f"{where} has the header line {line!r}")
        headers.append((name.lower(), value))
    return found[1], headers


def check_status(expected, status, where):
    """A number, a whole status, or a list of numbers that will do."""
    if isinstance(expected, str):
        fits = status == expected
    else:
        fits = int(status[:3]) in (expected if isinstance(expected, list) else [expected])
    if not fits:
        raise Wrong(f"{where} is {status!r}, expected {expected!r}")


def check_headers(expected, headers, where):
    """null: there is none of that name; {"like": REGEX}; else exactly that value, once."""
    for name, value in expected.get("headers", {}).items():
        got = [given for key, given in headers if key == name.lower()]
        if value is None:
            fits = not got
        elif isinstance(value, dict):
            fits = len(got) == 1 and re.fullmatch(value["like"], got[0])
        else:
            fits = got == [value]
        if not fits:
            raise Wrong(f"{where} has {name}: {got}, expected {value!r}")
    order = [name.lower() for name in expected.get("order", [])]
    if order and [name for name, _ in headers if name in order] != order:
        raise Wrong(f"{where} has its headers as {[name for name, _ in headers]}, not {order}")


def check_trailers(expected, trailers, where):
    """All fields behind the body, in order; none where the case does not name them."""
    if trailers != [list(field) for field in expected.get("trailers", [])]:
        raise Wrong(f"{where} has the trailers {trailers}, not {expected.get('trailers', [])}")


def read_body(connection, status, headers, expected, trailers):
    """The body and whether it came to its proper end. Fields behind it go to `trailers`."""
    named = dict(headers)
    if status < 200 or status in (204, 304) or expected.get("head"):
        return b"", True
    if named.get("transfer-encoding", "").lower() == "chunked":
        return read_chunks(connection, trailers)
    if "content-length" in named:
        length = int(named["content-length"])
        body = connection.take(length)
        return body, len(body) == length
    body = b""
    while connection.more("reading a body to the end of the connection"):
        pass
    body, connection.data = connection.data, b""
    return body, connection.ended == "closed"


def read_chunks(connection, trailers):
    body = b""
    while True:
        while b"\r\n" not in connection.data:
            if not connection.more("reading a chunk size"):
                return body, False
        line = connection.line("a chunk size")
        if not re.fullmatch(rb"[0-9a-f]+", line):
            raise Wrong(f"a chunk size is {line!r}")
        size = int(line, 16)
        while size == 0 and peek(connection, 2) not in (b"", b"\r", b"\r\n"):
            name, _, value = connection.line("a trailer").decode("latin-1").partition(": ")
            trailers.append([name, value])
        data = connection.take(size)
        body += data
        if len(data) < size or connection.take(2) != b"\r\n":
            return body, False
        if size == 0:
            return body, True


def peek(connection, length):
    """The next bytes, fewer if the connection ends."""
    while len(connection.data) < length and connection.more("reading a trailer"):
        pass
    return connection.data[:length]


def expand(body):
    """A body is a string, or {"text": ..., "repeat": N}."""
    if isinstance(body, dict):
        return body["text"].encode("latin-1") * body["repeat"]
    return body.encode("latin-1")


def check_saw(saw, answers):
    """What the application saw, from the last answer's `KEY: value` lines; null: no such key."""
    text = answers.last_body.decode("latin-1")
    lines = dict(line.partition(": ")[::2] for line in text.split("\n") if line)
    for key, value in saw.items():
        if lines.get(key) != value:
            raise Wrong(f"the application saw {key} as {lines.get(key)!r}, expected {value!r}")


def check_goodbye(case, connection):
    """TLS: a proper end is announced, and one that cuts an answer is not."""
    if connection.ended != "closed" or not hasattr(connection.socket, "goodbye"):
        return
    cut = bool(case["expect"]) and case["expect"][-1].get("cut", False)
    if cut is not None and connection.socket.goodbye == cut:
        raise Wrong("a cut answer ended with a goodbye" if cut else "the end came without goodbye")


def check_end(closes, connection, says_close):
    if closes is None:
        return
    if closes == "announced":
        closes = "lingers" if says_close else False
    if closes is False:
        connection.send(PROBE)
        status, _ = read_head(connection, "the answer to a request afterwards")
        if status[:3] != "204":
            raise Wrong(f"a request afterwards was answered with {status!r}")
        return
    if closes == "lingers":  # what is still on its way is not answered with a reset
        connection.send(b"x" * 1024)
    begun = time.monotonic()
    while connection.more("waiting for the end of the connection"):
        if time.monotonic() - begun > connection.deadline:
            break
    if connection.data:
        raise Wrong(f"more came: {connection.data!r:.300}")
    if connection.ended != "closed":
        raise Wrong(f"the connection was {connection.ended}, not closed in order")
