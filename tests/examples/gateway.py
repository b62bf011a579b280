"""What examples/c/gateway.c answers, and how it ends.
usage: gateway.py PROGRAM"""
import http.client
import re
import signal
import subprocess
import sys

DEADLINE = 20


def main():
    program = sys.argv[1]
    process = subprocess.Popen([program, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())[1])
        print("  counts its visitors")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        for number in range(1, 6):
            connection.request("GET", f"/{number}")
            answer = connection.getresponse()
            assert answer.status == 200
            assert answer.read().decode() == f"You are number {number}\n"
        print("  a busy port and wrong arguments are refused")
        for arguments, code in ((["--port", str(port)], 1), (["--what"], 2)):
            run = subprocess.run([program, *arguments], capture_output=True, timeout=DEADLINE)
            assert run.returncode == code, run
            assert run.stderr.count(b"\n") == 1, run
        print("  SIGTERM ends it")
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
