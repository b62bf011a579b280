"""The access log, by examples/deploy/logrotate.conf."""

import functools
import gzip
import subprocess

import programs
from client import Load, check
from programs import until
from recipes import recipe


def checks(tools):
    """Pairs of what is checked and how."""
    yield rotated.__doc__, functools.partial(rotated, tools)


def rotated(tools):
    """A log that is rotated under load: each request is in one of the files, once"""
    with programs.folder() as folder:
        log = folder / "access.log"
        (folder / "conf").write_text(recipe("logrotate.conf", {"/var/log/app/access.log": log}))
        (folder / "conf").chmod(0o644)
        with programs.serve(tools, "hello", access_log=log) as server:
            with Load(server.address) as load:
                for _ in range(3):
                    until(lambda: log.exists() and log.stat().st_size > 0, "lines are written")
                    _rotate(tools, folder)
                until(lambda: log.exists() and log.stat().st_size > 0, "lines are written")
            server.stop()
        check(not load.failures, load.failures[:5])
        names = sorted(file.name for file in folder.glob("access.log*"))
        check(names == ["access.log", "access.log.1", "access.log.2.gz", "access.log.3.gz"], names)
        lines = [line for name in names for line in _lines(folder / name)]
        check(len(lines) == load.count, len(lines), load.count)
        check(all('"GET / HTTP/1.1" 200 ' in line for line in lines))


def _rotate(tools, folder):
    """What cron does once a day."""
    done = subprocess.run(
        [tools.logrotate, "--force", "--state", folder / "state", folder / "conf"],
        capture_output=True, text=True, check=False)
    check((done.returncode, done.stdout, done.stderr) == (0, "", ""), done)


def _lines(file):
    data = file.read_bytes()
    return (gzip.decompress(data) if file.suffix == ".gz" else data).decode().splitlines()
