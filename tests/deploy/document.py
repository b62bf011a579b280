"""The commands in docs/deploying.md, block by block, in a folder with the recipes. Lines that would
change a machine or a cluster are left out: those with sudo, and kubectl's."""

import functools
import pathlib
import re
import shutil
import subprocess
import sys

import programs
from client import check
from recipes import FOLDER, ROOT, recipe

DOCUMENT = ROOT / "docs" / "deploying.md"

# Servers are started in the background and asked at once, so curl has patience.
AROUND = """
set -eu
trap 'code=$?; jobs -p | xargs -r kill; wait; exit $code' EXIT
curl() {{ command curl --silent --show-error --fail --retry 50 --retry-delay 1 --retry-all-errors "$@"; }}
{}
"""


def checks(tools):
    """Pairs of what is checked and how."""
    for number, block in enumerate(_blocks(), 1):
        yield f"block {number}: {block.splitlines()[0]}", functools.partial(_runs, tools, block)
    yield _names_every_recipe.__doc__, _names_every_recipe


def _blocks():
    """Blocks of indented lines that have a command to run."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for block in re.findall(r"(?:^    .*\n)+", text, re.MULTILINE):
        lines = [line.strip() for line in block.splitlines()]
        lines = [line for line in lines if "sudo " not in line and not line.startswith("kubectl ")]
        if lines:
            yield "\n".join(lines)


def _runs(tools, block):
    with programs.folder() as folder:
        shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
        bins = [tools.python.parent, tools.nginx.parent, tools.haproxy.parent,
                tools.logrotate.parent, pathlib.Path(sys.executable).parent]
        _make_ready(tools, folder)
        for port in set(re.findall(r"127\.0\.0\.1:(\d+)", block)):
            block = block.replace(port, str(programs.free_port()))
        # A server alone is what the block is about: it is seen to start.
        if re.match(r"wsgiserver [^&]*$", block):
            address = re.search(r"--bind (\S+)", block)[1]
            block += f" &\ncurl http://{address}/"
        path = ":".join(map(str, bins))
        script = AROUND.format(block)
        done = subprocess.run(
            ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False,
            timeout=3 * programs.DEADLINE, env={"PATH": f"{path}:/usr/sbin:/usr/bin:/sbin:/bin"})
        check(done.returncode == 0, done.returncode, done.stdout, done.stderr)


def _make_ready(tools, folder):
    """What the recipes name and this machine lacks."""
    program = tools.python.parent / "wsgiserver"
    for name, old, new in (("app.service", "/opt/app/venv/bin/wsgiserver", program),
                           ("haproxy.cfg", "/etc/haproxy/app.pem", programs.certificate(folder))):
        (folder / name).write_text(recipe(name, {old: new}))


def _names_every_recipe():
    """Every file of examples/deploy is in the document"""
    text = DOCUMENT.read_text(encoding="utf-8")
    missing = [file.name for file in FOLDER.iterdir() if file.is_file() and file.name not in text]
    check(not missing, missing)
