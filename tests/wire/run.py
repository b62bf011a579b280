#!/usr/bin/env python3
"""Plays the cases in *.json against a running `fixture` application and compares what comes back.

    run.py --port N [--only REGEX] [--split whole|pieces|bytes] [-v] [FILE ...]
    run.py --start "COMMAND" [--over tcp|unix|tls] ...
                                      COMMAND is given a port (0) and the options a case needs,
                                      and prints `listening on URL`; e.g. "./dev serve fixture c"

With --port, cases that need options of their own server are left out and counted. Exits 1 if a
case fails. README.md says what a case is made of. Only Python's standard library is needed.
"""

import argparse
import json
import pathlib
import re
import shlex
import signal
import subprocess
import sys

import ways
import wire


def main():
    arguments = parse_arguments()
    cases = [case for case in load(arguments.files) if arguments.only.search(case["name"])]
    groups = {}
    for case in cases:
        if arguments.over not in case.get("over", ways.NAMES):
            continue
        groups.setdefault(json.dumps(case.get("options", {}), sort_keys=True), []).append(case)
    totals = {"passed": 0, "failed": 0, "left out": 0}
    with ways.way(arguments.over) as way:
        for options, group in groups.items():
            play_group(arguments, way, json.loads(options), group, totals)
    print(", ".join(f"{count} {what}" for what, count in totals.items()))
    return 1 if totals["failed"] or not totals["passed"] else 0


def parse_arguments():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", default=sorted(here.glob("*.json")))
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--port", type=int)
    target.add_argument("--start", type=shlex.split, metavar="COMMAND")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--only", type=re.compile, default=re.compile(""), metavar="REGEX")
    parser.add_argument("--split", choices=["whole", "pieces", "bytes"], default="pieces")
    parser.add_argument("--over", choices=ways.NAMES, default="tcp")
    parser.add_argument("--deadline", type=float, default=10, help="seconds for one answer")
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    if arguments.port is not None and arguments.over != "tcp":
        parser.error("--over goes with --start")
    return arguments


def load(files):
    for file in map(pathlib.Path, files):
        for case in json.loads(file.read_text("ascii")):
            wire.check_case(case, file.name)
            yield dict(case, name=f"{file.stem}: {case['name']}")


def play_group(arguments, way, options, cases, totals):
    """Plays the cases that need the same options, on one server."""
    if arguments.port is not None and options:
        totals["left out"] += len(cases)
        return
    server = Started(arguments.start, way, options) if arguments.start else None
    try:
        address = server.address if server else (arguments.host, arguments.port)
        connect = lambda: way.connect(address, arguments.deadline)
        for case in cases:
            complaint = wire.play(
                case, connect, way.differs, arguments.split, arguments.deadline
            )
            totals["failed" if complaint else "passed"] += 1
            if complaint:
                print(f"FAIL {case['name']}\n     ({case['row']})\n     {complaint}")
            elif arguments.verbose:
                print(f"ok   {case['name']}")
    finally:
        code = server.stop() if server else 0
    if code != 0:
        totals["failed"] += 1
        print(f"FAIL the server with {options} ended with {code}")


class Started:
    """A server of our own on a free port, or wherever the way leads."""

    def __init__(self, command, way, options):
        options = {**way.options, **options}
        flags = [word for name, value in options.items() for word in ("--" + name, value)]
        self.process = subprocess.Popen(
            [*command, "0", *flags], stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        self.address = way.address(line)
        if not self.address:
            sys.exit(f"{command} said {line!r}, exit code {self.process.wait(30)}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.stdout.close()
        return self.process.wait(30)


if __name__ == "__main__":
    sys.exit(main())
