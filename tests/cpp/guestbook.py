"""What examples/cpp/guestbook.cpp answers, and when.
usage: guestbook.py PROGRAM"""
import http.client
import re
import select
import signal
import subprocess
import sys
import time

DEADLINE = 20


def main():
    process = subprocess.Popen([sys.argv[1], "0"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        assert b"<form" in ask(port, "GET", "/")[1]
        assert ask(port, "POST", "/", "name=Anna")[0].status == 400

        # More readers than threads.
        readers = [begin(port, "GET", "/news") for _ in range(10)]
        until = time.monotonic() + DEADLINE
        waiting = readers
        while waiting and time.monotonic() < until:
            # A reader that came after one entry waits for the next.
            signed, _ = ask(port, "POST", "/", "name=B%C3%A4r+%26+Co&text=1+%3C+2")
            assert signed.status == 303
            told = select.select([reader.sock for reader in waiting], [], [], 0.1)[0]
            waiting = [reader for reader in waiting if reader.sock not in told]
        seen = [reader.getresponse().read().decode() for reader in readers]
        assert seen == ["Bär & Co: 1 < 2"] * 10, seen

        cookie = signed.headers["Set-Cookie"].split(";")[0]
        page = ask(port, "GET", "/", headers={"Cookie": cookie})[1].decode()
        assert "<li>Bär &amp; Co: 1 &lt; 2" in page and 'value="Bär &amp; Co"' in page, page

        late = begin(port, "GET", "/news")
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
        late.close()
    finally:
        process.kill()
        process.wait()


def begin(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    connection.request(method, path, body, headers or {})
    return connection


def ask(*request, **more):
    response = begin(*request, **more).getresponse()
    return response, response.read()


if __name__ == "__main__":
    main()
