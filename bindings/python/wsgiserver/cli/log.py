"""What the command says: lines on standard error."""

import sys


def say(text):
    """One line, with the command's name."""
    line = " ".join(str(text).split("\n"))
    print(f"wsgiserver: {line}", file=sys.stderr, flush=True)


def say_started(options, addresses):
    """What is served, and where."""
    urls = ", ".join(url(address, bool(options.certificate)) for address in addresses)
    threads = _count(options.threads, "thread")
    if options.workers > 1:
        threads = f"{_count(options.workers, 'worker')} of {threads}"
    say(f"serving {options.app} on {urls} with {threads}, Ctrl-C stops it")


def url(address, secure):
    """An address as something to click on; a UNIX socket has none."""
    if address.startswith(("@", "unix:")):
        return address
    return f"http{'s' if secure else ''}://{address}/"


def _count(number, what):
    return f"{number} {what}{'' if number == 1 else 's'}"
