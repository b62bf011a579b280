"""A system that takes a part of what it is given, and that interrupts: every answer is whole all the
same (short.c)."""

import clients
from host import Failure, until

ANSWERS = 400


def cases(context):
    for threads in ("1", "6"):
        yield f"short threads-{threads}", check, (threads,)


def check(context, threads):
    environment = {"LD_PRELOAD": context.short}
    with context.host_program("--numthreads", threads, environment=environment) as host:
        before = host.descriptors()
        with clients.Load(context, host.port, clients=18) as load:
            until(lambda: load.answered > ANSWERS, f"{ANSWERS} answers", 60)
        if load.cut:
            raise Failure(f"{load.cut} connections were cut")
        if host.log():
            raise Failure("something was told")
        until(lambda: host.descriptors() <= before, "descriptors are back")
        host.stop()
