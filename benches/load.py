"""Driving the load generators, and the cost of a request while they run."""
import json
import re
import subprocess

from server import ServerFailed, raise_descriptor_limit, read_line


class Load:
    """benches/load.c behind its gate: connected and warm first, measured from `run` on."""

    def __init__(self, program, server, *arguments):
        self.command = [str(program), "--gate", "--port", str(server.port)]
        self.command += [str(argument) for argument in arguments]

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=raise_descriptor_limit,
        )
        if read_line(self.process.stdout, 90) != b"ready\n":
            self.__exit__()
            raise ServerFailed(f"{self.command}: not ready")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def begin(self):
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()

    def result(self, seconds=120):
        line = read_line(self.process.stdout, seconds)
        if not line.endswith(b"\n"):
            raise ServerFailed(f"{self.command}: no result")
        return json.loads(line)

    def run(self):
        self.begin()
        return self.result()


def measure(program, server, *arguments):
    """One run of our load generator: its figures, `cpu_us` of the server for each request,
    `rate` in requests a second."""
    with Load(program, server, *arguments) as load:
        before = server.cpu_us()
        result = load.run()
        spent = server.cpu_us() - before
    answered = result["fast"]["count"] + result["slow"]["count"]
    result["wrong"] = sum(
        result[kind][what] for kind in ("fast", "slow") for what in ("errors", "refused")
    )
    if answered == 0 or result["wrong"] > answered / 1000:
        raise ServerFailed(f"{load.command}: {result}")
    result["cpu_us"] = spent / answered
    result["rate"] = answered / result["seconds"]
    return result


def measure_with_wrk(server, connections, seconds, url=None):
    """One run of wrk, the same figures as far as it has them. Without a `url`, of the root."""
    url = url or f"http://127.0.0.1:{server.port}/"
    before = server.cpu_us()
    run = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=True,
    )
    spent = server.cpu_us() - before
    answered = int(re.search(r"(\d+) requests in", run.stdout)[1])
    if answered == 0 or "Non-2xx" in run.stdout or "Socket errors" in run.stdout:
        raise ServerFailed(f"wrk: {run.stdout}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", run.stdout)[1])
    return {"cpu_us": spent / answered, "rate": rate, "requests": answered}
