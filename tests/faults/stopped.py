"""SIGSTOP and SIGCONT under load: what came meanwhile is answered, and nobody has run out of time who has
done his part."""

import signal
import time

import clients
from host import Failure, until

OPTIONS = ("--numthreads", "4", "--header-timeout", "1", "--timeout", "1")
# All clients have begun before the first of these is over.
DEADLINES = ("--numthreads", "4", "--header-timeout", "4", "--timeout", "4")
SECONDS = 5


def cases(_):
    yield "stopped load", check_load, ()
    yield "stopped deadlines", check_deadlines, ()


def check_load(context):
    with context.host_program(*OPTIONS) as host:
        threads = host.threads()
        with clients.Load(context, host.port, clients=18) as load:
            until(lambda: load.answered > 20, "the load gets going")
            for _ in range(3):
                host.process.send_signal(signal.SIGSTOP)
                time.sleep(0.4)
                host.process.send_signal(signal.SIGCONT)
                answered = load.answered
                until(lambda answered=answered: load.answered > answered + 20, "it goes on")
        if host.threads() != threads:
            raise Failure(f"{host.threads()} threads, {threads} before")
        # No storm of the watchdog: with nothing to do it rests.
        time.sleep(0.5)
        before = host.cpu()
        time.sleep(1)
        if host.cpu() - before > 0.2:
            raise Failure(f"{host.cpu() - before:.2f} s of CPU time in a second of nothing")
        host.stop()


def check_deadlines(context):
    """Longer than every deadline. Heads and bodies whose rest came meanwhile are complete; an idle
    connection on which a request came is served; who has sent nothing is not."""
    with context.host_program(*DEADLINES) as host:
        clients.probe(host.port)
        heads = [clients.Client(host.port) for _ in range(5)]
        bodies = [clients.Client(host.port) for _ in range(5)]
        idle = [clients.Client(host.port) for _ in range(5)]
        silent = clients.Client(host.port)
        for client in heads:
            client.socket.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        for client in bodies:
            client.socket.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n12")
        for client in idle:
            client.ask("/")
        silent.socket.sendall(b"GET / HTTP/1.1\r\n")
        host.process.send_signal(signal.SIGSTOP)
        for client in heads:
            client.socket.sendall(b"\r\n")
        for client in bodies:
            client.socket.sendall(b"34")
        for client in idle:
            client.socket.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(SECONDS)
        host.process.send_signal(signal.SIGCONT)
        for kind, several in (("head", heads), ("body", bodies), ("idle", idle)):
            for client in several:
                try:
                    status = client.answer()[0]
                except ConnectionError:
                    status = "cut"
                if status != 200:
                    raise Failure(f"{kind}: {status}, though all of it had come")
        if silent.answer()[0] != 408:
            raise Failure("no 408 for a head without its end")
        for client in (*heads, *bodies, *idle, silent):
            client.__exit__()
        host.stop()
