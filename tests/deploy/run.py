"""Runs the recipes of examples/deploy and the commands of docs/deploying.md.

    run.py --programs FOLDER --python FILE --nginx FILE ... [--only TEXT]

Everything is started on free ports or in temporary folders, as plain processes, and ended.
"""

import argparse
import pathlib
import sys
import time
import traceback

import document
import haproxy
import kubernetes
import logrotate
import nginx
import systemd
from programs import Failure

PARTS = {
    "nginx": nginx,
    "haproxy": haproxy,
    "systemd": systemd,
    "kubernetes": kubernetes,
    "logrotate": logrotate,
    "document": document,
}


def main():
    tools = arguments()
    failed = 0
    for name, part in PARTS.items():
        for what, check in part.checks(tools):
            if tools.only and tools.only not in f"{name}: {what}":
                continue
            started = time.monotonic()
            trouble = attempt(check)
            failed += trouble
            state = "FAILED" if trouble else "ok"
            print(f"{state} {name}: {what} ({time.monotonic() - started:.1f} s)", flush=True)
    return 1 if failed else 0


def attempt(check):
    """Whether it failed; what went wrong is printed."""
    try:
        check()
        return False
    except Failure as failure:
        at = traceback.extract_tb(failure.__traceback__)
        print("  ", " < ".join(f"{each.name}:{each.lineno}" for each in reversed(at[1:])))
        print("  ", failure)
    except Exception:
        traceback.print_exc()
    return True


def _program(text):
    """Found from any folder, and not resolved: a virtual environment's Python is a link."""
    return pathlib.Path(text).absolute()


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("programs", "python", "nginx", "haproxy", "logrotate"):
        parser.add_argument("--" + name, type=_program, required=True)
    parser.add_argument("--only", help="checks whose names have this text")
    tools = parser.parse_args()
    tools.application = ["application", "--chdir", pathlib.Path(__file__).parent]
    return tools


if __name__ == "__main__":
    sys.exit(main())
