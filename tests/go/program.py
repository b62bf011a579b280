"""Starts one of examples/go's programs on a free port, and sees to its end."""
import contextlib
import http.client
import re
import signal
import subprocess
import sys

DEADLINE = 20


@contextlib.contextmanager
def started(*arguments):
    """The port of the program that the command line names; it has to end well when it is asked to."""
    process = subprocess.Popen([sys.argv[1], "127.0.0.1:0", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield int(re.search(r":(\d+)/", process.stdout.readline())[1])
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()


def request(port, method, path, body=None, headers={}):
    """The status, the headers and the body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()
