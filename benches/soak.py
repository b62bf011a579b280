"""./dev soak MINUTES: good and bad clients against the fixture for so long. Every request that
was sent whole must be answered right; afterwards descriptors and threads are back to what they
were, memory has not kept growing, and SIGTERM ends the server with 0.
usage: soak.py --minutes N [--seed N] -- SERVER COMMAND..."""
import argparse
import collections
import random
import sys
import threading
import time

import soak_clients
from server import Server, ServerFailed, wait_for

MOST_GROWTH = 8 * 1024 * 1024
# Of each kind so many at a time.
CROWD = {
    soak_clients.normal: 4,
    soak_clients.pipelining: 2,
    soak_clients.half_closing: 2,
    soak_clients.slow: 8,
    soak_clients.resetting: 4,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    print(f"soak: {options.minutes:g} minutes, seed {options.seed}", flush=True)
    faults = []
    with Server(*options.command) as server:
        soak_clients.warm_up(server.port)
        before = at_rest(server)
        tally, memory = crowd(server, 60 * options.minutes, options.seed, faults)
        check_rest(server, before, faults)
        growth = memory[1] - memory[0]
        if growth > MOST_GROWTH:
            faults.append(f"memory grew by {growth} bytes in the second half")
        if server.end() != 0:
            faults.append(f"the server ended with {server.code}")
    print(", ".join(f"{count} {what}" for what, count in sorted(tally.items())))
    print(f"memory at half time {memory[0] // 1024} KiB, at the end {memory[1] // 1024} KiB")
    for fault in faults[:20]:
        print(f"FAULT {fault}")
    print(f"soak: {len(faults)} faults")
    return 1 if faults else 0


def at_rest(server):
    """Threads and descriptors once the connections of the warm-up have gone."""
    seen = [None]

    def steady():
        now = (server.threads(), server.descriptors())
        same, seen[0] = now == seen[0], now
        time.sleep(0.3)
        return same

    wait_for(steady, 20, "the server does not come to rest")
    return seen[0]


def crowd(server, seconds, seed, faults):
    """Lets the clients loose; what they did, and the server's memory halfway and at the end."""
    deadline = time.monotonic() + seconds
    tally, lock = collections.Counter(), threading.Lock()
    threads = []
    for kind, count in CROWD.items():
        for number in range(count):
            chance = random.Random(f"{seed} {kind.__name__} {number}")
            arguments = (kind, server.port, deadline, chance, tally, lock, faults)
            threads.append(threading.Thread(target=keep_on, args=arguments))
    for thread in threads:
        thread.start()
    memory = []
    for moment in (deadline - seconds / 2, deadline):
        time.sleep(max(0, moment - time.monotonic()))
        memory.append(server.resident_bytes())
    for thread in threads:
        thread.join()
    return tally, memory


def keep_on(kind, port, deadline, chance, tally, lock, faults):
    while time.monotonic() < deadline and len(faults) < 100:
        try:
            answered = kind(port, chance)
        except soak_clients.WrongAnswer as wrong:
            with lock:
                faults.append(f"{kind.__name__}: {wrong}")
        except OSError as error:
            with lock:
                faults.append(f"{kind.__name__}: {error!r}")
        else:
            with lock:
                tally[f"{kind.__name__} clients"] += 1
                tally["requests answered"] += answered


def check_rest(server, before, faults):
    try:
        wait_for(lambda: (server.threads(), server.descriptors()) == before, 30, "not as before")
    except ServerFailed:
        now = (server.threads(), server.descriptors())
        faults.append(f"threads and descriptors were {before}, are {now}")


if __name__ == "__main__":
    sys.exit(main())
