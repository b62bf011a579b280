"""What examples/c/tls.c serves, to curl and to Python's ssl, and how it reads its certificate again.
usage: tls.py PROGRAM"""
import hashlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

DEADLINE = 20
program = sys.argv[1]


def main():
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([program, "--port", "0", "--folder", folder],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            port = int(re.search(r"https://localhost:(\d+)/", process.stdout.readline())[1])
            checks(process, port, Path(folder))
        finally:
            process.kill()
            process.wait()


def checks(process, port, folder):
    command = process.stdout.readline().split()
    for version in ("1.2", "1.3"):
        print(f"  the command that it tells, with TLS {version}")
        said = subprocess.run([*command, "-s", f"--tlsv{version}", "--tls-max", version],
                              capture_output=True, text=True, timeout=DEADLINE)
        assert said.stdout == f"Hello over TLSv{version}!\n", said
    print("  Python's ssl, several requests on a connection")
    context = ssl.create_default_context(cafile=folder / "server.pem")
    context.set_alpn_protocols(["http/1.1"])
    with socket.create_connection(("localhost", port), DEADLINE) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as client:
            assert client.selected_alpn_protocol() == "http/1.1"
            for _ in range(3):
                client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answer = b""
                while not answer.endswith(b"0\r\n\r\n"):
                    answer += client.recv(4096)
                assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
            before = fingerprint(client)
    print("  plain HTTP is told what is wrong, and the end is clean")
    with socket.create_connection(("localhost", port), DEADLINE) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: plain.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), answer
    assert answer.endswith(b"this server only speaks HTTPS on this port."), answer
    print("  a certificate that is not in order changes nothing")
    shutil.copy(folder / "server.pem", folder / "kept.pem")
    (folder / "server.pem").write_text("no certificate")
    process.send_signal(signal.SIGHUP)
    assert process.stdout.readline() == "The certificate stays as it was\n"
    assert "server.pem" in process.stderr.readline()
    with connect(port, folder / "kept.pem") as client:
        assert fingerprint(client) == before
    print("  a new pair is read by SIGHUP")
    (folder / "server.pem").unlink()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder / "server.key", "-out", folder / "server.pem"],
        check=True, capture_output=True)
    process.send_signal(signal.SIGHUP)
    assert process.stdout.readline() == "The certificate was read again\n"
    with connect(port, folder / "server.pem") as client:
        assert fingerprint(client) != before
    print("  wrong arguments, a busy port, a folder that is not there")
    for arguments, code in ((["--what"], 2), (["--port", str(port), "--folder", str(folder)], 1),
                            (["--port", "0", "--folder", "/nowhere"], 1)):
        run = subprocess.run([program, *arguments], capture_output=True, timeout=DEADLINE)
        assert run.returncode == code and run.stderr.count(b"\n") == 1, run
    print("  SIGTERM ends it")
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0


def connect(port, authority):
    context = ssl.create_default_context(cafile=authority)
    plain = socket.create_connection(("localhost", port), DEADLINE)
    return context.wrap_socket(plain, server_hostname="localhost")


def fingerprint(client):
    return hashlib.sha256(client.getpeercert(binary_form=True)).hexdigest()


if __name__ == "__main__":
    main()
