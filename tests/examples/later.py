"""What examples/c/later.c answers, and when.
usage: later.py PROGRAM"""
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time

DEADLINE = 20
MANY = 300


def main():
    process = subprocess.Popen([sys.argv[1], "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        print("  answers in the order of their times")
        answers_in_order(port)
        print("  many wait without a thread each")
        many_wait(port, process.pid)
        print("  refuses what is no time")
        assert get(port, "/soon")[0] == 404 and get(port, "/")[0] == 404
        print("  a stop does not wait for those who wait long")
        waiting = begin(port, 59000)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
        waiting.close()
    finally:
        process.kill()
        process.wait()


def answers_in_order(port):
    begun = time.monotonic()
    late, early = begin(port, 300), begin(port, 50)
    assert b"It is time.\n" in read(early)
    between = time.monotonic() - begun
    assert b"It is time.\n" in read(late)
    assert 0.05 <= between, between
    assert time.monotonic() - begun >= 0.3


def many_wait(port, pid):
    clients = [begin(port, 1000) for _ in range(MANY)]
    assert len(os.listdir(f"/proc/{pid}/task")) < 10
    assert get(port, "/0") == (200, b"It is time.\n")
    for client in clients:
        assert b"It is time.\n" in read(client)


def begin(port, milliseconds):
    client = socket.create_connection(("127.0.0.1", port), DEADLINE)
    client.sendall(b"GET /%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % milliseconds)
    return client


def read(client):
    answer = b""
    while data := client.recv(4096):
        answer += data
    client.close()
    return answer


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


if __name__ == "__main__":
    main()
