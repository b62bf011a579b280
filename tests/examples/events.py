"""What examples/c/events.c sends to whom.
usage: events.py PROGRAM"""
import http.client
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time

DEADLINE = 20
MANY = 1000
MEMORY = 4096  # bytes that each may take
if "WSGISERVER_WATCHED" in os.environ:  # a tool that checks memory has some of its own
    MEMORY *= 20


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * MANY)), hard))
    process = subprocess.Popen([sys.argv[1], "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        print("  everybody hears what is said, in order, and costs no thread and little memory")
        # Enough that every thread has had some, and with them what it needs itself.
        warm = [Listener(port) for _ in range(MANY)]
        before = memory(process.pid)
        listeners = [Listener(port) for _ in range(MANY)]
        each = (memory(process.pid) - before) / MANY
        print(f"    {each:.0f} bytes for each stream that waits")
        assert each <= MEMORY, each
        for listener in warm:
            listener.socket.close()
        assert len(os.listdir(f"/proc/{process.pid}/task")) < 13  # ten workers, two more, and main
        for line in ("one", "two", "three"):
            assert request(port, "POST", "/say", line)[0] == 204
        for listener in listeners:
            listener.expect("data: one\n\n", "data: two\n\n", "data: three\n\n")
        print("  who leaves is forgotten at once, with nothing being said")
        before = descriptors(process.pid)
        for listener in listeners[1:]:
            listener.socket.close()
        until = time.monotonic() + DEADLINE
        while descriptors(process.pid) > before - (MANY - 1):
            assert time.monotonic() < until, "connections stay open"
            time.sleep(0.01)
        print("  and the others go on")
        assert request(port, "POST", "/say", "four\r\ndata: five")[0] == 204
        listeners[0].expect("data: four\n\n")
        print("  who has got the head hears what is said from then on")
        for number in range(300):
            newcomer = Listener(port)
            assert request(port, "POST", "/say", str(number))[0] == 204
            for listener in (newcomer, listeners[0]):
                listener.expect(f"data: {number}\n\n")
            newcomer.socket.close()
        print("  the page, and what is not there")
        assert b"EventSource" in request(port, "GET", "/")[1]
        assert request(port, "GET", "/say")[0] == 404
        print("  a stop ends a stream with its last chunk")
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
        assert listeners[0].rest() == b"0\r\n\r\n"
    finally:
        process.kill()
        process.wait()


class Listener:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self.data = b""
        self.socket.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        head = self.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and b"text/event-stream" in head, head

    def until(self, end):
        while end not in self.data:
            data = self.socket.recv(4096)
            assert data, self.data
            self.data += data
        taken, _, self.data = self.data.partition(end)
        return taken

    def rest(self):
        while data := self.socket.recv(4096):
            self.data += data
        return self.data

    def expect(self, *events):
        """Each event is one chunk."""
        for event in events:
            assert int(self.until(b"\r\n"), 16) == len(event)
            assert self.until(b"\r\n").decode() == event


def memory(pid):
    """Bytes of memory that are there; those of the kernel's sockets are not among them."""
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        return 1024 * int(re.search(r"^Anonymous: +(\d+) kB", lines.read(), re.MULTILINE)[1])


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def request(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    connection.request(method, path, body)
    answer = connection.getresponse()
    result = answer.status, answer.read()
    connection.close()
    return result


if __name__ == "__main__":
    main()
