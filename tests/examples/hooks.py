"""What examples/c/hooks.c answers and writes, and how it ends.
usage: hooks.py PROGRAM"""
import http.client
import re
import signal
import socket
import subprocess
import sys

DEADLINE = 20


def main():
    program = sys.argv[1]
    process = subprocess.Popen(
        [program, "--port", "0", "--threads", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())[1])
        print("  a thread's own data and a line for each request")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        for number in range(1, 6):
            connection.request("GET", f"/{number}", headers={"User-Agent": 'a "b"'})
            answer = connection.getresponse()
            assert answer.read().decode() == f"thread 0, request {number}\n"
            line = process.stdout.readline()
            pattern = (r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
                       rf'"GET /{number} HTTP/1\.1" 200 20 "" "a \?b\?"\n')
            assert re.fullmatch(pattern, line), line
        print("  a request that the server refuses has one too")
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as client:
            client.sendall(b"no request\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 400 ")
        line = process.stdout.readline()
        assert '"  " 400 ' in line, line
        print("  SIGTERM ends it, and each thread says what it has done")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0
        refused = "level 30, code 10: refused 400 to 127.0.0.1:PORT: Malformed Request-Line"
        expected = ["level 30, code 1: this is the third", refused, "thread 0 has answered 5"]
        assert re.sub(r"127.0.0.1:\d+", "127.0.0.1:PORT", errors).splitlines() == expected, errors
    finally:
        process.kill()
        process.wait()
    print("  wrong arguments are refused")
    for arguments, code in ((["--what"], 2), (["--port"], 2), (["--threads", "many"], 1)):
        run = subprocess.run([program, *arguments], capture_output=True, timeout=DEADLINE)
        assert run.returncode == code, run
        assert run.stderr.count(b"\n") == 1, run


if __name__ == "__main__":
    main()
