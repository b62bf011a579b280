"""Sockets from outside, and processes that take each other's place, with the server program.

    python3 tests/sockets/run.py SERVE [--replacement REQUESTS REPLACEMENTS]
"""

import sys
import tempfile
import traceback

import handed_over
import replacement


def main(program, *arguments):
    if arguments:
        replacement.play(program, *map(int, arguments[1:]))
        return 0
    failed = 0
    for module in (handed_over, replacement):
        for name, test in vars(module).items():
            if not name.startswith("test_"):
                continue
            with tempfile.TemporaryDirectory() as folder:
                try:
                    test(program, folder)
                except Exception:
                    traceback.print_exc()
                    failed += 1
                    print(f"FAILED {name}", flush=True)
                else:
                    print(f"ok {name}", flush=True)
    return failed and 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
