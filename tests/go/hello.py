"""What examples/go/hello answers.
usage: hello.py PROGRAM"""
import subprocess
import sys

from program import DEADLINE, request, started

with started() as port:
    assert request(port, "GET", "/")[2] == b"Hello world!\n"
    taken = f"127.0.0.1:{port}"
    second = subprocess.run([sys.argv[1], taken], capture_output=True, text=True, timeout=DEADLINE)
    assert second.returncode == 1 and taken in second.stderr, second
