"""Clocks that jump, by libfaketime: the wall clock alone, and all of them."""

import email.utils
import glob
import time

import clients
from host import Failure, until

JUMPS = {"forward": "+40d", "back": "-40d"}
SECONDS = {"+40d": 40 * 86400, "-40d": -40 * 86400}
# Of a processor, while nothing happens.
MOST_CPU = 0.2


def cases(_):
    for clocks in ("wall", "all"):
        for direction in JUMPS:
            yield f"clock {clocks}-{direction}", check, (clocks, direction)


def check(context, clocks, direction):
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not found:
        return "skipped, as there is no libfaketime"
    jump = JUMPS[direction]
    control = context.new_folder() / "time"
    control.write_text("+0\n")
    environment = {
        "LD_PRELOAD": found[0],
        "FAKETIME_TIMESTAMP_FILE": str(control),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1" if clocks == "wall" else "0",
    }
    options = ("--numthreads", "4", "--header-timeout", "3", "--timeout", "60")
    with context.host_program(*options, environment=environment) as host:
        with clients.Client(host.port) as kept, clients.Client(host.port) as late:
            ask(kept, time.time())
            # A request that is in work while the clocks jump.
            late.socket.sendall(b"GET /sleep/1500 HTTP/1.1\r\nHost: a\r\n\r\n")
            # In one step, as it is read all the time.
            control.with_suffix(".new").write_text(f"{jump}\n")
            control.with_suffix(".new").rename(control)
            now = time.time() + SECONDS[jump]
            with clients.Client(host.port) as new:
                until(lambda: is_about(ask(new, None), now), "Date follows")
            if late.answer()[0] != 200:
                raise Failure("a request in work was not answered")
            if clocks == "wall":
                ask(kept, now)
        check_rest(host)
        check_timeout(host)
        clients.probe(host.port)
        host.stop()
    return None


def ask(client, now):
    """A request; its Date is `now`, if that is given."""
    status, fields, _ = client.ask("/")
    date = email.utils.parsedate_to_datetime(fields["date"]).timestamp()
    if status != 200 or now is not None and not is_about(date, now):
        raise Failure(f"{status}, {fields['date']}")
    return date


def is_about(date, now):
    return abs(date - now) < 60


def check_rest(host):
    """A server that has nothing to do does nothing, though there are deadlines to come."""
    with clients.Client(host.port) as idle:
        idle.ask("/")
        before = host.cpu()
        time.sleep(1.5)
        used = host.cpu() - before
        if used > MOST_CPU * 1.5:
            raise Failure(f"{used:.2f} s of CPU time in 1.5 s, with nothing to do")


def check_timeout(host):
    """A head that does not come to its end is told so in its time, neither at once nor never."""
    with clients.Client(host.port) as slow:
        began = time.monotonic()
        slow.socket.sendall(b"GET / HTTP/1.1\r\n")
        status = slow.answer()[0]
        took = time.monotonic() - began
    if status != 408 or took < 2.5:
        raise Failure(f"a slow head: {status} after {took:.1f} s")
