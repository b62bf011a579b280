"""Starts one of the example applications on 127.0.0.1.

    python3 examples/python/serve.py APPLICATION PORT [--bind ADDR ...] [--name VALUE ...]

Port 0 takes a free one. `--bind ADDR` listens there instead, and on each further one that is given.
`--name VALUE` sets the server's option of that name; `--threads` is short for `--numthreads`. It
prints `listening on URL` for each address, and ends with 0 when SIGTERM or SIGINT has stopped it.
"""

import signal
import sys

from fixture import fixture
from hello import hello
from wsgiserver import CherryPyWSGIServer, ServerError

APPLICATIONS = {"hello": hello, "fixture": fixture}


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in APPLICATIONS or not arguments[1].isdigit():
        return usage(f"usage: serve {'|'.join(APPLICATIONS)} PORT [--bind ADDR ...] [--name VALUE ...]")
    port = int(arguments[1])
    if port > 65535:
        return usage("serve: the port is a number from 0 to 65535")
    server = CherryPyWSGIServer(("127.0.0.1", port), APPLICATIONS[arguments[0]])
    try:
        configure(server, arguments[2:])
        server.prepare()
    except ValueError as error:
        return usage(f"serve: {error}")
    except ServerError as error:
        print(f"serve: {error}", file=sys.stderr)
        return 1
    run(server)
    return 0


def configure(server, arguments):
    """Pairs of --name and value."""
    bound = 0
    for at in range(0, len(arguments), 2):
        if not arguments[at].startswith("--") or at + 1 == len(arguments):
            raise ValueError(f"{arguments[at]} needs a value")
        name, value = arguments[at][2:].replace("-", "_"), arguments[at + 1]
        if name == "bind":
            server.listen(value) if bound else server.set("bind_addr", value)
            bound += 1
        else:
            server.set("numthreads" if name == "threads" else name, value)


def run(server):
    def end(number, frame):
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        scheme = "https://" if server.certificate else "http://"
        for address in server.bound_addrs:
            is_unix = address.startswith(("@", "unix:"))
            print(f"listening on {'' if is_unix else scheme}{address}", flush=True)
        server.serve()
    except SystemExit:
        pass
    finally:
        server.stop()


def usage(message):
    print(message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
