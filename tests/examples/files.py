"""What examples/c/files.c answers, byte by byte over a plain socket.
usage: files.py PROGRAM"""
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile

DEADLINE = 20
BODY = bytes(range(256)) * 12


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        make_folder(place)
        for options in ([], ["--by-hand"]):
            with started(program, place / "served", *options) as port:
                for check in CHECKS:
                    print(f"  {' '.join([check.__name__.replace('_', ' '), *options])}")
                    check(port, place / "served")
                follow_links(port, followed=not options)
    refuses_to_start(program)


def make_folder(place):
    served = place / "served"
    (served / "sub").mkdir(parents=True)
    (served / "home").mkdir()
    (served / "home/index.html").write_text("<p>home</p>")
    (served / "data.bin").write_bytes(BODY)
    (served / "empty.txt").write_bytes(b"")
    (served / "page.html").write_text("<p>page</p>")
    (served / "read.md").write_text("# read")
    (served / "<b>&.txt").write_text("odd")
    (served / "a b%2f#?.txt").write_text("odd too")
    (served / "sub/inner.css").write_text("p {}")
    (served / "unreadable").write_text("no")
    os.mkfifo(served / "fifo")
    (place / "secret.txt").write_text("secret")
    (served / "out.txt").symlink_to("../secret.txt")
    (served / "out").symlink_to("..")
    (served / "absolute").symlink_to(place / "secret.txt")
    (served / "in.txt").symlink_to("page.html")
    (served / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(served / "socket"))
    with open(served / "large.bin", "wb") as large:
        large.truncate(64 * 1024 * 1024)


@contextlib.contextmanager
def started(program, *arguments):
    process = subprocess.Popen([program, *arguments, "--port", "0"], stdout=subprocess.PIPE)
    try:
        line = process.stdout.readline().decode()
        yield int(re.match(r"listening on http://127\.0\.0\.1:(\d+)/", line)[1])
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0, process.returncode
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


class Answer:
    def __init__(self, stream, method):
        status = stream.readline().decode("latin-1")
        self.status = int(status.split()[1]) if status else 0
        self.fields = {}
        for line in iter(stream.readline, b"\r\n"):
            if not line:
                break
            name, value = line.decode("latin-1").split(":", 1)
            assert name.lower() not in self.fields, f"{name} came twice"
            self.fields[name.lower()] = value.strip()
        length = int(self.fields.get("content-length", 0))
        self.body = b"" if method == "HEAD" or self.status == 304 else stream.read(length)


def ask(port, target, method="GET", **fields):
    """One request, and one more behind it on the same connection: the framing must be exact."""
    lines = [f"{method} {target} HTTP/1.1", "Host: test"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        with connection.makefile("rb") as stream:
            answer = Answer(stream, method)
            if answer.status < 400:
                connection.sendall(b"GET /page.html HTTP/1.1\r\nHost: test\r\n\r\n")
                second = Answer(stream, "GET")
                assert (second.status, second.body) == (200, b"<p>page</p>"), vars(second)
    return answer


def expect(answer, status, body=None, **fields):
    assert answer.status == status, (answer.status, status, answer.fields, answer.body[:100])
    assert body is None or answer.body == body, answer.body[:100]
    for name, value in fields.items():
        found = answer.fields.get(name.replace("_", "-"))
        assert found == value, (name, found, value)
    return answer


def files_and_their_types(port, _):
    expect(ask(port, "/page.html"), 200, b"<p>page</p>", content_type="text/html; charset=utf-8")
    expect(ask(port, "/data.bin"), 200, BODY, content_type="application/octet-stream")
    expect(ask(port, "/read.md"), 200, b"# read", content_type="text/plain; charset=utf-8")
    expect(ask(port, "/sub/inner.css"), 200, b"p {}", content_type="text/css; charset=utf-8")
    expect(ask(port, "/sub/./inner.css"), 200, b"p {}")
    expect(ask(port, "//sub//inner.css"), 200, b"p {}")
    expect(ask(port, "/page.html?query=1"), 200, b"<p>page</p>")
    expect(ask(port, "/empty.txt"), 200, b"", content_length="0")
    expect(ask(port, "/large.bin"), 200, bytes(64 * 1024 * 1024))


def head_says_the_same(port, _):
    for target in ("/page.html", "/data.bin", "/home/", "/missing", "/large.bin"):
        get, head = ask(port, target), ask(port, target, "HEAD")
        expect(head, get.status, b"")
        for name in ("content-type", "etag", "last-modified", "accept-ranges"):
            assert head.fields.get(name) == get.fields.get(name), (target, name)
        if get.status == 200:
            assert head.fields["content-length"] == get.fields["content-length"], target


def folders(port, _):
    expect(ask(port, "/home/"), 200, b"<p>home</p>", content_type="text/html; charset=utf-8")
    expect(ask(port, "/home"), 301, location="/home/")
    expect(ask(port, "//home"), 301, location="/home/")
    page = expect(ask(port, "/"), 200, content_type="text/html; charset=utf-8").body.decode()
    assert '<a href="./sub/">sub/</a>' in page, page
    assert '<a href="./%3Cb%3E%26.txt">&lt;b&gt;&amp;.txt</a>' in page, page
    assert '<a href="./a%20b%252f%23%3F.txt">a b%2f#?.txt</a>' in page, page
    for hidden in ("fifo", "socket", "out", "loop"):
        assert f">{hidden}<" not in page, page
    expect(ask(port, "/%3Cb%3E%26.txt"), 200, b"odd")
    assert b'href="../"' in ask(port, "/sub/").body


def other_methods_are_refused(port, _):
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"):
        expect(ask(port, "/page.html", method, Content_Length=0), 405, allow="GET, HEAD")


def nothing_outside_the_folder(port, _):
    for target in (
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%2fsecret.txt",
        "/sub/../../secret.txt",
        "/sub/../page.html",
        "/out.txt",
        "/out/secret.txt",
        "/out/",
        "/absolute",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/page.html%00.txt",
        "/%00",
        "/page.html/",
        "/page.html/x",
        "/missing",
        "/loop",
        "/fifo",
        "/socket",
        "/" + "x" * 300,
        "/" + "x/" * 2000,
        "/..",
        "/../",
    ):
        answer = ask(port, target)
        assert answer.status in (400, 404), (target, answer.status)
        assert b"secret" not in answer.body and b"root:" not in answer.body, target


def ranges(port, _):
    size = len(BODY)
    for asked, first, last in (
        ("0-0", 0, 0),
        ("0-99", 0, 99),
        ("100-", 100, size - 1),
        ("-1", size - 1, size - 1),
        ("-100", size - 100, size - 1),
        (f"-{size + 1}", 0, size - 1),
        (f"{size - 1}-{size + 10}", size - 1, size - 1),
        ("1-99999999999999999999999999", 1, size - 1),
    ):
        answer = ask(port, "/data.bin", Range=f"bytes={asked}")
        expect(
            answer,
            206,
            BODY[first : last + 1],
            content_range=f"bytes {first}-{last}/{size}",
            content_length=str(last + 1 - first),
        )
    for asked in (f"bytes={size}-", "bytes=-0", f"bytes={size}-{size + 1}", f"bytes={10**30}-"):
        expect(ask(port, "/data.bin", Range=asked), 416, content_range=f"bytes */{size}")
    expect(ask(port, "/empty.txt", Range="bytes=0-"), 416, content_range="bytes */0")
    for asked in ("bytes=0-1,3-4", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "lines=1-2",
                  "bytes=+1-2", "bytes=1-2x", "0-1"):
        expect(ask(port, "/data.bin", Range=asked), 200, BODY)
    expect(ask(port, "/data.bin", "HEAD", Range="bytes=0-1"), 200, content_length=str(size))


def conditions(port, _):
    first = expect(ask(port, "/data.bin"), 200, accept_ranges="bytes")
    tag, modified = first.fields["etag"], first.fields["last-modified"]
    assert re.fullmatch(r'"[^"]+"', tag), tag
    for tags in (tag, f"W/{tag}", "*", f'"other", {tag}', f'W/"a,b",{tag}'):
        for method in ("GET", "HEAD"):
            answer = ask(port, "/data.bin", method, If_None_Match=tags)
            expect(answer, 304, b"", etag=tag, last_modified=modified)
            assert "content-type" not in answer.fields
    for tags in ('"other"', tag[:-1], tag.strip('"'), "W/", ""):
        expect(ask(port, "/data.bin", If_None_Match=tags), 200, BODY)
    expect(ask(port, "/data.bin", If_Modified_Since=modified), 304)
    for since in ("Thu, 01 Jan 1970 00:00:00 GMT", "yesterday", modified + "x"):
        expect(ask(port, "/data.bin", If_Modified_Since=since), 200, BODY)
    for since in ("Fri, 31 Dec 2100 23:59:59 GMT", "Fri Dec 31 23:59:59 2100"):
        expect(ask(port, "/data.bin", If_Modified_Since=since), 304)
    # the tag decides where both are given
    answer = ask(port, "/data.bin", If_None_Match='"other"', If_Modified_Since=modified)
    expect(answer, 200, BODY)
    for condition, status in ((tag, 206), (modified, 206), ('"other"', 200), (f"W/{tag}", 200),
                              ("Thu, 01 Jan 1970 00:00:00 GMT", 200)):
        expect(ask(port, "/data.bin", Range="bytes=0-9", If_Range=condition), status)


def a_changed_file_has_another_tag(port, served):
    changing = served / "changing.txt"
    changing.write_text("one")
    first = expect(ask(port, "/changing.txt"), 200, b"one")
    changing.write_text("three")
    second = expect(ask(port, "/changing.txt", If_None_Match=first.fields["etag"]), 200, b"three")
    assert second.fields["etag"] != first.fields["etag"]
    changing.unlink()
    expect(ask(port, "/changing.txt"), 404)


def follow_links(port, followed):
    """A link that stays inside works where the kernel follows it, and is not found by hand."""
    expect(ask(port, "/in.txt"), 200 if followed else 404, b"<p>page</p>" if followed else None)


def refuses_to_start(program):
    for arguments, code in (([], 2), (["/nowhere/at/all"], 1), ([".", "--what"], 2)):
        run = subprocess.run([program, *arguments], capture_output=True, timeout=DEADLINE)
        assert run.returncode == code and run.stderr, (arguments, run)


CHECKS = [
    files_and_their_types,
    head_says_the_same,
    folders,
    other_methods_are_refused,
    nothing_outside_the_folder,
    ranges,
    conditions,
    a_changed_file_has_another_tag,
]

if __name__ == "__main__":
    main()
