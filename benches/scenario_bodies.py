"""Large bodies: files sent, uploads read, and small posts sent back."""
import contextlib
import pathlib
import tempfile

from client import client, head_of, server_field
from load import measure
from server import Nginx, ServerFailed
from sitting import median

MIB = 1024 * 1024
GIB = 1024 * MIB
SECONDS = 2
POST = 10 * 1024
MOST_GROWTH = 8.0


def file(sitting):
    """Files sent, one of 1 GiB and many of 1 MiB, against nginx with sendfile."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = make_files(pathlib.Path(name))
        servers = {
            "ours": stack.enter_context(sitting.app("--folder", folder, "--numthreads", 10)),
            "nginx": stack.enter_context(Nginx(sitting.nginx, sitting.output / "nginx", folder)),
        }
        warm_up(sitting, servers["ours"])
        before = servers["ours"].most_resident_bytes()
        large = ("--cold", "--connections", 1, "--requests", 1, "--seconds", 60)
        large += ("--patience", 60, "--path", "/file/1g")
        small = ("--connections", 16, "--seconds", SECONDS, "--path", "/file/1m")
        runs = {}
        for size, arguments in (("1 GiB", large), ("1 MiB", small)):
            for who, server in servers.items():
                runs[size, who] = lambda server=server, arguments=arguments: measure(
                    sitting.load, server, *arguments
                )
        results = sitting.in_turn(runs)
        growth = servers["ours"].most_resident_bytes() - before
    for size, mib in (("1 GiB", 1024), ("1 MiB", 1)):
        rate = {who: median(results[size, who], "rate") * mib for who in servers}
        cpu = {who: median(results[size, who], "cpu_us") / mib for who in servers}
        sitting.hand_in(
            f"{size}: throughput / nginx",
            rate["ours"] / rate["nginx"],
            limit=1.0,
            at_least=True,
            note=f"{rate['ours']:.0f} and {rate['nginx']:.0f} MiB/s",
        )
        sitting.hand_in(
            f"{size}: CPU / nginx",
            cpu["ours"] / cpu["nginx"],
            note=f"{cpu['ours']:.0f} and {cpu['nginx']:.0f} µs for each MiB",
        )
    sitting.hand_in("most resident memory, growth", growth / MIB, "MiB", limit=MOST_GROWTH)


def upload(sitting):
    """A body of 1 GiB that the application reads in pieces: the server's memory."""
    with sitting.app("--numthreads", 10) as server:
        warm_up(sitting, server)
        before = server.most_resident_bytes()
        results = sitting.in_turn({"upload": lambda: send_upload(server, GIB)})
        growth = server.most_resident_bytes() - before
    sitting.hand_in("most resident memory, growth", growth / MIB, "MiB", limit=MOST_GROWTH)
    sitting.hand_in("CPU", median(results["upload"], "cpu_us") / 1024, "µs for each MiB")


def echo(sitting):
    """POSTs of 10 KiB sent back, 64 connections, against the bare loop answering the same."""
    arguments = ("--connections", 64, "--seconds", SECONDS, "--body", POST, "--path", "/echo")
    with sitting.app("--numthreads", 10) as ours:
        with sitting.bare_loop("--server", server_field(ours), "--echo") as bare:
            results = sitting.in_turn(
                {
                    "ours": lambda: measure(sitting.load, ours, *arguments),
                    "bare": lambda: measure(sitting.load, bare, *arguments),
                }
            )
    mine, floor = median(results["ours"], "cpu_us"), median(results["bare"], "cpu_us")
    sitting.hand_in(
        "CPU / bare loop", mine / floor, limit=1.5, note=f"{mine:.1f} and {floor:.1f} µs"
    )
    rates = [median(results[who], "rate") for who in ("ours", "bare")]
    sitting.hand_in(
        "throughput / bare loop",
        rates[0] / rates[1],
        note=f"{rates[0]:.0f} and {rates[1]:.0f}/s",
    )


def make_files(folder):
    """One without blocks on the disk, one with them; both in memory."""
    folder.chmod(0o755)
    with open(folder / "1g", "wb") as sparse:
        sparse.truncate(GIB)
    (folder / "1m").write_bytes(bytes(range(256)) * (MIB // 256))
    with open(folder / "1g", "rb") as sparse:
        while sparse.read(16 * MIB):
            pass
    return folder


def warm_up(sitting, server):
    """Every thread has been busy, so that what follows is not the first use of their stacks."""
    measure(sitting.load, server, "--connections", 64, "--seconds", 1)


def send_upload(server, size):
    piece = bytes(MIB)
    before = server.cpu_us()
    with client(server) as connection:
        head = f"POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n\r\n"
        connection.sendall(head.encode())
        for _ in range(size // len(piece)):
            connection.sendall(piece)
        answer = head_of(connection)
    if not answer.endswith(str(size).encode()):
        raise ServerFailed(f"upload: {answer!r}")
    return {"cpu_us": server.cpu_us() - before}
