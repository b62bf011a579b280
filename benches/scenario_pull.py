"""Pulling beside being called: the same answers by the same engine, counted rather than timed."""
import contextlib
import os
import re
import shutil
import signal

from load import Load
from server import Server, ServerFailed, read_text
from sitting import median

FEW, MANY = 2000, 10000
WAYS = ("call", "pull")


class Counted(Server):
    """A server under a tool that counts."""

    def __init__(self, output, *command):
        super().__init__(*command)
        self.output = output

    def totals(self):
        # A tool that started it as a child is not told to end, the child is.
        children = read_text(f"/proc/{self.pid}/task/{self.pid}/children").split()
        for child in children:
            os.kill(int(child), signal.SIGTERM)
        if children:
            self.process.wait(60)
        else:
            self.end(60)
        return read_text(self.output)


def pull(sitting):
    """A host that pulls against one that is called: user instructions and system calls a request."""
    for tool in ("valgrind", "strace"):
        if shutil.which(tool) is None:
            raise ServerFailed(f"{tool} is not installed")
    sitting.output.mkdir(parents=True, exist_ok=True)
    runs = {}
    for way in WAYS:
        runs["instructions", way] = lambda way=way: each(sitting, instructions, way)
        runs["calls", way] = lambda way=way: each(sitting, system_calls, way)
    results = sitting.in_turn(runs)
    for kind, limit in (("instructions", 1.03), ("calls", 1.02)):
        call, pulled = (
            median([{kind: run} for run in results[kind, way]], kind) for way in WAYS
        )
        name = "user instructions" if kind == "instructions" else "system calls"
        note = f"{call:.2f} and {pulled:.2f} a request"
        sitting.hand_in(f"{name}, pull / call", pulled / call, limit=limit, note=note)


def each(sitting, count, way):
    """What one request more costs: the start and the end of the server cancel out."""
    return (count(sitting, way, MANY) - count(sitting, way, FEW)) / (MANY - FEW)


def instructions(sitting, way, requests):
    output = sitting.output / "callgrind.out"
    tool = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={output}"]
    server = Counted(output, *tool, sitting.program("call_or_pull"), 0, way)
    totals = counted(sitting, server, requests)
    return int(re.search(r"^(?:totals|summary): (\d+)", totals, re.M)[1])


def system_calls(sitting, way, requests):
    output = sitting.output / "strace.out"
    tool = ["strace", "-f", "-c", "-o", output]
    server = Counted(output, *tool, sitting.program("call_or_pull"), 0, way)
    totals = counted(sitting, server, requests)
    lines = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+)(?: +\d+)? +(\w+)$", totals, re.M)
    return sum(int(count) for count, name in lines if name != "total")


def counted(sitting, server, requests):
    with contextlib.ExitStack() as stack:
        stack.enter_context(server)
        arguments = ("--connections", 16, "--requests", requests)
        with Load(sitting.load, server, *arguments) as load:
            answered = load.run()["fast"]["count"]
        if answered < requests:
            raise ServerFailed(f"{answered} of {requests} requests were answered")
        return server.totals()
