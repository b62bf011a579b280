"""Clients of one kind that mean no good, so many at a time: whoever is done with, or cut off, comes
back. Prints `ready` once all have begun. Exit code 1: one of them got what it must not get.
usage: attackers.py KIND --port PORT --count COUNT --seconds SECONDS [--tls] [--own ADDRESS]"""
import argparse
import os
import random
import socket
import ssl
import sys
import threading
import time

import soak_attacks
from soak_clients import WrongAnswer

WINDOW = 4096


class Target:
    """The server, as the attackers of the soak take it: one port, plain or with TLS."""

    def __init__(self, port, own):
        self.address, self.own = ("127.0.0.1", port), own
        self.addresses = {"tcp": self.address, "tls": self.address}
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def connect(self, way):
        connection = socket.socket()
        try:
            # A small window, so that an answer cannot hide in the kernel's buffers.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
            connection.settimeout(soak_attacks.PATIENCE)
            if self.own:
                connection.bind((self.own, 0))
            connection.connect(self.address)
            return self.context.wrap_socket(connection) if way == "tls" else connection
        except BaseException:
            connection.close()
            raise


class Crowd:
    """Threads of attackers, and the first wrong thing that one of them met."""

    def __init__(self, attack, target, way):
        self.attack, self.target, self.way = attack, target, way
        self.wrong = None
        self.is_over = threading.Event()

    def go_on(self, seed, begun):
        chance = random.Random(seed)
        while self.wrong is None:
            try:
                begun.release()
                self.attack(self.target, self.way, chance)
            except WrongAnswer as error:
                self.wrong = f"{self.attack.__name__}: {error}"
                self.is_over.set()
            except OSError:
                # Refused or reset: it is an attacker.
                time.sleep(0.01)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("kind")
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--count", type=int, required=True)
    options.add_argument("--seconds", type=float, required=True)
    options.add_argument("--tls", action="store_true")
    options.add_argument("--own")
    options = options.parse_args()
    # They are elsewhere in earnest, and take nothing of the server's processor.
    os.nice(10)
    crowd = Crowd(
        getattr(soak_attacks, options.kind),
        Target(options.port, options.own),
        "tls" if options.tls else "tcp",
    )
    begun = threading.Semaphore(0)
    threading.stack_size(256 * 1024)
    for seed in range(options.count):
        threading.Thread(target=crowd.go_on, args=(seed, begun), daemon=True).start()
    for _ in range(options.count):
        begun.acquire()
    print("ready", flush=True)
    crowd.is_over.wait(options.seconds)
    if crowd.wrong:
        print(crowd.wrong, file=sys.stderr, flush=True)
    os._exit(1 if crowd.wrong else 0)


if __name__ == "__main__":
    main()
