"""What examples/c/hints.c sends, byte by byte.
usage: hints.py PROGRAM"""
import re
import signal
import socket
import subprocess
import sys

DEADLINE = 20


def main():
    process = subprocess.Popen([sys.argv[1], "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        print("  hints come before, trailers behind")
        hint, head, body = answer(port, "1.1").split(b"\r\n\r\n", 2)
        assert hint == (b"HTTP/1.1 103 Early Hints\r\n"
                        b"Link: </style.css>; rel=preload; as=style"), hint
        assert head.startswith(b"HTTP/1.1 200 OK\r\n") and b"Trailer: X-Rows" in head, head
        assert body.endswith(b"0\r\nX-Rows: 3\r\n\r\n"), body
        print("  a client of HTTP/1.0 gets neither")
        head, body = answer(port, "1.0").split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n"), head
        assert body.endswith(b"<p>row 3</p>\n"), body
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()


def answer(port, version):
    request = f"GET / HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as client:
        client.sendall(request.encode())
        return client.makefile("rb").read()


if __name__ == "__main__":
    main()
