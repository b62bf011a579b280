"""Writes what fuzzers start from: the requests of tests/wire, by the target that reads them.
usage: seeds.py FOLDER"""
import hashlib
import json
import pathlib
import sys

WIRE = pathlib.Path(__file__).parent.parent / "tests" / "wire"
OPTIONS = pathlib.Path(__file__).parent.parent / "docs" / "options.md"


def main():
    folder = pathlib.Path(sys.argv[1])
    for request in requests():
        head, _, body = request.partition(b"\r\n\r\n")
        write(folder / "head", request)
        write(folder / "environ", b"\1" + request)
        write(folder / "connection", request)
        words = head.split(b"\r\n")[0].split(b" ")
        if len(words) > 1:
            write(folder / "target", words[1])
        if body and b"hunked" in head:
            write(folder / "chunked", b"\0" + body)
    for line in OPTIONS.read_text().splitlines():
        cells = [cell.strip(" `◆") for cell in line.split("|")]
        if line.startswith("| `"):
            write(folder / "options", f"{cells[1]} {cells[3]}".encode())
    for header in PROXY_HEADERS:
        write(folder / "proxy_header", header)


def requests():
    for path in WIRE.glob("*.json"):
        cases = json.loads(path.read_text())
        for case in cases if isinstance(cases, list) else []:
            pieces = case.get("send", []) if isinstance(case, dict) else []
            whole = b"".join(piece.encode("latin-1", "replace") for piece in pieces if isinstance(piece, str))
            if whole:
                yield whole


PROXY_HEADERS = [
    b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n",
    b"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n",
    b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\xdc\4\1\xbb",
    b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x34" + bytes(36) + b"\x20\0\x0d\7\0\0\0\0\x21\0\5TLSv1",
]


def write(folder, data):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


if __name__ == "__main__":
    main()
