"""A plain client for the moments that need one request on one connection."""
import socket


def client(server):
    return socket.create_connection(("127.0.0.1", server.port), 15)


def ask(connection, path):
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())


def head_of(connection):
    """The answer's head (with what came with it), or what there was before the end."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = connection.recv(65536)
        if not piece:
            break
        answer += piece
    return answer


def status_of(connection):
    head = head_of(connection)
    return int(head[9:12]) if head.startswith(b"HTTP/1.") else 0


def server_field(server):
    """What its Server field says."""
    with client(server) as connection:
        ask(connection, "/")
        for line in head_of(connection).split(b"\r\n"):
            if line.lower().startswith(b"server:"):
                return line.split(b":", 1)[1].strip().decode("latin-1")
    return "none"
