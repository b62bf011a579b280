"""Each system call that a server makes under load fails, with each error that it can give: now and then,
and each time. Nothing hangs, no answer is wrong, it is told and not over and over, and afterwards all is
as before."""

import re
import time

import clients
import strace
from host import Failure, until

SOME, EACH = "1+3", "1+"
SECONDS = 1.2
MOST_TIMES_TOLD = 3
OPTIONS = ("--numthreads", "6", "--max", "8")


def names(context):
    """Which system calls the threads of a server make under load, from the first request to the end."""
    with context.host_program(*OPTIONS) as host:
        with strace.Attached(host.pid, trace="all") as attached:
            with clients.Load(context, host.port, clients=18):
                time.sleep(4)
            with clients.Load(context, host.port, clients=12, kinds=(clients.sleeping,)):
                time.sleep(1)
            host.stop()
        return attached.names


def cases(context):
    rows = context.data["load"]
    yield "every call has a row", check_rows, ()
    for name, row in rows.items():
        for error in row["errors"]:
            for pattern in [row["pattern"]] if "pattern" in row else [SOME, EACH]:
                yield f"load {name} {error} {pattern}", check, (name, error, pattern, row)


def check_rows(context):
    found = names(context)
    known = {*context.data["load"], *context.data["left out"]}
    if missing := found - known:
        raise Failure(f"no row in cases.json for {sorted(missing)}, which a server calls")


def check(context, name, error, pattern, row):
    options = row.get("options", [])
    with context.host_program(*OPTIONS, *options) as host:
        clients.probe(host.port)
        before = host.descriptors()
        injections = [f"{name}:error={error}:when={pattern}"]
        if "with" in row:
            injections.append(row["with"])
        with clients.Load(context, host.port) as load:
            # So that connections are there that are hit later than at their beginning.
            until(lambda: load.answered > 20, "the load gets going")
            with strace.Attached(host.pid, *injections) as attached:
                time.sleep(SECONDS)
                calls = attached.calls
            # Service is back while the load goes on.
            until(lambda: clients.answers(host.port), f"a probe is answered after {name} {error}")
        clients.probe(host.port)
        if options:
            check_deadline(host)
        check_log(host)
        # Nobody can do anything about the others but to call again.
        if error not in ("EINTR", "EAGAIN") and calls > row.get("most_calls", calls):
            raise Failure(f"{calls} calls failed in {SECONDS} s")
        # A closing connection may linger for a moment.
        until(lambda: host.descriptors() <= before + 1, f"descriptors: {before} before")
        until(lambda: host.threads() >= 7, "the threads are there")
        host.stop()
        return None if calls else "not reached"


def check_deadline(host):
    """Deadlines are kept again."""
    with clients.Client(host.port) as slow:
        slow.socket.sendall(b"GET / HTTP/1.1\r\n")
        status = slow.answer()[0]
    if status != 408:
        raise Failure(f"a slow head: {status}")


def check_log(host):
    """Nothing is told over and over but what the application does."""
    told = {}
    for line in host.log():
        if "the application failed in" in line:
            continue
        text = re.sub(r"\d+", "N", line)
        told[text] = told.get(text, 0) + 1
    flood = {text: times for text, times in told.items() if times > MOST_TIMES_TOLD}
    if flood:
        raise Failure(f"told too often: {flood}")
