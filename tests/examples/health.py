"""What examples/c/health.c answers before and while it leaves.
usage: health.py PROGRAM"""
import http.client
import re
import signal
import subprocess
import sys

DEADLINE = 20


def main():
    program = sys.argv[1]
    arguments = [program, "--port", "0", "--grace", "2"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())[1])

        def get(path, connection=None):
            connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.getheader("Connection")

        print("  is ready")
        kept = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        assert get("/health") == (200, b"ready\n", None)
        assert get("/", kept) == (200, b"ready\n", None)
        print("  says that it leaves, and serves meanwhile")
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "Leaving in 2 s\n"
        assert get("/health") == (503, b"leaving\n", None)
        assert get("/")[0] == 200
        print("  lets a kept connection bring its last request")
        while (answer := get("/", kept))[2] is None:
            assert answer[0] == 200
        assert answer == (200, b"ready\n", "close"), answer
        assert process.stdout.readline() == "0 requests were cut\n"
        assert process.wait(DEADLINE) == 0
        print("  a busy port and wrong arguments are refused")
        assert subprocess.run([program, "--what"], capture_output=True, timeout=DEADLINE).returncode == 2
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
