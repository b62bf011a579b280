"""What examples/c/pull.c answers, and how it ends.
usage: pull.py PROGRAM"""
import concurrent.futures
import http.client
import re
import signal
import subprocess
import sys

DEADLINE = 20


def main():
    program = sys.argv[1]
    for number in (signal.SIGINT, signal.SIGTERM):
        print(f"  answers many at a time, and {number.name} ends it")
        answers_until(program, number)
    print("  a busy port and wrong arguments are refused")
    refuses_to_start(program)


def answers_until(program, number):
    process, port = started(program)
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as clients:
            for answered in [clients.submit(ask, port, client) for client in range(8)]:
                answered.result(DEADLINE)
        idle = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        get(idle, "/idle")
        process.send_signal(number)
        assert process.wait(DEADLINE) == 0
        assert idle.sock.recv(1) == b""
    finally:
        process.kill()
        process.wait()


def started(program):
    process = subprocess.Popen([program, "--port", "0"], stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    return process, int(re.search(r"http://127\.0\.0\.1:(\d+)/", line)[1])


def ask(port, client):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    for n in range(50):
        get(connection, f"/client/{client}/{n}")
    get(connection, "/" + "x" * 1000, "/" + "x" * 199)
    connection.close()


def get(connection, path, named=None):
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.read().decode() == f"You asked for {named or path}\n"


def refuses_to_start(program):
    process, port = started(program)
    try:
        for arguments, code in ((["--port", str(port)], 1), (["--what"], 2)):
            run = subprocess.run([program, *arguments], capture_output=True, timeout=DEADLINE)
            assert run.returncode == code, run
            assert run.stderr.count(b"\n") == 1, run
    finally:
        process.terminate()
        assert process.wait(DEADLINE) == 0


if __name__ == "__main__":
    main()
