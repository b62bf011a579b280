"""Talks WebSocket (RFC 6455) to examples/go/websocket, by hand.
usage: websocket.py PROGRAM"""
import base64
import hashlib
import os
import socket

from program import DEADLINE, request, started

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class WebSocket:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /echo HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        self.file = self.socket.makefile("rb")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.file.read(1)
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest())
        assert head.startswith(b"HTTP/1.1 101 ") and accept in head, head

    def send(self, opcode, data):
        size = len(data)
        length = (bytes([size | 128]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
                  if size < 65536 else b"\xff" + size.to_bytes(8, "big"))
        self.socket.sendall(bytes([128 | opcode]) + length + b"\0\0\0\0" + data)

    def receive(self):
        first, length = self.file.read(2)
        if length > 125:
            length = int.from_bytes(self.file.read(2 if length == 126 else 8), "big")
        return first & 15, self.file.read(length)


with started() as port:
    client = WebSocket(port)
    for size in (0, 1, 125, 126, 65535, 65536, 300_000):
        data = os.urandom(size)
        client.send(BINARY, data)
        assert client.receive() == (BINARY, data)
    client.send(TEXT, "grüße".encode())
    assert client.receive() == (TEXT, "grüße".encode())
    client.send(PING, b"there?")
    assert client.receive() == (PONG, b"there?")
    client.send(CLOSE, (1000).to_bytes(2, "big"))
    assert client.receive()[0] == CLOSE
    assert client.file.read() == b""
    assert request(port, "GET", "/echo")[0] == 400
    others = [WebSocket(port) for _ in range(50)]
    for other in others:
        other.send(TEXT, b"all of us")
    for other in others:
        assert other.receive() == (TEXT, b"all of us")
        other.socket.close()
