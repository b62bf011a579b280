"""Threads that cannot be made while the server runs: those that are there do the work, it is told, and
when the system gives threads again the pool grows."""

import contextlib
import time

import clients
import strace
from host import Failure, until

SECONDS = 2.5
# To make a thread, in that time.
MOST_TRIES = 8


def cases(_):
    for error in ("EAGAIN", "ENOMEM"):
        yield f"threads growth {error}", check_growth, (error,)


def check_growth(context, error):
    with context.host_program("--numthreads", "2", "--max", "8") as host:
        before = host.threads()
        kinds = (clients.sleeping,)
        injections = [f"{call}:error={error}:when=1+" for call in ("clone", "clone3")]
        load = clients.Load(context, host.port, clients=12, kinds=kinds)
        with contextlib.ExitStack() as end:
            with strace.Attached(host.pid, *injections) as attached:
                end.enter_context(load)
                until(lambda: attached.calls > 0, "the pool tries to grow")
                began, answered = time.monotonic(), load.answered
                time.sleep(SECONDS)
                until(lambda: load.answered >= answered + 20, "requests are answered by those that are there")
                if host.threads() > before:
                    raise Failure("it grew after all")
                calls, took = attached.calls, time.monotonic() - began
                if calls > MOST_TRIES * took / SECONDS:
                    raise Failure(f"{calls} tries to make a thread in {took:.1f} s")
            told = [line for line in host.log() if "no worker thread could be started" in line]
            if len(told) != 1:
                raise Failure(f"told {len(told)} times")
            until(lambda: host.threads() > before, "the pool grows afterwards")
        if load.cut:
            raise Failure(f"{load.cut} connections were cut")
        host.stop()
