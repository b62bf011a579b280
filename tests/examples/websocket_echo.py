"""Talks WebSocket (RFC 6455) to examples/c/websocket_echo.c, by hand.
usage: websocket_echo.py PROGRAM"""
import base64
import contextlib
import hashlib
import http.client
import os
import re
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile

DEADLINE = 20
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname, CONTEXT.verify_mode = False, ssl.CERT_NONE
over_tls = False


def main():
    global over_tls
    with tempfile.TemporaryDirectory() as folder:
        for over_tls in (False, True):
            print("  over TLS:" if over_tls else "  over TCP:")
            converse(certificate_in(folder) if over_tls else [])


def certificate_in(folder):
    key, certificate = f"{folder}/key.pem", f"{folder}/certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    return ["--certificate", certificate, "--private-key", key]


def converse(options):
    process = subprocess.Popen([sys.argv[1], "--port", "0", *options], stdout=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        for test in TESTS:
            print(f"  {test.__name__.replace('_', ' ')}")
            test(port)
        print("  conversations are ended with a goodbye when the program ends")
        ends_with_a_goodbye(process, port)
    finally:
        process.kill()
        process.wait()


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), DEADLINE)
    return CONTEXT.wrap_socket(connection) if over_tls else connection


class WebSocket:
    def __init__(self, port, behind=b""):
        """`behind` is sent in one piece with the handshake."""
        self.socket = connect(port)
        key = base64.b64encode(os.urandom(16)).decode()
        request = (f"GET /echo HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\n"
                   f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                   f"Sec-WebSocket-Key: {key}\r\n\r\n")
        self.socket.sendall(request.encode() + behind)
        self.file = self.socket.makefile("rb")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.file.read(1)
        lines = head.decode().split("\r\n")
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        assert lines[0] == "HTTP/1.1 101 Switching Protocols", lines
        for field in ("Upgrade: websocket", "Connection: Upgrade",
                      f"Sec-WebSocket-Accept: {accept}"):
            assert field in lines, lines

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def receive(self):
        first, length = self.file.read(2)
        assert first & 0xF0 == 0x80 and length < 128, (first, length)
        if length > 125:
            size = 2 if length == 126 else 8
            length = int.from_bytes(self.file.read(size), "big")
        return first & 15, self.file.read(length)

    def expect_end(self, code):
        assert self.receive() == (CLOSE, struct.pack(">H", code) if code else b"")
        assert self.file.read() == b""
        self.socket.close()


def frame(opcode, data, final=True, masked=True):
    size = len(data)
    length = (bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
              if size < 65536 else b"\x7f" + size.to_bytes(8, "big"))
    length = bytes([length[0] | 128 * masked]) + length[1:]
    mask = os.urandom(4) if masked else b"\0\0\0\0"
    data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
    return bytes([128 * final | opcode]) + length + mask * masked + data


def messages_of_all_sizes_come_back(port):
    client = WebSocket(port)
    for size in (0, 1, 125, 126, 65535, 65536, 300_000):
        data = os.urandom(size)
        client.send(frame(BINARY, data))
        assert client.receive() == (BINARY, data)
    client.send(frame(TEXT, "grüße".encode()))
    assert client.receive() == (TEXT, "grüße".encode())
    client.send(frame(CLOSE, struct.pack(">H", 1000)))
    client.expect_end(1000)


def a_frame_right_behind_the_handshake_is_heard(port):
    client = WebSocket(port, frame(TEXT, b"early") + frame(TEXT, b"bird"))
    assert client.receive() == (TEXT, b"early")
    assert client.receive() == (TEXT, b"bird")
    client.socket.close()


def a_message_in_pieces_with_a_ping_between(port):
    client = WebSocket(port)
    client.send(frame(TEXT, b"in ", final=False), frame(PING, b"there?"),
                frame(0, b"two ", final=False), frame(0, b"pieces"))
    assert client.receive() == (PONG, b"there?")
    assert client.receive() == (TEXT, b"in two pieces")
    client.send(frame(CLOSE, b""))
    client.expect_end(None)


def mistakes_end_it_with_their_code(port):
    for mistake, code in ((frame(TEXT, b"bare", masked=False), 1002),
                          (frame(0, b"continues nothing"), 1002),
                          (frame(11, b""), 1002),
                          (frame(TEXT, b"\xff"), 1007),
                          (frame(PING, b"x" * 126), None),  # wslay gives no code
                          (bytes([0xC1]) + frame(TEXT, b"")[1:], 1002),
                          (b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"mask.", 1009)):
        client = WebSocket(port)
        client.send(mistake)
        client.expect_end(code)


def many_at_once(port):
    clients = [WebSocket(port) for _ in range(50)]
    for number, client in enumerate(clients):
        client.send(frame(TEXT, b"%d" % number))
    for number, client in enumerate(clients):
        assert client.receive() == (TEXT, b"%d" % number)
        client.socket.close()


def both_directions_at_once(port):
    """In one thread: a socket under Python's ssl is not for two."""
    client, data = WebSocket(port), os.urandom(1 << 16)
    connection, left = client.socket, memoryview(frame(BINARY, data) * 64)
    expected, came = frame(BINARY, data, masked=False) * 64, bytearray()
    connection.setblocking(False)
    while len(came) < len(expected):
        ready = select.select([connection], [connection] if left else [], [], DEADLINE)
        assert any(ready), f"{len(came)} of {len(expected)} bytes came"
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if left:
                left = left[connection.send(left[:65536]):]
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            while piece := connection.recv(65536):
                came += piece
            raise AssertionError(f"the end after {len(came)} of {len(expected)} bytes")
    assert came == expected
    connection.close()


def what_is_no_handshake_is_answered(port):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode()}
    for method, headers, status in (("GET", {}, 200), ("GET", upgrade, 400),
                                    ("POST", upgrade | key, 400),
                                    ("GET", upgrade | key | {"Sec-WebSocket-Version": "8"}, 426)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        connection.sock = connect(port)
        connection.request(method, "/", headers=headers)
        answer = connection.getresponse()
        assert answer.status == status, answer.status
        assert answer.getheader("Sec-WebSocket-Version") == "13"
        answer.read()
        connection.close()


def pages_of_other_sites_are_refused(port):
    origins = {"http://test": 101, "https://TEST": 101, None: 101, "http://evil.example": 403,
               "http://test.evil.example": 403, "http://test:81": 403, "null": 403, "test": 403,
               "": 403}
    for origin, status in origins.items():
        lines = handshake("HTTP/1.1", *[] if origin is None else [f"Origin: {origin}"])
        assert first_line(port, lines).startswith(f"HTTP/1.1 {status} "), (origin, status)


def an_upgrade_from_1_0_is_a_plain_request(port):
    assert first_line(port, handshake("HTTP/1.0")).startswith("HTTP/1.1 200 ")


def handshake(version, *fields):
    return "\r\n".join([f"GET /echo {version}", "Host: test", "Connection: Upgrade", "Upgrade: websocket",
                        "Sec-WebSocket-Version: 13",
                        f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}", *fields, "", ""])


def first_line(port, request):
    with connect(port) as connection:
        connection.sendall(request.encode())
        with connection.makefile("rb") as answer:
            return answer.readline().decode()


TESTS = [pages_of_other_sites_are_refused, an_upgrade_from_1_0_is_a_plain_request,
         messages_of_all_sizes_come_back, a_frame_right_behind_the_handshake_is_heard,
         a_message_in_pieces_with_a_ping_between, mistakes_end_it_with_their_code, many_at_once,
         both_directions_at_once, what_is_no_handshake_is_answered]


def ends_with_a_goodbye(process, port):
    client, silent = WebSocket(port), WebSocket(port)
    client.send(frame(TEXT, b"hello"))
    assert client.receive() == (TEXT, b"hello")
    process.send_signal(signal.SIGTERM)
    assert client.receive() == (CLOSE, struct.pack(">H", 1001))
    client.send(frame(CLOSE, struct.pack(">H", 1001)))
    client.socket.close()
    assert process.wait(DEADLINE) == 0
    silent.expect_end(1001)


if __name__ == "__main__":
    main()
