"""Compiles and runs each program in the documents given: a block of C that has a main.

    run.py OUTPUT_FOLDER COMPILER_ARGUMENT... -- DOCUMENT...

One that listens on 127.0.0.1:8070 is a server: it has to answer a GET of / with 200 and is ended
then (it listens on a UNIX socket instead, so that no port need be free). Any other has to end by
itself with 0. A block marked as another library's, "```c other", is passed over.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time

ADDRESS = "127.0.0.1:8070"


def main() -> int:
    split = sys.argv.index("--")
    folder, flags, documents = sys.argv[1], sys.argv[2:split], sys.argv[split + 1 :]
    os.makedirs(folder, exist_ok=True)
    failed = 0
    for document in documents:
        with open(document, encoding="utf-8") as file:
            blocks = re.findall(r"^```c\n(.*?)^```", file.read(), re.DOTALL | re.MULTILINE)
        programs = [block for block in blocks if "int main(" in block]
        for number, program in enumerate(programs, 1):
            name = f"{os.path.basename(document).removesuffix('.md')}-{number}"
            trouble = check(os.path.join(folder, name), program, flags)
            print(f"{name}: {trouble or 'ok'}")
            failed += bool(trouble)
    return 1 if failed else 0


def check(path: str, program: str, flags: list[str]) -> str:
    """Says what is wrong, nothing if all is well."""
    sock = path + ".sock"
    is_server = ADDRESS in program
    with open(path + ".c", "w", encoding="utf-8") as file:
        file.write(program.replace(ADDRESS, "unix:" + sock))
    built = subprocess.run(["cc", path + ".c", "-o", path, *flags], check=False)
    if built.returncode != 0:
        return "does not compile"
    process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        if is_server:
            return ask(process, sock)
        code = process.wait(timeout=20)
        return f"exit code {code}" if code else ""
    except subprocess.TimeoutExpired:
        return "does not end"
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()


def ask(process: subprocess.Popen, sock: str) -> str:
    deadline = time.monotonic() + 20
    while True:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(20)
        try:
            client.connect(sock)
            break
        except OSError as error:
            client.close()
            if process.poll() is not None:
                return f"ended with {process.returncode}"
            if time.monotonic() > deadline:
                return f"cannot be reached: {error}"
            time.sleep(0.01)
    with client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    return "" if answer.startswith(b"HTTP/1.1 200 ") else f"answered {answer[:200]!r}"


if __name__ == "__main__":
    sys.exit(main())
