"""Applications that take their time: all calls, every second second, a few, or all at once."""
import contextlib
import time

from client import ask, client, status_of
from load import measure
from sitting import median

SECONDS = 3
SLOW_CALL = 0.9
REFUSED_AFTER = 0.1


def sleep(sitting):
    """Each call sleeps 5 ms: 64 threads, 64 connections, against a thread for each connection."""
    arguments = ("--connections", 64, "--seconds", SECONDS, "--path", "/sleep/5000")
    ours, theirs = beside_threads(sitting, *arguments)
    sitting.hand_in(
        "throughput / thread per connection",
        median(ours, "rate") / median(theirs, "rate"),
        limit=0.97,
        at_least=True,
        note=f"{median(ours, 'rate'):.0f} and {median(theirs, 'rate'):.0f}/s",
    )
    hand_in_cpu(sitting, ours, theirs)


def alternate(sitting):
    """A second of fast calls, a second of 5 ms ones, and so on."""
    arguments = ("--connections", 64, "--seconds", 2 * SECONDS, "--alternate", 1)
    ours, theirs = beside_threads(sitting, *arguments, "--slow-path", "/sleep/5000")
    for kind in ("fast", "slow"):
        sitting.hand_in(
            f"{kind} seconds: throughput / thread per connection",
            median(ours, kind, "count") / median(theirs, kind, "count"),
            limit=0.97,
            at_least=True,
            note=f"{median(ours, kind, 'count'):.0f} and {median(theirs, kind, 'count'):.0f}",
        )
    hand_in_cpu(sitting, ours, theirs)


def mixed(sitting):
    """2 % of the calls take 20 ms, on another path of the same application."""
    arguments = ("--connections", 64, "--seconds", SECONDS, "--slow-path", "/sleep/20000")
    with sitting.app("--numthreads", 64) as server:
        results = sitting.in_turn(
            {
                "alone": lambda: measure(sitting.load, server, *arguments),
                "mixed": lambda: measure(sitting.load, server, *arguments, "--slow-percent", 2),
            }
        )
    alone = {key: median(results["alone"], "fast", key) for key in ("median_us", "p99_us")}
    both = {key: median(results["mixed"], "fast", key) for key in ("median_us", "p99_us")}
    sitting.hand_in(
        "fast calls: median / alone",
        both["median_us"] / alone["median_us"],
        limit=1.2,
        note=f"{both['median_us']} and {alone['median_us']} µs",
    )
    sitting.hand_in(
        "fast calls: p99",
        both["p99_us"] / 1000,
        "ms",
        limit=max(3 * alone["p99_us"] / 1000, 8.0),
        note=f"alone {alone['p99_us'] / 1000:.1f} ms",
    )


def stuck(sitting):
    """All 10 threads are in a 900 ms call: what a new client gets, and how soon."""
    # A request that finds the queue full is refused once accepted_queue_timeout has passed.
    no_queue = ("--accepted_queue_size", 0, "--accepted_queue_timeout", REFUSED_AFTER)
    results = sitting.in_turn(
        {
            "no queue": lambda: with_all_stuck(sitting, *no_queue),
            "queue": lambda: with_all_stuck(sitting),
            "pull": lambda: with_all_stuck(sitting, "--pull"),
        }
    )
    wanted = {"no queue": 503, "queue": 200, "pull": 200}
    wrong = sum(run["status"] != wanted[name] for name, runs in results.items() for run in runs)
    sitting.hand_in("answers other than 503, 200 and 200", wrong, limit=0)
    sitting.hand_in(
        "no queue: 503 after",
        median(results["no queue"], "ms"),
        "ms",
        limit=1000 * REFUSED_AFTER + 100,
    )
    sitting.hand_in(
        "a queue: answered after",
        median(results["queue"], "ms"),
        "ms",
        limit=1000 * SLOW_CALL + 100,
    )
    sitting.hand_in("pull: health probe after", median(results["pull"], "ms"), "ms", limit=100)


def beside_threads(sitting, *arguments):
    with sitting.app("--numthreads", 64) as ours, sitting.thread_per_connection() as theirs:
        results = sitting.in_turn(
            {
                "ours": lambda: measure(sitting.load, ours, *arguments),
                "theirs": lambda: measure(sitting.load, theirs, *arguments),
            }
        )
    return results["ours"], results["theirs"]


def hand_in_cpu(sitting, ours, theirs):
    mine, other = median(ours, "cpu_us"), median(theirs, "cpu_us")
    sitting.hand_in(
        "CPU / thread per connection",
        mine / other,
        limit=1.2,
        note=f"{mine:.1f} and {other:.1f} µs",
    )


def with_all_stuck(sitting, *options):
    """Fills all threads with slow calls, then asks once more on a new connection."""
    threads = () if "--pull" in options else ("--numthreads", 10)
    with sitting.app(*options, *threads) as server, contextlib.ExitStack() as stack:
        slow = [stack.enter_context(client(server)) for _ in range(10)]
        for one in slow:
            ask(one, f"/sleep/{int(SLOW_CALL * 1e6)}")
        # Nothing tells from outside that the calls have begun; a tenth of them is ample.
        time.sleep(SLOW_CALL / 9)
        begun = time.monotonic()
        probe = stack.enter_context(client(server))
        ask(probe, "/")
        status = status_of(probe)
        taken = (time.monotonic() - begun) * 1000
        for one in slow:
            status_of(one)
    return {"status": status, "ms": taken}
