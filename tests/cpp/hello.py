"""What examples/cpp/hello.cpp answers, and how it ends: in order, even if it is asked again and again.
usage: hello.py PROGRAM"""
import re
import signal
import subprocess
import sys
import urllib.request

DEADLINE = 20

TIMES = 20


def serve(first):
    process = subprocess.Popen([sys.argv[1], "0"], stdout=subprocess.PIPE, text=True)
    try:
        url = re.search(r"http://\S+", process.stdout.readline())[0]
        if first:
            ask(url)
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
        assert process.returncode == 0, process.returncode
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(url):
    with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
        assert answer.read() == b"Hello world!\n"
    taken = re.search(r":(\d+)/", url)[1]
    second = subprocess.run([sys.argv[1], taken], capture_output=True, text=True, timeout=DEADLINE)
    assert second.returncode == 1 and taken in second.stderr, second


for time in range(TIMES):
    serve(first=time == 0)
