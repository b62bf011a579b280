"""What examples/c/status.c shows, and how it ends: the page, JSON, and Prometheus' text.
usage: status.py PROGRAM"""
import http.client
import json
import re
import signal
import subprocess
import sys

DEADLINE = 20
ASKED = 25
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)')


def main():
    program = sys.argv[1]
    process = subprocess.Popen([program, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        for _ in range(ASKED):
            assert fetch(connection, "/")[1] == "Hello world!\n"
        print("  the page has the numbers without a script")
        content_type, page = fetch(connection, "/status")
        assert content_type == "text/html; charset=utf-8"
        assert f'<td data-of="requests" data-unit="count">{ASKED}</td>' in page
        print("  JSON has them by the struct's names")
        content_type, text = fetch(connection, "/status?format=json")
        told = json.loads(text)
        assert content_type == "application/json" and told["requests"] == ASKED + 1, told
        for name in ("queue_wait", "application", "write"):
            assert told[name]["count"] == ASKED + 1, told
            assert sum(count for _, count in told[name]["buckets"]) == ASKED + 1, told
        assert sum(worker["requests"] for worker in told["workers"]) == ASKED + 1, told
        print("  Prometheus' text is well formed")
        content_type, text = fetch(connection, "/status?format=prometheus")
        assert content_type == "text/plain; version=0.0.4; charset=utf-8"
        check_prometheus(text)
        connection.close()
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


def fetch(connection, path):
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    return answer.headers["Content-Type"], answer.read().decode()


def check_prometheus(text):
    assert text.endswith("\n")
    kinds, values = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name not in kinds, name
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            family = re.sub("_(bucket|sum|count)$", "", name)
            assert (family if family in kinds else name) in kinds, line
            assert (name, labels) not in values, line
            values[name, labels] = float(value)
    assert kinds["wsgiserver_requests_total"] == "counter"
    assert values["wsgiserver_requests_total", None] == ASKED + 2
    histograms = [name for name, kind in kinds.items() if kind == "histogram"]
    assert len(histograms) == 3
    for name in histograms:
        buckets = [value for (of, _), value in values.items() if of == f"{name}_bucket"]
        assert buckets == sorted(buckets), name
        assert buckets[-1] == values[f"{name}_count", None] == ASKED + 2, name


if __name__ == "__main__":
    main()
