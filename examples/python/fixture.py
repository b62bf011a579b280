"""`fixture`: the application that wire tests talk to. examples/c/fixture.c lists its routes.

`/detach/N` answers from the thread of its own request: a WSGI application has no other way. What
breaks the rules does it as Python would: by raising, or by calling in the wrong order.
"""

import time

WINDOW = 64 * 1024
TEXT = [("Content-Type", "text/plain")]


def fixture(environ, start_response):
    path = environ.get("HTTP_X_FIXTURE") or environ["PATH_INFO"]
    route = ROUTES.get(path)
    if route is not None:
        return route(environ, start_response)
    start, _, number = path.rpartition("/")
    numbered = NUMBERED.get(start)
    if numbered is not None and number.isdigit() and len(number) <= 10:
        return numbered(environ, start_response, int(number))
    return echo_body(environ, start_response)


def echo_body(environ, start_response):
    """A body that fits in the window in one piece, a longer one as it is read."""
    read = environ["wsgi.input"].read
    window = read(WINDOW)
    if not window and environ["REQUEST_METHOD"] != "POST":
        window = b"OK"
    if len(window) < WINDOW:
        start_response("200 OK", TEXT)
        return [window]
    write = start_response("200 OK", TEXT)
    while window:
        write(window)
        window = read(WINDOW)
    return []


def lines(start_response, pairs):
    start_response("200 OK", TEXT)
    return ["".join(f"{name}: {value}\n" for name, value in pairs).encode("ISO-8859-1")]


def echo_headers(environ, start_response):
    environ["wsgi.input"].read()
    names = ((key, key[5:] if key.startswith("HTTP_") else key) for key in environ)
    fields = [(name.replace("_", "-").title(), environ[key]) for key, name in names
              if key.startswith(("HTTP_", "CONTENT_"))]
    return lines(start_response, fields)


def show_environ(environ, start_response):
    """As the library has it: flags are 1 and 0, a version is 1.0; objects are left out."""
    shown = []
    for key, value in environ.items():
        if isinstance(value, bool):
            value = int(value)
        elif key == "wsgi.version":
            value = ".".join(map(str, value))
        elif not isinstance(value, str):
            continue
        shown.append((key, value))
    return lines(start_response, shown)


def sleep_first(environ, start_response, milliseconds):
    time.sleep(milliseconds / 1000)
    start_response("200 OK", TEXT)
    return [b"OK"]


def large(environ, start_response, size):
    start_response("200 OK", TEXT)
    return [b"x" * size]


def stream(environ, start_response, count):
    start_response("200 OK", TEXT)
    return (b"x" * 1024 for _ in range(count))


def close(environ, start_response):
    start_response("200 OK", [*TEXT, ("Connection", "close")])
    return [b"OK"]


def restart(environ, start_response):
    start_response("200 OK", [("X-First", "1")])
    try:
        raise RuntimeError("found out later")
    except RuntimeError:
        import sys

        start_response("503 Service Unavailable", [("X-Second", "2")], sys.exc_info())
    return [b"later"]


def no_content(environ, start_response):
    start_response("204 No Content", [])
    return []


def not_modified(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"fixture"')])
    return []


def inform(environ, start_response):
    environ["wsgiserver.exchange"].inform("100 Continue")
    environ["wsgi.early_hints"]([("Link", "</style.css>; rel=preload")])
    start_response("200 OK", TEXT)
    return [b"OK"]


def trailers(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"sum")
    environ["wsgiserver.exchange"].add_trailer("X-Sum", "3")
    return []


def interrupt(environ, start_response):
    raise SystemExit(0)


def fail(environ, start_response):
    raise RuntimeError("an error, as asked for")


def fail_after_head(environ, start_response):
    start_response("200 OK", TEXT)(b"begun")
    raise RuntimeError("an error in the middle, as asked for")


class FailsAtItsClose(list):
    def close(self):
        raise RuntimeError("an error behind the end, as asked for")


def fail_after_end(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "5")])
    return FailsAtItsClose([b"ended"])


def short(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "10")])
    return [b"four"]


def long(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "4")])
    return [b"fourandten"]


def bad_header(environ, start_response):
    start_response("200 OK", [("X-Split", "one\r\nX-Injected: two")])
    return [b"accepted"]


def hop_by_hop(environ, start_response):
    hops = [("Transfer-Encoding", "gzip"), ("Connection", "keep-alive"), ("Keep-Alive", "timeout=99")]
    start_response("200 OK", hops)
    return [b"accepted"]


def twice(environ, start_response):
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b"twice"]


def never(environ, start_response):
    return []


def write_first(environ, start_response):
    environ["wsgiserver.exchange"].write(b"too early")
    return []


ROUTES = {
    "/echo": echo_headers,
    "/environ": show_environ,
    "/204": no_content,
    "/304": not_modified,
    "/close": close,
    "/restart": restart,
    "/inform": inform,
    "/trailers": trailers,
    "/interrupt": interrupt,
    "/error": fail,
    "/error-after-head": fail_after_head,
    "/error-after-end": fail_after_end,
    "/short": short,
    "/long": long,
    "/bad-header": bad_header,
    "/hop-by-hop": hop_by_hop,
    "/twice": twice,
    "/none": never,
    "/write-first": write_first,
}
NUMBERED = {"/sleep": sleep_first, "/detach": sleep_first, "/large": large, "/stream": stream}
