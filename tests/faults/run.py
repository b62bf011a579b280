#!/usr/bin/env python3
"""System calls that fail, and machines that misbehave, under the server.

    run.py --host PROGRAM --start PROGRAM --short LIBRARY [--all] [--only REGEX] [--jobs N] [--seed N]

Without --all a sample is played: of each system call one error. README.md says what is looked at.
Exits 1 if a case fails. What cannot be done on this machine is said to be skipped."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import re
import sys
import tempfile
import threading
import time
import traceback

import clock
import descriptors
import disks
import load
import short
import start
import stopped
import strace
import threads
from host import Failure, Host

HERE = pathlib.Path(__file__).parent
# Those that want strace, and those that do not.
TRACED, OTHERS = (start, load, threads), (descriptors, disks, clock, stopped, short)


class Context:
    """What the cases share."""

    def __init__(self, arguments, folder):
        self.host, self.start, self.short = arguments.host, arguments.start, arguments.short
        self.folder = pathlib.Path(folder)
        self.data = json.loads((HERE / "cases.json").read_text())
        self.content = random.randbytes(400_000)
        (self.folder / "file").write_bytes(self.content)
        self.environment = {
            "FAULTS_FILE": str(self.folder / "file"),
            "FAULTS_FOLDER": str(self.folder),
        }
        self.numbers = iter(range(1_000_000))
        self.lock = threading.Lock()

    def new_folder(self):
        with self.lock:
            folder = self.folder / str(next(self.numbers))
        folder.mkdir()
        return folder

    def host_program(self, *options, **how):
        return Host(self, *options, **how)


def main():
    arguments = parse_arguments()
    print(f"seed {arguments.seed}", flush=True)
    random.seed(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        context = Context(arguments, folder)
        cases = list(gather(context, arguments))
        return play(context, cases, arguments.jobs)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--start", required=True)
    parser.add_argument("--short", required=True)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", type=re.compile, default=re.compile(""))
    parser.add_argument("--jobs", type=int, default=(os.cpu_count() or 1) + 1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    return parser.parse_args()


def gather(context, arguments):
    parts = OTHERS
    may, why = strace.may_trace(context)
    if may:
        parts = TRACED + OTHERS
    else:
        print(f"skipped, as strace may not trace here: failing system calls ({why})")
    for part in parts:
        found = [case for case in part.cases(context) if arguments.only.search(case[0])]
        yield from found if arguments.all else sample(found)


def sample(cases):
    """Of cases that have the same first two words one."""
    groups = {}
    for case in cases:
        groups.setdefault(tuple(case[0].split()[:2]), []).append(case)
    return [random.choice(group) for group in groups.values()]


def play(context, cases, jobs):
    passed, failed, other = 0, 0, {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(check, context, *what): name for name, check, what in cases}
        for done in concurrent.futures.as_completed(running):
            name, error = running[done], done.exception()
            if isinstance(error, Exception):
                failed += 1
                print(f"FAILED {name}: {type(error).__name__}: {error} at {place(error)}", flush=True)
            elif done.result():
                other.setdefault(done.result(), []).append(name)
            else:
                passed += 1
    for what, names in other.items():
        print(f"{what}: {', '.join(sorted(names))}")
    print(f"{passed} passed, {failed} failed, {sum(map(len, other.values()))} not played")
    return 1 if failed or not passed else 0


def place(error):
    """Where in these files it was, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    return " ".join(f"{pathlib.Path(f.filename).name}:{f.lineno}" for f in frames[-4:])


if __name__ == "__main__":
    sys.exit(main())
