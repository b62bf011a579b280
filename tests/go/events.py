"""What examples/go/events sends to whom.
usage: events.py PROGRAM"""
import socket
import time

from program import DEADLINE, request, started

MANY = 200


class Listener:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self.data = b""
        self.socket.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        self.until(b"\r\n\r\n")
        assert self.data.startswith(b"HTTP/1.1 200") and b"text/event-stream" in self.data, self.data

    def until(self, end):
        while end not in self.data:
            data = self.socket.recv(4096)
            assert data, self.data
            self.data += data


with started() as port:
    listeners = [Listener(port) for _ in range(MANY)]
    for line in (b"one", b"two"):
        assert request(port, "POST", "/say", line)[2] == b"%d\n" % MANY
        for listener in listeners:
            listener.until(b"data: " + line + b"\n\n")
    # who leaves is forgotten, with nothing being said to them
    for listener in listeners[1:]:
        listener.socket.close()
    until = time.monotonic() + DEADLINE
    while request(port, "POST", "/say", b"still there?")[2] != b"1\n":
        assert time.monotonic() < until, "those who left are still counted"
        time.sleep(0.01)
    assert request(port, "POST", "/say", b"x" * 1001)[0] == 413
# the stream ends with the server, in order
listeners[0].until(b"0\r\n\r\n")
