"""Whom examples/c/mutual_tls.c lets in.
usage: mutual_tls.py PROGRAM"""
import re
import signal
import subprocess
import sys
import tempfile

DEADLINE = 20


def main():
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([sys.argv[1], "--port", "0", "--folder", folder],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert re.search(r"https://localhost:\d+/", process.stdout.readline())
            checks(process, folder)
        finally:
            process.kill()
            process.wait()


def checks(process, folder):
    command = process.stdout.readline().split()
    print("  a client with a certificate is told its name")
    for version in ("1.2", "1.3"):
        said = curl(command, "--tls-max", version)
        assert re.fullmatch(r"[12]\nO=Example,CN=Somebody\n", said.stdout), said
    print("  one without is not let in, and one line says why")
    at = command.index("--cert")
    said = curl(command[:at] + command[at + 4:])
    assert said.returncode != 0 and said.stdout == "", said
    assert "showed no certificate" in process.stderr.readline()
    print("  nor is one from elsewhere")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/O=Example/CN=Somebody", "-keyout", f"{folder}/other.key",
         "-out", f"{folder}/other.pem"], check=True, capture_output=True)
    other = [word.replace("client.", "other.") for word in command]
    assert curl(other).returncode != 0
    assert "certificate was refused" in process.stderr.readline()
    print("  SIGTERM ends it")
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0


def curl(command, *more):
    return subprocess.run([*command, "-s", *more], capture_output=True, text=True,
                          timeout=DEADLINE)


if __name__ == "__main__":
    main()
