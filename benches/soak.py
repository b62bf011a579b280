"""./dev soak MINUTES: good and bad clients over TCP, a UNIX socket and TLS for so long, while the
servers are replaced, restarted, given new certificates and other numbers of threads. Every request
that was sent whole must be answered once and right; afterwards descriptors and threads are back to
what they were, memory has not kept growing, and nothing is left in the servers.
usage: soak.py --minutes N [--seed N] -- PROGRAM [OPTION VALUE...]"""
import argparse
import collections
import itertools
import random
import sys
import tempfile
import threading
import time

import soak_attacks
import soak_clients
from server import ServerFailed, wait_for
from soak_server import SoakServer

MOST_GROWTH = 8 * 1024 * 1024
# Seconds of a run in whose second half nothing fills up any more: what threads and malloc keep.
LONG = 600
WAYS = ("tcp", "tls", "unix")
# Of each kind so many at a time, over the three ways in turn.
GOOD = {
    soak_clients.normal: 6,
    soak_clients.pipelining: 3,
    soak_clients.half_closing: 2,
    soak_clients.slow: 9,
    soak_clients.resetting: 6,
}
BAD = {
    soak_attacks.slow_head: 6,
    soak_attacks.slow_body: 3,
    soak_attacks.silent: 6,
    soak_attacks.garbage: 2,
    soak_attacks.header_flood: 1,
    soak_attacks.chunk_flood: 1,
    soak_attacks.slow_reader: 6,
    soak_attacks.slow_stream_reader: 6,
    soak_attacks.long_stream_reader: 3,
    soak_attacks.slow_upload: 3,
    soak_attacks.dripping_upload: 3,
    soak_attacks.burst: 3,
    soak_attacks.expecting: 1,
    soak_attacks.pipelining_flood: 2,
    soak_attacks.resetting: 3,
    soak_attacks.half_closed: 2,
}
# One of these after the other, with so many seconds between them.
CHANGES = ("reload", "resize", "replace", "resize", "reload", "restart")
BETWEEN_CHANGES = 5
# An attacker that was refused comes back after so many seconds, so that there is time for others.
BEFORE_ANOTHER_ATTACK = 0.02


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    print(f"soak: {options.minutes:g} minutes, seed {options.seed}", flush=True)
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        with SoakServer(options.command[0], folder, options.command[1:]) as server:
            soak_clients.warm_up(server)
            # Once through every change, so that what is made once is made.
            for change in dict.fromkeys(CHANGES):
                make_change(server, change)
            before = at_rest(server)
            soak = Soak(server, options.seed, 60 * options.minutes, faults)
            soak.run()
            check_rest(server, before, faults)
            if server.finish() != 0:
                faults.append(f"the server ended with {server.code}")
    soak.report()
    for fault in faults[:20]:
        print(f"FAULT {fault}")
    print(f"soak: {len(faults)} faults")
    return 1 if faults else 0


class Soak:
    """The clients, each in a thread, and what became of them."""

    def __init__(self, server, seed, seconds, faults):
        self.server, self.seed, self.seconds, self.faults = server, seed, seconds, faults
        self.tally, self.lock = collections.Counter(), threading.Lock()
        self.memory = []

    def run(self):
        self.deadline = time.monotonic() + self.seconds
        threads = [threading.Thread(target=self.change_things)]
        for kind, count in (GOOD | BAD).items():
            for number in range(count):
                arguments = (kind, WAYS[number % len(WAYS)], number)
                threads.append(threading.Thread(target=self.keep_on, args=arguments))
        for thread in threads:
            thread.start()
        for moment in (self.deadline - self.seconds / 2, self.deadline):
            self.memory.append(self.least_memory(moment))
        for thread in threads:
            thread.join()
        growth = self.memory[1] - self.memory[0]
        if growth > MOST_GROWTH and self.seconds >= LONG:
            self.faults.append(f"memory grew by {growth} bytes in the second half")

    def least_memory(self, until):
        """The least that the process holds for a while: two servers and a flood at a time are no growth."""
        time.sleep(max(0, until - min(60, self.seconds / 8) - time.monotonic()))
        least = self.server.resident_bytes()
        while time.monotonic() < until:
            time.sleep(0.2)
            least = min(least, self.server.resident_bytes())
        return least

    def keep_on(self, kind, way, number):
        chance = random.Random(f"{self.seed} {kind.__name__} {number}")
        while time.monotonic() < self.deadline and len(self.faults) < 100:
            if kind in BAD:
                time.sleep(BEFORE_ANOTHER_ATTACK)
            began = time.monotonic()
            try:
                self.count(kind, kind(self.server, way, chance))
            except soak_clients.WrongAnswer as wrong:
                self.fault(kind, way, wrong)
            except (soak_clients.NoAnswer, OSError) as error:
                if kind in BAD:
                    self.count(kind, 0)
                elif self.server.interrupted_since(began):
                    # A client may try such a request again on another connection (RFC 9112, 9.3.1).
                    with self.lock:
                        self.tally["cut by a restart"] += 1
                elif self.was_starved(began, error):
                    with self.lock:
                        self.tally["given up, starved of processors"] += 1
                else:
                    self.fault(kind, way, repr(error))

    @staticmethod
    def was_starved(began, error):
        """Whether the client itself took so long for what takes a second that the server's time-outs were
        over. One that waited for an answer in vain was not."""
        late = time.monotonic() - began >= soak_clients.TIMEOUT
        return late and not isinstance(error, TimeoutError)

    def count(self, kind, answered):
        with self.lock:
            self.tally[f"{kind.__name__} clients"] += 1
            self.tally["requests answered"] += answered

    def fault(self, kind, way, what):
        with self.lock:
            self.faults.append(f"{kind.__name__} over {way}: {what}")

    def change_things(self):
        for change in itertools.cycle(CHANGES):
            time.sleep(BETWEEN_CHANGES)
            if time.monotonic() > self.deadline or len(self.faults) >= 100:
                return
            try:
                make_change(self.server, change)
            except ServerFailed as failed:
                with self.lock:
                    self.faults.append(str(failed))
            with self.lock:
                self.tally[f"times {change}"] += 1

    def report(self):
        print(", ".join(f"{count} {what}" for what, count in sorted(self.tally.items())))
        half, end = (size // 1024 for size in self.memory)
        print(f"memory at half time {half} KiB, at the end {end} KiB")


def make_change(server, change):
    if change == "reload":
        server.make_certificate()
        server.tell("reload")
    elif change == "resize":
        server.tell("grow 5")
        time.sleep(1)
        server.tell("shrink 5")
    elif change == "restart":
        with server.interrupting():
            server.tell("restart")
    else:
        server.tell(change)


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


def check_rest(server, before, faults):
    try:
        wait_for(lambda: (server.threads(), server.descriptors()) == before, 90, "not as before")
    except ServerFailed:
        now = (server.threads(), server.descriptors())
        faults.append(f"threads and descriptors were {before}, are {now}")


if __name__ == "__main__":
    sys.exit(main())
