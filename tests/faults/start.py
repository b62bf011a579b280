"""Each system call of a start fails once, with each error that it can give. Then there is an error that
names the call and the reason and nothing is left behind, or the server runs; in both cases the next
start works. tests/faults/start.c looks at that from inside."""

import errno
import os

import strace
from host import Failure

# Names under which a call may stand in a message.
ALSO = {
    "eventfd2": ["eventfd"],
    "clone3": ["thread"],
    "mmap": ["mmap", "thread"],
    "mprotect": ["thread"],
}


def cases(context):
    """One for each call that a start makes, and each of its errors."""
    ran, lines = strace.run([context.start])
    if ran.returncode:
        raise Failure(f"the start fails without a fault: {ran.stderr}")
    rows, left_out = context.data["start"], context.data["left out"]
    for name, places in strace.between_marks(lines).items():
        if name == "write" or name in left_out and name not in rows:
            continue
        if name not in rows:
            raise Failure(f"no row in cases.json for {name}, which a start calls")
        for place in places:
            for error in rows[name]["errors"]:
                yield f"start {name} {place} {error}", check, (name, place, error, rows[name])


def check(context, name, place, error, row):
    ran, lines = strace.run([context.start], inject=f"{name}:error={error}:when={place}")
    hit = any("(INJECTED)" in line and f"{name}(" in line for line in lines)
    if not hit:
        return "not reached"
    if ran.returncode:
        raise Failure(f"exit code {ran.returncode}: {ran.stderr.strip()} {ran.stdout.strip()}")
    said, started = ran.stdout, "started" in ran.stdout.splitlines()
    if row["outcome"] == "tolerated":
        if not started:
            raise Failure(f"it does not start: {said}")
        return None
    if row["outcome"] == "threads" and started:
        # The first thread's memory may have come from elsewhere, and then nothing is missing.
        if name == "clone3" and "worker threads could be started" not in said:
            raise Failure(f"no warning of fewer threads: {said}")
        return None
    reasons = {os.strerror(getattr(errno, error))}
    if row["outcome"] == "threads":
        # The C library's word for whatever keeps it from making a thread.
        reasons.add(os.strerror(errno.EAGAIN))
    if "failed: " not in said or not any(reason in said for reason in reasons):
        raise Failure(f"not told as {reasons}: {said}")
    if not any(word in said for word in [name, *ALSO.get(name, [])]):
        raise Failure(f"the message does not name {name}: {said}")
    return None
