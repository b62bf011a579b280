"""HTTPServer and CherryPyWSGIServer: attributes and life."""

import contextlib
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings

import pytest
from conftest import PATIENCE, Client, Logged, hello, serving, wait_for

import wsgiserver
from wsgiserver import CherryPyWSGIServer, HTTPConnection, HTTPServer, NoEffectWarning, ServerError

SEED = {
    "protocol": "HTTP/1.1",
    "request_queue_size": 5,
    "timeout": 10,
    "shutdown_timeout": 5,
    "max_request_header_size": 0,
    "max_request_body_size": 0,
    "nodelay": True,
    "software": None,
    "ready": False,
    "ssl_adapter": None,
    "wsgi_version": (1, 0),
    "numthreads": 10,
}


def echo_body(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [body]


def test_attributes_have_the_seeds_defaults():
    server = CherryPyWSGIServer(("127.0.0.1", 8070), hello)
    for name, value in SEED.items():
        assert getattr(server, name) == value, name
    assert server.bind_addr == ("127.0.0.1", 8070)
    assert server.wsgi_app is hello
    assert server.gateway is wsgiserver.WSGIGateway_10
    assert server.ConnectionClass is wsgiserver.HTTPConnection
    assert (server.requests.min, server.requests.max) == (10, -1)
    assert "8070" in str(server)
    assert server.interrupt is None and server.runtime() == 0


def test_arguments_are_attributes():
    server = CherryPyWSGIServer(
        ("::1", 80), hello, 3, "name", 5, 9, 8, 7, 6, 4
    )
    found = (server.numthreads, server.server_name, server.requests.max)
    assert found == (3, "name", 5)
    assert (server.request_queue_size, server.timeout, server.shutdown_timeout) == (9, 8, 7)
    assert (server.requests.accepted_queue_size, server.requests.accepted_queue_timeout) == (6, 4)


@pytest.mark.parametrize("host", ["", None])
def test_a_host_that_means_nothing_is_refused(host):
    with pytest.raises(ValueError, match="Use '0.0.0.0'"):
        CherryPyWSGIServer((host, 80), hello)


def test_an_address_that_is_none_is_refused():
    with pytest.raises(TypeError, match="tuple of host and port"):
        CherryPyWSGIServer(8080, hello)


def test_port_0_is_the_real_one_once_bound(served, client):
    server = served(hello)
    assert server.bind_addr[1] > 0
    assert server.socket.getsockname() == server.bind_addr
    assert client(server).get().body == b"hello"


def test_ipv6(served, client):
    server = served(hello, address=("::1", 0))
    assert server.socket.getsockname()[0] == "::1"
    assert client(server).get().body == b"hello"


@pytest.mark.parametrize("kind", ["str", "bytes", "abstract"])
def test_unix_sockets(kind, served, client, tmp_path):
    path = str(tmp_path / "socket")
    address = {"str": path, "bytes": path.encode(), "abstract": f"\0wsgiserver-test-{os.getpid()}"}[kind]
    seen = []

    def app(environ, start_response):
        seen.append([environ[key] for key in ("REMOTE_ADDR", "REMOTE_PORT", "SERVER_PORT")])
        return hello(environ, start_response)

    server = served(app, address=address)
    assert client(server).get().body == b"hello"
    assert seen == [["", "", ""]]
    server.stop()
    assert not os.path.exists(path)


def test_a_busy_port_is_named(served):
    server = served(hello)
    second = CherryPyWSGIServer(server.bind_addr, hello)
    with pytest.raises(ServerError, match=str(server.bind_addr[1])) as raised:
        second.start()
    assert isinstance(raised.value, OSError)
    assert not second.ready


def test_a_wrong_option_is_named():
    server = CherryPyWSGIServer(("127.0.0.1", 0), hello)
    server.timeout = "soon"
    with pytest.raises(ValueError, match="timeout"):
        server.prepare()
    with pytest.raises(ValueError, match="no option 'speed'"):
        server.set("speed", "high")


def test_options_by_name_as_text():
    server = CherryPyWSGIServer(("127.0.0.1", 0), hello)
    texts = {"numthreads": "3", "max": "7", "accepted_queue_timeout": "0.5", "timeout": "2"}
    for name, text in texts.items():
        server.set(name, text)
    server.set("bind_addr", "@name")
    server.set("wsgi_version", "u.0")
    server.set("statistics", "1")
    pool = server.requests
    assert (pool.min, pool.max, pool.accepted_queue_timeout) == (3, 7, 0.5)
    assert (server.timeout, server.bind_addr, server.stats["Enabled"]) == ("2", "\0name", True)
    assert server.gateway is wsgiserver.WSGIGateway_u0


def test_every_option_of_the_library_is_an_attribute(served):
    server = Logged(("127.0.0.1", 0), hello)
    assert server.header_timeout is None and server.preread == 65536
    server.header_timeout = 3
    served(server=server)
    assert float(server.core.get("header_timeout")) == 3
    with pytest.raises(AttributeError):
        server.no_such_thing


def test_a_class_attribute_counts(served):
    class Mine(Logged):
        max_request_header_size = 300
        header_timeout = 4

    server = served(server=Mine(("127.0.0.1", 0), hello))
    assert server.core.get("max_request_header_size") == "300"
    assert float(server.core.get("header_timeout")) == 4


def test_what_was_not_set_is_the_librarys(served):
    server = served(hello)
    assert server.core.get("max_request_header_size") == "65536"
    assert server.core.get("request_queue_size") == "1024"
    server.stop()
    server.max_request_header_size = 0
    server.prepare()
    assert server.core.get("max_request_header_size") == "0"


def test_names_in_the_environ_may_change_while_serving(served, client):
    def app(environ, start_response):
        start_response("200 OK", [])
        return [f"{environ['SERVER_NAME']} {environ['SERVER_SOFTWARE']}".encode()]

    server = served(app, server_name="first")
    connection = client(server)
    assert connection.get().body.startswith(b"first libwsgiserver/")
    server.server_name = "second"
    server.software = "mine/1"
    assert connection.get().body == b"second mine/1"


def test_the_application_may_change_while_serving(served, client):
    server = served(hello)
    connection = client(server)
    connection.get()

    def other(environ, start_response):
        start_response("200 OK", [])
        return [b"other"]

    server.wsgi_app = other
    assert connection.get().body == b"other"


def test_what_is_taken_at_the_next_start_says_so(served):
    server = served(hello)
    with pytest.warns(NoEffectWarning, match="request_queue_size is taken at the next start"):
        server.request_queue_size = 7
    server.stop()
    server.prepare()
    assert server.core.get("request_queue_size") == "7"


def test_what_has_no_effect_says_so():
    for name in ("rbufsize", "wbufsize", "linger"):
        with pytest.warns(NoEffectWarning, match=name):
            setattr(type("Mine", (wsgiserver.HTTPConnection,), {}), name, 1)


def test_limits_may_change_while_serving(served, client):
    server = served(echo_body)
    old = client(server)
    assert old.get(method="POST", body=b"x" * 100).body == b"x" * 100
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        server.max_request_body_size = 10
        server.max_request_header_size = 300
        server.timeout = 0.2
        server.nodelay = False
        server.requests.accepted_queue_timeout = 3
    assert old.get(method="POST", body=b"x" * 11).code == 413
    assert client(server).get("/", "Long: " + 400 * "x").code == 431
    assert client(server).send(b"GET / HT").answer().code == 408
    assert server.core.get("nodelay") == "0" and server.core.get("accepted_queue_timeout") == "3"
    server.max_request_body_size = 0
    assert client(server).get(method="POST", body=b"x" * 11).body == b"x" * 11


def test_the_class_of_requests_may_change_while_serving(served, client, monkeypatch):
    class Mine(wsgiserver.HTTPRequest):
        def respond(self):
            self.simple_response("200 OK", "mine")

    server = served(hello)
    assert client(server).get().body == b"hello"
    monkeypatch.setattr(HTTPConnection, "RequestHandlerClass", Mine)
    assert client(server).get().body == b"mine"
    monkeypatch.undo()
    assert client(server).get().body == b"hello"


def test_the_pool_may_be_let_grow_while_serving(served, client):
    go_on = threading.Event()

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/wait":
            assert go_on.wait(10)
        return hello(environ, start_response)

    server = served(app, numthreads=1)
    server.requests.max = 2
    waiting = client(server).send(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
    assert client(server).get().body == b"hello"
    go_on.set()
    assert waiting.answer().body == b"hello"


@pytest.mark.parametrize("name, value", [
    ("bind_addr", ("127.0.0.1", 1)), ("ssl_adapter", None), ("access_log", None),
    ("certificate", "a.crt"), ("requests.accepted_queue_size", 5)])
def test_what_is_taken_at_the_next_start_says_so(served, name, value):
    server = served(hello)
    part, _, name = name.rpartition(".")
    with pytest.warns(NoEffectWarning, match=f"{name} is taken at the next start") as told:
        setattr(getattr(server, part) if part else server, name, value)
    assert told[0].filename == __file__


def test_the_protocol_may_change_while_serving(served, client):
    def protocol(environ, start_response):
        start_response("200 OK", [])
        return [environ["ACTUAL_SERVER_PROTOCOL"].encode()]

    server = served(protocol)
    assert client(server).get().body == b"HTTP/1.1"
    server.protocol = "HTTP/1.0"
    wait_for(lambda: client(server).get().body == b"HTTP/1.0")


def test_a_wrong_value_while_serving_changes_nothing(served):
    server = served(hello)
    before = server.timeout
    with pytest.raises(ValueError, match="timeout"):
        server.timeout = "soon"
    assert server.timeout == before
    with pytest.warns(NoEffectWarning, match="request_queue_size"):
        server.request_queue_size = 3


def test_shutdown_timeout_while_serving(served):
    server = served(hello)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        server.shutdown_timeout = 1
    assert float(server.core.get("shutdown_timeout")) == 1


def test_it_starts_again_after_a_stop(served, client):
    server = served(hello)
    for _ in range(3):
        assert client(server).get().body == b"hello"
        server.stop()
        assert not server.ready and server.core is None and server.socket is None
        server.prepare()
    assert server.ready


def test_a_second_start_is_refused(served):
    server = served(hello)
    with pytest.raises(RuntimeError, match="runs already"):
        server.start()


def test_stop_before_and_after_is_nothing():
    server = CherryPyWSGIServer(("127.0.0.1", 0), hello)
    server.stop()
    server.prepare()
    server.stop()
    server.stop()
    assert server.runtime() > 0


def test_stop_answers_what_is_in_work(served, client):
    entered, go_on = threading.Event(), threading.Event()

    def app(environ, start_response):
        entered.set()
        assert go_on.wait(10)
        return hello(environ, start_response)

    server = served(app)
    connection = client(server).send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    assert entered.wait(10)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    wait_for(lambda: not server.core.ready)
    go_on.set()
    answer = connection.answer()
    assert (answer.body, answer.headers.get("connection")) == (b"hello", "close")
    stopping.join(10)


def test_an_application_may_stop_its_server(served, client):
    def app(environ, start_response):
        server.stop()
        return hello(environ, start_response)

    server = served(app)
    assert client(server).get().body == b"hello"
    wait_for(lambda: server.ended)
    assert server.ended == [None] and server.core is None


def test_interrupt_is_raised_by_start(served, client):
    server = served(hello)
    problem = KeyError("enough")
    server.interrupt = problem
    wait_for(lambda: server.ended)
    assert server.ended == [problem]
    assert not server.ready


def test_an_error_in_tick_is_logged(served, client):
    class Ticking(Logged):
        def tick(self):
            if not self.messages:
                raise ValueError("tick failed")
            super().tick()

    server = served(server=Ticking(("127.0.0.1", 0), hello))
    wait_for(lambda: server.messages)
    assert "Error in HTTPServer.tick" in server.log_text() and "tick failed" in server.log_text()
    assert client(server).get().body == b"hello"


def test_error_log_writes_to_standard_error(capsys):
    server = CherryPyWSGIServer(("127.0.0.1", 0), hello)
    server.error_log("plain")
    try:
        raise ValueError("with a traceback")
    except ValueError:
        server.error_log("failed", level=logging.ERROR, traceback=True)
    written = capsys.readouterr().err
    assert written.startswith("plain\nfailed\nTraceback") and "with a traceback" in written


def test_error_log_is_looked_up_each_time(served, client):
    def app(environ, start_response):
        raise ValueError("for the log")

    server = served(app)
    said = []
    server.error_log = lambda msg="", level=20, traceback=False: said.append((msg, level, traceback))
    client(server).get()
    wait_for(lambda: said)
    assert said[0] == ("ValueError('for the log')", 40, True)


def test_a_custom_socket(served, client):
    class Binding(Logged):
        def prepare(self):
            self.bind(socket.AF_INET, socket.SOCK_STREAM)
            super().prepare()

    server = served(server=Binding(("127.0.0.1", 0), hello))
    assert server.socket.getsockname() == server.bind_addr
    assert client(server).get().body == b"hello"


def test_several_listeners(served, tmp_path):
    server = Logged(("127.0.0.1", 0), hello)
    server.listen(("127.0.0.1", 0))
    server.listen(str(tmp_path / "socket"))
    served(server=server)
    assert len(server.bound_addrs) == 3
    for address in server.bound_addrs:
        found = wsgiserver.addresses.from_text(address)
        with Client(found) as connection:
            assert connection.get().body == b"hello"


ACTIVATED = """
import os, socket, sys
from wsgiserver import CherryPyWSGIServer
listening = socket.create_server(("127.0.0.1", 0))
os.dup2(listening.fileno(), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"activated"]
server = CherryPyWSGIServer(("127.0.0.1", 1), app)
server.prepare()
try:
    print(listening.getsockname()[1], flush=True)
    server.serve()
except KeyboardInterrupt:
    print("interrupted")
finally:
    server.stop()
"""


def test_systemd_and_ctrl_c():
    command = [sys.executable, "-c", ACTIVATED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        port = int(process.stdout.readline())
        with Client(("127.0.0.1", port)) as connection:
            assert connection.get().body == b"activated"
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "interrupted\n"
    assert process.returncode == 0
    assert time.monotonic() - began < 5


STOPPED_BY_A_SIGNAL = """
import signal, sys
from wsgiserver import CherryPyWSGIServer
server = CherryPyWSGIServer(("127.0.0.1", 0), None)
signal.signal(signal.SIGTERM, lambda *_: server.stop())
server.prepare()
print("ready", flush=True)
server.serve()
print("stopped", server.ready, flush=True)
# Until both signals have come: at its very end Python has no handlers any more.
sys.stdin.read()
"""


def test_a_signal_handler_may_stop_the_server():
    command = [sys.executable, "-c", STOPPED_BY_A_SIGNAL]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        process.terminate()
        assert process.stdout.readline() == "stopped False\n"
        process.stdin.close()
        assert process.stdout.read() == ""
    assert process.returncode == 0


LEFT = """
from wsgiserver import CherryPyWSGIServer
def app(environ, start_response): pass
server = CherryPyWSGIServer(("127.0.0.1", 0), app)
server.prepare()
print(server.bind_addr[1])
"""


def test_a_program_that_ends_without_a_stop_ends():
    done = subprocess.run([sys.executable, "-c", LEFT], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")


def test_http_1_0_as_protocol(served, client):
    server = served(hello, options={"protocol": "HTTP/1.0"})
    assert client(server).send(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n").until(b"\r\n") == b"HTTP/1.0 200 OK"


def test_an_http_server_needs_only_a_gateway(served, client):
    class Hello(wsgiserver.Gateway):
        def respond(self):
            self.req.simple_response("200 OK", "plain")

    class Quiet(HTTPServer):
        def error_log(self, msg="", level=20, traceback=False):
            raise AssertionError(msg)

    with serving(server=Quiet(("127.0.0.1", 0), Hello)) as server:
        assert client(server).get().body == b"plain"


def test_a_million_requests_would_not_fit_if_each_left_something(served, client):
    """The gate for `memory flat`: ten thousand requests, of each kind, by the resident size."""

    def app(environ, start_response):
        environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/plain"), ("X", environ["PATH_INFO"])])
        if environ["PATH_INFO"].endswith("5"):
            return (piece for piece in [b"x" * 1000, b"y" * 1000])
        return [b"x" * 2000]

    connection = client(served(app))

    def some(count):
        for number in range(count):
            connection.get(f"/{number}", method="POST", body=b"z" * 3000)
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    # PyPy is still compiling what it runs.
    most = 2_000_000 if sys.implementation.name == "cpython" else 12_000_000
    before = some(2000)
    assert some(8000) - before < most


def test_stop_ends_idle_connections(served, client):
    server = served(hello)
    connection = client(server)
    connection.get()
    server.stop()
    with contextlib.suppress(EOFError):
        connection.more()


FORKS = """
import os, sys
from wsgiserver import CherryPyWSGIServer

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]

server = CherryPyWSGIServer(("127.0.0.1", 0), app)
server.prepare()
child = os.fork()
if child == 0:
    print(server.ready, server.core, server.requests.idle)
    if "stop" in sys.argv:
        server.stop()
    if "start" in sys.argv:
        server.bind_addr = ("127.0.0.1", 0)
        server.prepare()
        print(server.ready)
        server.stop()
    sys.exit(0)
status = os.waitpid(child, 0)[1]
import urllib.request
print(status, urllib.request.urlopen("http://127.0.0.1:%d/" % server.bind_addr[1]).read())
server.stop()
"""


@pytest.mark.parametrize("how", ["exit", "stop", "start"])
def test_no_server_runs_in_a_forked_child(how):
    done = subprocess.run([sys.executable, "-u", "-c", FORKS, how], capture_output=True, text=True,
                          timeout=PATIENCE)
    started = "True\n" if how == "start" else ""
    assert (done.stdout, done.stderr) == (f"False None 0\n{started}0 b'hello'\n", "")


def test_no_time_out_is_no_limit(served, client):
    server = Logged(("127.0.0.1", 0), hello, timeout=None, shutdown_timeout=None)
    server.requests.accepted_queue_timeout = None
    served(server=server)
    assert client(server).get().body == b"hello"
    names = ("timeout", "shutdown_timeout", "accepted_queue_timeout")
    assert [server.core.get(name) for name in names] == ["0", "86400", "0"]
    server.timeout = 5
    server.timeout = None
    assert server.core.get("timeout") == "0"


@pytest.mark.parametrize("name", ["timout", "max_request_body", "shutdown_time", "error_logs"])
def test_a_name_that_is_nearly_another_says_so(name):
    server = Logged(("127.0.0.1", 0), hello)
    with pytest.warns(NoEffectWarning, match=f"has no attribute '{name}'; ") as told:
        setattr(server, name, 5)
    assert told[0].filename == __file__


@pytest.mark.parametrize("name", ["mine", "_timout", "server_port", "ssl_module", "statistic_page"])
def test_a_name_of_the_programs_own_is_kept(name):
    server = Logged(("127.0.0.1", 0), hello)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        setattr(server, name, 5)
    assert getattr(server, name) == 5


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_child_that_outlives_the_server_does_not_keep_its_address(kind, served, client, tmp_path):
    read, write = os.pipe()

    def app(environ, start_response):
        child = os.fork()
        if child == 0:
            os.read(read, 1)
            os._exit(0)
        start_response("200 OK", [("Connection", "close")])
        return [str(child).encode()]

    server = Logged(str(tmp_path / "site") if kind == "unix" else ("127.0.0.1", 0), app)
    with serving(server=server):
        address = server.bind_addr
        connection = client(server)
        child = int(connection.get().body)
        assert connection.rest() == b""
    try:
        with pytest.raises(OSError):
            Client(address)
        again = served(hello, address=address)
        assert client(again).get().body == b"hello"
    finally:
        os.write(write, b"+")
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)
