"""How examples/c/demo.c ends: in order, even if it is asked again and again meanwhile.

    demo.py PROGRAM
"""

import re
import signal
import subprocess
import sys
import urllib.request

DEADLINE = 20
TIMES = 20

for _ in range(TIMES):
    process = subprocess.Popen([sys.argv[1], "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        url = re.search(r"http://\S+", process.stdout.readline())[0]
        with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
            assert answer.read() == b"Hello world!"
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
        assert process.returncode == 0, process.returncode
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
