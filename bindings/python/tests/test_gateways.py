"""Gateways of the program's own: HTTPRequest and HTTPConnection as they see them."""

import threading
import time

import pytest
from conftest import Logged, hello, wait_for

import wsgiserver
from wsgiserver import Gateway, HTTPConnection, HTTPRequest, WSGIGateway_10, WSGIGateway_u0


class Native(Logged):
    """Without WSGI: the gateway is what `respond` of the test does with the request."""

    def __init__(self, respond):
        class Answering(Gateway):
            def respond(self):
                respond(self.req)

        super().__init__(("127.0.0.1", 0), None, numthreads=2)
        self.gateway = Answering


def native(served, respond):
    return served(server=Native(respond))


def simple(request, body=b"done"):
    request.status = b"200 OK"
    request.outheaders.append((b"Content-Type", b"text/plain"))
    request.sent_headers = True
    request.send_headers()
    request.write(body)


def test_a_request_has_what_the_seed_had(served, client):
    seen = {}

    def respond(request):
        names = "method uri path qs request_protocol response_protocol scheme ready"
        seen.update({name: getattr(request, name) for name in names.split()})
        seen.update(inheaders=request.inheaders, read=request.rfile.read(), more=request.rfile.read(3))
        seen.update(chunked_read=request.chunked_read, close=request.close_connection)
        seen.update(server=request.server, addr=request.conn.remote_addr, port=request.conn.remote_port)
        seen.update(started=request.started_request, seen=request.conn.requests_seen)
        simple(request)

    server = native(served, respond)
    connection = client(server)
    headers = ["Accept: a", "accept: b", "x-One: 1", "X-One: 2"]
    answer = connection.get("/a%20b%2Fc?d=%20e", *headers, method="PUT", body=b"body")
    assert answer.body == b"done"
    assert seen["method"] == b"PUT" and seen["uri"] == b"/a%20b%2Fc?d=%20e"
    assert seen["path"] == b"/a b%2Fc" and seen["qs"] == b"d=%20e"
    assert seen["request_protocol"] == b"HTTP/1.1" and seen["response_protocol"] == "HTTP/1.1"
    assert seen["scheme"] == b"http" and seen["ready"] and seen["started"]
    assert seen["inheaders"][b"Accept"] == b"a, b" and seen["inheaders"][b"X-One"] == b"2"
    assert seen["inheaders"][b"Content-Length"] == b"4"
    assert (seen["read"], seen["more"], seen["chunked_read"]) == (b"body", b"", False)
    assert seen["server"] is server and not seen["close"]
    assert (seen["addr"], seen["port"]) == connection.socket.getsockname()
    assert seen["seen"] == 1


def test_chunks_and_their_end(served, client):
    flags = []

    def respond(request):
        simple(request, b"one")
        request.write(b"")
        request.write(b"two")
        flags.append(request.chunked_write)

    answer = client(native(served, respond)).get()
    assert (answer.body, flags) == (b"onetwo", [True])
    assert answer.headers["transfer-encoding"] == "chunked"


def test_headers_alone(served, client):
    def respond(request):
        request.status = b"200 OK"
        request.outheaders.append((b"X", b"1"))

    connection = client(native(served, respond))
    assert connection.get().headers["x"] == "1"
    assert connection.get().code == 200


def test_close_connection(served, client):
    def respond(request):
        request.close_connection = True
        simple(request)

    answer = client(native(served, respond)).get()
    assert answer.headers["connection"] == "close"


def test_a_gateway_that_fails_is_500(served, client):
    def respond(request):
        raise LookupError("not here")

    server = native(served, respond)
    assert client(server).get().code == 500
    assert "LookupError" in server.log_text()


def test_respond_is_to_be_overridden(served, client):
    server = Native(None)
    server.gateway = Gateway
    served(server=server)
    assert client(server).get().code == 500
    assert "NotImplementedError" in server.log_text()


def test_the_connection_may_be_taken(served, client):
    def respond(request):
        stream = request.conn.socket
        stream.sendall(b"HTTP/1.1 200 OK\r\n\r\nraw " + stream.recv(10))
        stream.close()
        request.sent_headers = True

    server = native(served, respond)
    connection = client(server).send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\nrest")
    assert connection.rest() == b"HTTP/1.1 200 OK\r\n\r\nraw rest"
    assert server.log_text() == ""


class Step(WSGIGateway_10):
    def get_environ(self):
        return dict(super().get_environ(), added="by the gateway")

    def start_response(self, status, headers, exc_info=None):
        return super().start_response(status, [*headers, ("X-Gateway", "1")], exc_info)

    def write(self, chunk):
        super().write(chunk.upper())


def through_python(served, app, gateway=Step):
    server = Logged(("127.0.0.1", 0), app, numthreads=2)
    server.gateway = gateway
    return served(server=server)


def test_steps_of_a_wsgi_gateway_may_be_changed(served, client):
    def app(environ, start_response):
        start_response("200 OK", [])
        return [environ["added"].encode(), b" of ", environ["REQUEST_METHOD"].encode()]

    answer = client(through_python(served, app)).get()
    assert answer.body == b"BY THE GATEWAY OF GET"
    assert answer.headers["x-gateway"] == "1"


class Plain(WSGIGateway_10):
    """The steps as they are, but not by the short way."""

    def respond(self):
        super().respond()


def test_empty_pieces_on_this_way(served, client):
    released, ended = threading.Event(), []

    def app(environ, start_response):
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/list":
            return [b""]
        return pieces()

    def pieces():
        try:
            yield b""
            assert released.wait(30)
            while True:
                yield b"" if ended else b"begun"
                ended.append("begun")
                time.sleep(0.01)
        finally:
            ended.append("closed")

    server = through_python(served, app, Plain)
    connection = client(server)
    assert connection.get("/list").headers["content-length"] == "0"
    connection.send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
    assert connection.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
    released.set()
    assert connection.chunk() == b"begun"
    connection.close()
    wait_for(lambda: "closed" in ended, "the generator's end")
    assert server.log_text() == ""


def faulty(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    return [b"four"]


def twice(environ, start_response):
    start_response("200 OK", [])
    start_response("200 OK", [])
    return []


def text(environ, start_response):
    start_response("200 OK", [])
    return ["text"]


def never(environ, start_response):
    return []


@pytest.mark.parametrize("app", [faulty, twice, text, never])
def test_faults_are_500_on_this_way_too(app, served, client):
    server = through_python(served, app, Plain)
    assert client(server).get().code == 500
    wait_for(server.log_text)


def test_both_ways_have_the_same_environ(served, client):
    def app(environ, start_response):
        start_response("200 OK", [])
        left_out = ("REMOTE_PORT", "wsgi.errors", "wsgiserver.exchange", "wsgi.early_hints")
        shown = {key: value for key, value in environ.items() if key not in left_out}
        return [repr(sorted(shown.items(), key=lambda pair: pair[0])).encode()]

    direct = client(served(app, address=("127.0.0.1", 0)))
    other = client(through_python(served, app, Plain))
    one, two = direct.get("/x?y", "Cookie: a=b").body, other.get("/x?y", "Cookie: a=b").body
    ports = [f"'{found.socket.getpeername()[1]}'".encode() for found in (direct, other)]
    assert one.replace(ports[0], b"") == two.replace(ports[1], b"")


def test_wsgi_u_0(served, client):
    def app(environ, start_response):
        start_response("200 OK", [])
        shown = environ["wsgi.version"], environ["PATH_INFO"], environ["wsgi.url_encoding"]
        return [repr(shown).encode()]

    class Unicode(Logged):
        wsgi_version = ("u", 0)

    server = served(server=Unicode(("127.0.0.1", 0), app))
    assert server.gateway is WSGIGateway_u0
    connection = client(server)
    assert connection.get("/%C3%A9").body.decode() == "(('u', 0), '/é', 'utf-8')"
    assert connection.get("/%E9").body.decode() == "(('u', 0), '/é', 'ISO-8859-1')"


def test_a_request_class_of_ones_own(served, client):
    class Request(HTTPRequest):
        def parse_request(self):
            super().parse_request()
            self.inheaders[b"X-Added"] = b"1"

    class Connection(HTTPConnection):
        RequestHandlerClass = Request

    seen = []

    class Looking(WSGIGateway_10):
        def respond(self):
            seen.append(self.req.inheaders[b"X-Added"])
            super().respond()

    server = Logged(("127.0.0.1", 0), hello)
    server.ConnectionClass = Connection
    server.gateway = Looking
    served(server=server)
    assert client(server).get().body == b"hello"
    assert seen == [b"1"]


def test_a_request_class_that_changes_no_step_costs_nothing(served, client):
    class Request(HTTPRequest):
        def __init__(self, server, conn):
            super().__init__(server, conn, proxy_mode=True)

    class Connection(HTTPConnection):
        RequestHandlerClass = Request

    server = Logged(("127.0.0.1", 0), hello)
    server.ConnectionClass = Connection
    served(server=server)
    assert server.core.respond is None
    assert client(server).get().body == b"hello"


@pytest.mark.parametrize(
    "uri, parts",
    [
        (b"*", (None, None, b"*")),
        (b"/path?query", (None, None, b"/path?query")),
        (b"//two/slashes", (None, None, b"//two/slashes")),
        (b"http://host:1/path?query", (b"http", b"host:1", b"/path?query")),
        (b"host:443", (None, b"host:443", None)),
    ],
)
def test_parse_request_uri(uri, parts):
    request = object.__new__(HTTPRequest)
    assert request.parse_request_uri(uri) == parts


def test_the_gateways_by_version():
    gateways = wsgiserver.wsgi_gateways
    assert gateways == {(1, 0): WSGIGateway_10, ("u", 0): WSGIGateway_u0}
