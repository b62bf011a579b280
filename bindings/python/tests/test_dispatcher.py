"""WSGIPathInfoDispatcher."""

import pytest

from wsgiserver import WSGIPathInfoDispatcher


def naming(name):
    def app(environ, start_response):
        start_response("200 OK", [("X-App", name)])
        text = f"{name} {environ['SCRIPT_NAME']} {environ['PATH_INFO']}"
        return [text.encode()]

    return app


APPS = {"/": naming("root"), "/blog/": naming("blog"), "/blog/admin": naming("admin")}
EXPECTED = {
    "/": b"root  /",
    "/other": b"root  /other",
    "/blogs": b"root  /blogs",
    "/blog": b"blog /blog ",
    "/blog/": b"blog /blog /",
    "/blog/new": b"blog /blog /new",
    "/blog/admin/x": b"admin /blog/admin /x",
}


@pytest.mark.parametrize("path", EXPECTED)
def test_the_longest_prefix_wins(path, served, client):
    connection = client(served(WSGIPathInfoDispatcher(APPS)))
    assert connection.get(path).body == EXPECTED[path]


def test_none_is_404(served, client):
    server = served(WSGIPathInfoDispatcher([("/blog", naming("blog"))]))
    answer = client(server).get("/other")
    assert (answer.code, answer.body) == (404, b"")


def test_the_environ_is_a_copy_and_may_lack_keys():
    environ = {}
    called = []

    def start_response(status, headers):
        called.append((status, headers))

    app = WSGIPathInfoDispatcher([("", naming("root"))])
    assert app(environ, start_response) == [b"root  /"]
    assert environ == {} and app.apps[0][0] == ""
