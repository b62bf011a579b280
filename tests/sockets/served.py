"""The server program, with descriptors and variables that somebody hands over."""

import os
import signal
import socket
import subprocess
import sys

PATIENCE = 60

# Becomes the program: descriptors from 3 on, and what a service manager says of them.
HAND_OVER = """
import os, sys
count, pid = int(sys.argv[1]), sys.argv[2]
numbers = [os.dup(int(number)) for number in sys.argv[3:3 + count]]
moved = [os.dup2(number, 100 + index) for index, number in enumerate(numbers)]
for index, number in enumerate(moved):
    os.dup2(number, 3 + index)
    os.close(number)
os.closerange(3 + count, 3 + count + 100)
if pid:
    os.environ["LISTEN_PID"] = str(os.getpid()) if pid == "own" else pid
os.execv(sys.argv[3 + count], sys.argv[3 + count:])
"""


class Server:
    """`serve hello` with these arguments; `sockets` become its descriptors from 3 on."""

    def __init__(self, program, *arguments, sockets=(), pid="", **variables):
        numbers = [str(one.fileno()) for one in sockets]
        command = [sys.executable, "-c", HAND_OVER, str(len(numbers)), pid, *numbers,
                   program, "hello", "0", *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            pass_fds=[one.fileno() for one in sockets], env={**os.environ, **variables})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def listening(self):
        """The next address that it says it listens on."""
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line + self.process.stderr.read()
        return line.split()[-1].removeprefix("http://")

    def refusal(self):
        """Why it does not start."""
        _, errors = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 1, (self.process.returncode, errors)
        return errors

    def ask_to_stop(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """What it has said of errors."""
        if self.process.poll() is None:
            self.ask_to_stop()
        _, errors = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, (self.process.returncode, errors)
        return errors


def listener(family=socket.AF_INET, address=("127.0.0.1", 0)):
    made = socket.socket(family)
    made.bind(address)
    made.listen(1024)
    return made


def get(where, connection=None):
    """The answer's bytes, on a connection of its own."""
    with connection or connect(where) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return answer


def connect(where):
    if isinstance(where, str) and where.startswith(("unix:", "@")):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE)
        client.connect(where.removeprefix("unix:") if where[0] != "@" else "\0" + where[1:])
        return client
    if isinstance(where, str):
        host, port = where.rsplit(":", 1)
        where = (host.strip("[]"), int(port))
    return socket.create_connection(where, PATIENCE)
