"""What examples/c/middleware.c makes of an answer, and what it says about it.
usage: middleware.py PROGRAM"""
import http.client
import re
import signal
import subprocess
import sys

DEADLINE = 20


def main():
    process = subprocess.Popen([sys.argv[1], "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        print("  the body is in capitals, a header is added, the bytes are counted")
        for name in ("you", "x" * 8000):
            ask(connection, "GET", "/a?" + name, 200, f"HELLO, {name.upper()}\n")
            said(process, f"GET /a: 200, {len(name) + 8} bytes\n")
        print("  a restart and HEAD pass through")
        ask(connection, "GET", "/b", 404, "HELLO, \n")
        said(process, "GET /b: 404, 8 bytes\n")
        ask(connection, "HEAD", "/c?you", 200, "")
        said(process, "HEAD /c: 200, 11 bytes\n")
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()


def ask(connection, method, target, status, body):
    connection.request(method, target)
    answer = connection.getresponse()
    assert answer.status == status, answer.status
    assert answer.getheader("Content-Type") == "text/plain"
    assert answer.getheader("X-Volume") == "11"
    assert answer.read().decode() == body


def said(process, expected):
    line = process.stdout.readline()
    assert line == expected, line


if __name__ == "__main__":
    main()
