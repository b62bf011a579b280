"""Full disks: under an upload, and under the log."""

import contextlib
import os
import random
import resource
import signal
import subprocess

import clients
from host import Failure

SMALL = 1_000_000
BODY = 3_000_000


def cases(_):
    yield "disks tmpfs", check_tmpfs, ()
    yield "disks limit", check_limit, ()
    yield "disks log", check_full_log, ()


def check_tmpfs(context):
    """An upload onto a disk that becomes full is told so; then there is room again."""
    folder = context.new_folder()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "none", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        return "skipped, as nothing may be mounted here"
    try:
        with context.host_program(environment={"FAULTS_FOLDER": str(folder)}) as host:
            check_uploads(host, "No space left on device")
            host.stop()
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    return None


def check_limit(context):
    """The same where files may not become larger (the library's threads get no SIGXFSZ)."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, SMALL))

    with context.host_program(prepare=limit) as host:
        check_uploads(host, "File too large")
        host.stop()


def check_uploads(host, reason):
    for _ in range(3):
        with clients.Client(host.port) as client:
            for size, wanted in ((BODY, (507, reason)), (SMALL // 2, (201, "written"))):
                status, _, body = client.ask("/upload", random.randbytes(size))
                if (status, body.decode()) != wanted:
                    raise Failure(f"an upload of {size} bytes: {status} {body!r}")
    clients.probe(host.port)


def check_full_log(context):
    """A log that takes nothing changes nothing."""
    with contextlib.suppress(OSError), open("/dev/full", "wb", buffering=0) as full:
        os.write(full.fileno(), b"x")
        raise Failure("/dev/full takes something")
    with context.host_program(log="/dev/full") as host:
        for _ in range(50):
            with clients.Client(host.port) as client:
                if client.ask("/error")[0] != 500:
                    raise Failure("no 500")
        clients.probe(host.port)
        host.stop()
