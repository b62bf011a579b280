"""What examples/c/loop.c answers, and how it ends.
usage: loop.py PROGRAM"""
import concurrent.futures
import http.client
import re
import signal
import subprocess
import sys
import time

DEADLINE = 20


def main():
    program = sys.argv[1]
    print("  its own clock goes on beside the requests")
    process, port = started(program)
    try:
        ticks_go_on(port)
        many_at_a_time(port)
        process.stdin.close()
        assert process.wait(DEADLINE) == 0
    finally:
        end(process)
    for number in (signal.SIGINT, signal.SIGTERM):
        print(f"  {number.name} ends it")
        process, port = started(program)
        try:
            idle = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
            ask(idle)
            process.send_signal(number)
            assert process.wait(DEADLINE) == 0
            assert idle.sock.recv(1) == b""
        finally:
            end(process)
    print("  it has one thread for requests, its own, and refuses wrong arguments")
    assert subprocess.run([program, "--nonsense"], capture_output=True).returncode == 2


def started(program):
    process = subprocess.Popen(
        [program, "--port", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    line = process.stdout.readline()
    return process, int(re.search(r"http://127\.0\.0\.1:(\d+)/", line)[1])


def end(process):
    process.kill()
    process.wait()
    process.stdout.close()
    process.stdin.close()


def ask(connection):
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.status == 200
    found = re.fullmatch(r"(\d+) ticks of the clock, (\d+) calls\n", answer.read().decode())
    return int(found[1]), int(found[2])


def ticks_go_on(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    first, _ = ask(connection)
    until = time.monotonic() + DEADLINE
    while ask(connection)[0] < first + 3:
        assert time.monotonic() < until, "the clock stands still"
    connection.close()


def many_at_a_time(port):
    def client(_):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        calls = [ask(connection)[1] for _ in range(50)]
        connection.close()
        return calls

    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        calls = [call for found in clients.map(client, range(8)) for call in found]
    # No two of them ran at the same time, so that each has a number of its own.
    assert len(set(calls)) == len(calls) == 400


main()
