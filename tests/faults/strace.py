"""strace: what a program calls, and making calls fail."""

import contextlib
import re
import signal
import subprocess
import tempfile
import threading

from host import Failure, until

CALL = re.compile(r"(?:\[pid +)?(\d+)\]? +(\w+)\(")
BEGIN, END = "faults: begin", "faults: end"


def may_trace(context):
    """Whether strace may trace a child, and a process beside it; else what it says."""
    command = ["strace", "-f", "-o", "/dev/null", "-e", "trace=none", "true"]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        return False, ran.stderr.strip()
    with context.host_program() as host:
        try:
            with Attached(host.pid, "read:error=EIO:when=60000"):
                pass
        except Failure as failure:
            return False, str(failure)
    return True, ""


def run(command, inject=None, timeout=60, environment=None):
    """Runs a program under strace. (finished process, lines of the trace)"""
    with tempfile.NamedTemporaryFile("r", errors="replace") as trace:
        options = ["-e", f"inject={inject}"] if inject else []
        command = ["strace", "-f", "-o", trace.name, *options, *command]
        try:
            ran = subprocess.run(
                command, capture_output=True, text=True, timeout=timeout, env=environment
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"it hangs with {inject}") from None
        return ran, trace.read().splitlines()


def between_marks(lines):
    """Of the first thread: which calls of which name, counted from the program's begin, stand between
    the marks."""
    first = lines[0].split()[0]
    counts, found, inside = {}, {}, False
    for line in lines:
        match = CALL.match(line)
        if not match or match[1] != first:
            continue
        name = match[2]
        counts[name] = counts.get(name, 0) + 1
        if BEGIN in line:
            inside = True
        elif END in line:
            return found
        elif inside:
            found.setdefault(name, []).append(counts[name])
    raise Failure("the marks are not in the trace")


class Attached:
    """Makes calls of a running process fail for as long as it lasts. ``calls``: how many did."""

    def __init__(self, pid, *injections, trace=None):
        self.calls, self.names, self.works = 0, set(), False
        chosen = trace or ",".join({name.partition(":")[0] for name in injections})
        command = ["strace", "-f", "-p", str(pid), "-e", f"trace={chosen}"]
        for injection in injections:
            command += ["-e", f"inject={injection}"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace")
        self.attached, self.said = threading.Event(), []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            if " attached" in line:
                self.works = True
                self.attached.set()
            elif line.startswith("strace:"):
                self.said.append(line.strip())
            self.calls += "(INJECTED)" in line
            match = CALL.match(line)
            if match:
                self.names.add(match[2])
        self.attached.set()

    def __enter__(self):
        self.attached.wait(30)
        if not self.works:
            self._end()
            raise Failure(f"strace cannot attach: {self.said}")
        return self

    def __exit__(self, *_):
        self._end()

    def _end(self):
        with contextlib.suppress(OSError):
            self.process.send_signal(signal.SIGINT)
        try:
            until(lambda: self.process.poll() is not None, "strace lets go")
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.reader.join(5)
            self.process.stderr.close()
