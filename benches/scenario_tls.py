"""TLS: what a request, a handshake and an idle connection cost, beside nginx with OpenSSL."""
import contextlib
import json
import pathlib
import socket
import subprocess
import tempfile

from load import measure_with_wrk
from server import Nginx, ServerFailed, read_line
from sitting import median

SECONDS = 2
MIB = 1024 * 1024
SILENT = IDLE = 1000


def tls(sitting):
    """TLS 1.3, ECDSA P-256, against nginx with OpenSSL: requests, handshakes, 1 MiB; idle ones."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        certificate = make_certificate(folder)
        (folder / "1m").write_bytes(bytes(MIB))
        folder.chmod(0o755)  # nginx gives up its rights
        options = ("--certificate", certificate[0], "--private-key", certificate[1])
        # One poller: as many threads as nginx's one worker.
        ours = stack.enter_context(sitting.hello("--numthreads", 10, *options))
        files = stack.enter_context(sitting.app("--folder", folder, "--numthreads", 10, *options))
        nginx = stack.enter_context(
            TlsNginx(sitting.nginx, sitting.output / "nginx-tls", folder, certificate)
        )
        requests(sitting, {"ours": ours, "nginx": nginx})
        for resume in (False, True):
            handshakes(sitting, {"ours": ours, "nginx": nginx}, resume)
        large(sitting, {"ours": files, "nginx": nginx})
        silent(sitting, ours)
        idle(sitting, options)


def requests(sitting, servers):
    results = sitting.in_turn(
        {who: lambda server=server: wrk(server, 64) for who, server in servers.items()}
    )
    cpu = {who: median(runs, "cpu_us") for who, runs in results.items()}
    sitting.hand_in("keep-alive request: CPU / nginx", cpu["ours"] / cpu["nginx"], limit=1.0,
                    note="{ours:.1f} and {nginx:.1f} µs".format(**cpu))


def handshakes(sitting, servers, resume):
    results = sitting.in_turn(
        {
            who: lambda server=server: connections(sitting, server, resume)
            for who, server in servers.items()
        }
    )
    cpu = {who: median(runs, "cpu_us") for who, runs in results.items()}
    rate = {who: median(runs, "rate") for who, runs in results.items()}
    kind = "resumed" if resume else "full"
    sitting.hand_in(f"{kind} handshakes a second / nginx", rate["ours"] / rate["nginx"], limit=1.0,
                    at_least=True, note="{ours:.0f} and {nginx:.0f}".format(**rate))
    sitting.hand_in(f"{kind} handshake and request: CPU / nginx", cpu["ours"] / cpu["nginx"],
                    note="{ours:.0f} and {nginx:.0f} µs".format(**cpu))


def large(sitting, servers):
    results = sitting.in_turn(
        {who: lambda server=server: wrk(server, 16, "file/1m") for who, server in servers.items()}
    )
    rate = {who: median(runs, "rate") for who, runs in results.items()}
    cpu = {who: median(runs, "cpu_us") for who, runs in results.items()}
    sitting.hand_in("1 MiB: throughput / nginx", rate["ours"] / rate["nginx"], limit=0.95,
                    at_least=True, note="{ours:.0f} and {nginx:.0f} MiB/s".format(**rate))
    sitting.hand_in("1 MiB: CPU / nginx", cpu["ours"] / cpu["nginx"])


def silent(sitting, server):
    """Connections that open and never speak."""
    def beside():
        with contextlib.ExitStack() as stack:
            for _ in range(SILENT):
                stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10))
            return wrk(server, 64)

    results = sitting.in_turn({"alone": lambda: wrk(server, 64), "beside": beside})
    sitting.hand_in(f"beside {SILENT} silent connections: throughput / alone",
                    median(results["beside"], "rate") / median(results["alone"], "rate"),
                    limit=0.95, at_least=True)


def idle(sitting, options):
    with sitting.hello("--numthreads", 10, "--timeout", 120, *options) as server:
        wrk(server, 64)
        before = server.resident_bytes()
        command = [sitting.program("tls_load"), "--port", str(server.port), "--hold", str(IDLE)]
        holding = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            if read_line(holding.stdout, 60) != b"ready\n":
                raise ServerFailed(f"{command}: not ready")
            each = (server.resident_bytes() - before) / IDLE / 1024
        finally:
            holding.stdin.close()
            holding.wait(20)
            holding.stdout.close()
    sitting.hand_in("resident memory of an idle connection", each, "KiB", limit=10)


def wrk(server, count, path=""):
    return measure_with_wrk(server, count, SECONDS, f"https://127.0.0.1:{server.port}/{path}")


def connections(sitting, server, resume):
    """Several clients, so that the server has always something to do."""
    command = [sitting.program("tls_load"), "--port", str(server.port), "--seconds", str(SECONDS)]
    command += ["--resume"] if resume else []
    before = server.cpu_us()
    clients = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    said = [json.loads(client.communicate(timeout=60)[0] or "{}") for client in clients]
    spent = server.cpu_us() - before
    count = sum(one.get("count", 0) for one in said)
    reused = sum(one.get("reused", 0) for one in said)
    if count == 0 or reused != (count if resume else 0):
        raise ServerFailed(f"{command}: {said}")
    return {"cpu_us": spent / count, "rate": sum(one["count"] / one["seconds"] for one in said)}


class TlsNginx(Nginx):
    template = "nginx-tls.conf.in"

    def __init__(self, program, folder, files, certificate):
        super().__init__(program, folder, files)
        self.certificate, self.key = certificate

    def settings(self):
        return {**super().settings(), "@CERTIFICATE@": self.certificate, "@KEY@": self.key}


def make_certificate(folder):
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True)
    return certificate, key
