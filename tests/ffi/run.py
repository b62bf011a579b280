"""Starts a program of examples/ffi, which ends after so many requests, and asks it so many.
usage: run.py COMMAND..."""
import subprocess
import sys
import urllib.request

DEADLINE = 20
REQUESTS = 50


def main():
    command = [*sys.argv[1:], str(REQUESTS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            for n in range(REQUESTS):
                with urllib.request.urlopen(f"{url}a%20path/{n}", timeout=DEADLINE) as answer:
                    assert answer.status == 200
                    assert answer.headers["Content-Type"] == "text/plain"
                    assert answer.read() == b"You asked for /a path/%d\n" % n
            assert process.wait(DEADLINE) == 0
            print(f"  {REQUESTS} requests answered")
        finally:
            process.kill()


if __name__ == "__main__":
    main()
