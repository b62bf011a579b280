"""A socket and a service of systemd, by examples/deploy/app.socket and app.service. No service is
started: systemd's own commands read the units, and what systemd does for a service is done here."""

import configparser
import functools
import os
import shlex
import signal
import socket
import subprocess

import programs
from client import Client, ask, check
from programs import Program, until
from recipes import FOLDER, recipe

NOTIFY = "--notify-service-manager"
EXPOSURE = 20  # tenths; systemd calls up to 2 OK


def checks(tools):
    """Pairs of what is checked and how."""
    for each in (verified, hardened, times_fit, activated):
        yield each.__doc__, functools.partial(each, tools)
    if programs.has_option(tools, NOTIFY):
        yield notifies.__doc__, functools.partial(notifies, tools)


def _units(tools, folder):
    """The units with the program that is there."""
    program = tools.python.parent / "wsgiserver"
    replaced = {"/opt/app/venv/bin/wsgiserver": program, "--chdir /opt/app": f"--chdir {FOLDER}"}
    (folder / "app.service").write_text(recipe("app.service", replaced))
    (folder / "app.socket").write_text(recipe("app.socket", {}))
    return folder / "app.service", folder / "app.socket"


def _service(unit):
    """The keys of a service."""
    parsed = configparser.ConfigParser(interpolation=None, strict=False)
    parsed.optionxform = str
    parsed.read_string(unit.read_text().replace("\\\n", " "))
    return parsed["Service"]


def _command(unit):
    return shlex.split(_service(unit)["ExecStart"])


def verified(tools):
    """`systemd-analyze verify` has nothing to say"""
    with programs.folder() as folder:
        done = subprocess.run(["systemd-analyze", "verify", *_units(tools, folder)],
                              capture_output=True, text=True, check=False)
        check((done.returncode, done.stdout, done.stderr) == (0, "", ""), done)


def hardened(tools):
    """`systemd-analyze security` finds the service well enclosed"""
    with programs.folder() as folder:
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE}",
             _units(tools, folder)[0]], capture_output=True, text=True, check=False)
        check(done.returncode == 0, done.stdout[-300:], done.stderr)


def times_fit(tools):
    """systemd waits longer for a stop than the server does for its requests"""
    with programs.folder() as folder:
        unit = _units(tools, folder)[0]
        words = _command(unit)
        waits = float(words[words.index("--shutdown-timeout") + 1])
        check(float(_service(unit)["TimeoutStopSec"]) > waits, waits)


def activated(tools):
    """`systemd-socket-activate` hands the socket over; a stop lets the request in work end"""
    with programs.folder() as folder:
        path, words = folder / "app.sock", _command(_units(tools, folder)[0])
        with Program(["systemd-socket-activate", "-l", path, *words]) as server:
            server.said("Listening on")
            check(ask(path, "/")[0] == 200)
            server.said(f"on unix:{path} with")
            listening = len(server.sockets())
            with Client(path) as client:
                client.request("GET", "/slow")
                until(lambda: len(server.sockets()) > listening, "the request arrives")
                server.process.send_signal(signal.SIGTERM)
                check(client.getresponse().status == 200)
            server.ended()


def notifies(tools):
    """It tells systemd when it serves, and when it stops, as Type=notify asks for"""
    with programs.folder() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(programs.DEADLINE)
        unit = _units(tools, folder)[0]
        words = _command(unit)
        check((_service(unit)["Type"] == "notify") == (NOTIFY in words), words)
        words += [] if NOTIFY in words else [NOTIFY, "1"]
        environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify")}
        with programs.held_socket(folder / "app.sock") as (held, wrapped, how):
            with Program([*wrapped, *words], env=environment, **how) as server:
                check(b"READY=1" in manager.recv(4096))
                check(ask(held.getsockname(), "/")[0] == 200)
                server.process.send_signal(signal.SIGTERM)
                check(b"STOPPING=1" in manager.recv(4096))
                server.ended()
