"""What a request costs in instructions, counted by callgrind: exact enough for differences that no
clock shows."""
import re

from client import ask, client, head_of
from server import Server
from sitting import median

FEW, MANY = 500, 3500
# One thread that never hands over: each request takes the same path.
ALONE = ("--numthreads", 1, "--pollers", 1, "--eager_after", 0, "--takeover_after", 0)


def statistics(sitting):
    """User instructions of a keep-alive request with statistics on and off."""
    results = sitting.in_turn(
        {
            "off": lambda: per_request(sitting, "--statistics", 0),
            "on": lambda: per_request(sitting, "--statistics", 1),
        }
    )
    on, off = median(results["on"], "count"), median(results["off"], "count")
    sitting.hand_in(
        "instructions with statistics / without",
        on / off,
        limit=1.02,
        note=f"{on:.0f} and {off:.0f} a request",
    )


def access_log(sitting):
    """User instructions of a keep-alive request with the access log, all threads together."""
    sitting.output.mkdir(parents=True, exist_ok=True)
    log = sitting.output / "access.log"
    runs = {"off": lambda: per_request(sitting, "--access_log", "")}
    for name in ("common", "combined", "json"):
        options = ("--access_log", log, "--access_log_format", name)
        runs[name] = lambda options=options: per_request(sitting, *options)
    results = sitting.in_turn(runs)
    log.unlink(missing_ok=True)
    off = median(results["off"], "count")
    for name in ("common", "combined", "json"):
        on = median(results[name], "count")
        sitting.hand_in(
            f"instructions with an access log ({name}) / without",
            on / off,
            limit=1.05,
            note=f"{on:.0f} and {off:.0f} a request",
        )


def per_request(sitting, *options):
    """The difference of two runs leaves out what is not a request's."""
    few, many = (instructions(sitting, count, *options) for count in (FEW, MANY))
    return {"count": (many - few) / (MANY - FEW)}


def instructions(sitting, requests, *options):
    sitting.output.mkdir(parents=True, exist_ok=True)
    log = sitting.output / "callgrind.log"
    tool = ("--tool=callgrind", "--callgrind-out-file=/dev/null", f"--log-file={log}")
    server = Server("valgrind", *tool, sitting.program("serve"), "hello", 0, *ALONE, *options)
    with server, client(server) as connection:
        for _ in range(requests):
            ask(connection, "/")
            if b"Hello" not in head_of(connection):
                raise ValueError("an answer that came in pieces")
    counted = re.search(r"Collected : (\d+)", log.read_text())
    if counted is None:
        raise ValueError("callgrind has counted nothing")
    return int(counted[1])
