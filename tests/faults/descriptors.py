"""No descriptors left, under load, and then some again."""

import resource
import threading
import time

import clients
from host import Failure, until

ROOM = 6
WAITING = 12
SECONDS = 2.5
# Of a processor, while all that it has to do is to wait.
MOST_CPU = 0.4


def cases(_):
    yield "descriptors busy", check_busy, ()
    yield "descriptors idle", check_idle, ()
    yield "descriptors load", check_load, ()


def limited(host):
    """Sets the limit so that a few more descriptors can be had; returns what puts it back."""
    before = resource.prlimit(host.pid, resource.RLIMIT_NOFILE)
    limit = host.descriptors() + ROOM
    resource.prlimit(host.pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    return lambda: resource.prlimit(host.pid, resource.RLIMIT_NOFILE, before)


def check_busy(context):
    """All descriptors are with requests in work: those who come wait, nothing spins, and they are
    answered when there are descriptors again."""
    with context.host_program("--numthreads", "4") as host:
        clients.probe(host.port)
        raise_again = limited(host)
        # More than there are, so that some of them wait as well.
        busy = [clients.Client(host.port) for _ in range(ROOM + 2)]
        for client in busy:
            client.socket.sendall(b"GET /detach/6000 HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: any("accept" in line for line in host.log()), "it is told")
        answered = []
        waiting = [
            threading.Thread(target=lambda: answered.append(clients.answers(host.port)))
            for _ in range(WAITING)
        ]
        for thread in waiting:
            thread.start()
        before = host.cpu()
        time.sleep(SECONDS)
        used = host.cpu() - before
        if used > MOST_CPU * SECONDS:
            raise Failure(f"{used:.2f} s of CPU time in {SECONDS} s")
        raise_again()
        until(lambda: clients.answers(host.port), "service resumes")
        for thread in waiting:
            thread.join(clients.PATIENCE)
        check_told(host)
        for client in busy:
            client.__exit__()
        host.stop()
        # The spare descriptor may have let some in and out again.
        if len(answered) != WAITING:
            raise Failure("somebody hangs")


# Clients that come while all descriptors are with idle ones. Were there a rest of a tenth of a second
# behind each, most of them would take longer.
NEW = 200
MOST_SECONDS = 0.075


def check_idle(context):
    """All descriptors are with idle connections: the oldest are closed, everybody new is answered."""
    with context.host_program("--numthreads", "4") as host:
        clients.probe(host.port)
        raise_again = limited(host)
        idle = [clients.Client(host.port) for _ in range(ROOM + 4)]
        took = []
        for _ in range(NEW):
            began = time.monotonic()
            until(lambda: clients.answers(host.port), "a new client is answered", 10)
            took.append(time.monotonic() - began)
        if sorted(took)[NEW // 2] > MOST_SECONDS:
            raise Failure(f"half of the new clients took more than {MOST_SECONDS} s: the listener rested")
        raise_again()
        check_told(host)
        for client in idle:
            client.__exit__()
        host.stop()


def check_load(context):
    with context.host_program("--numthreads", "4") as host:
        clients.probe(host.port)
        with clients.Load(context, host.port, clients=24) as load:
            until(lambda: load.answered > 20, "the load gets going")
            before = host.descriptors()
            raise_again = limited(host)
            time.sleep(SECONDS)
            raise_again()
            answered = load.answered
            until(lambda: load.answered > answered + 50, "service resumes")
        until(lambda: host.descriptors() <= before, "descriptors are back")
        check_told(host)
        host.stop()


def check_told(host):
    told = [line for line in host.log() if "accept" in line]
    if len(told) > 2:
        raise Failure(f"told {len(told)} times: {told[:3]}")
