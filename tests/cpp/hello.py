"""What examples/cpp/hello.cpp answers.
usage: hello.py PROGRAM"""
import re
import signal
import subprocess
import sys
import urllib.request

DEADLINE = 20

process = subprocess.Popen([sys.argv[1], "0"], stdout=subprocess.PIPE, text=True)
try:
    url = re.search(r"http://\S+", process.stdout.readline())[0]
    with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
        assert answer.read() == b"Hello world!\n"
    taken = re.search(r":(\d+)/", url)[1]
    second = subprocess.run([sys.argv[1], taken], capture_output=True, text=True, timeout=DEADLINE)
    assert second.returncode == 1 and taken in second.stderr, second
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0
finally:
    process.kill()
    process.wait()
