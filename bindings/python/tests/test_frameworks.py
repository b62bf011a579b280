"""The examples of frameworks, each by its own way to start and by the command."""

import base64
import contextlib
import importlib.util
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import pytest
import simple_websocket
from conftest import PATIENCE, Client, wait_for

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "examples/python/frameworks"
SCRIPTS = pathlib.Path(sys.executable).parent

# How each is started on a free port.
OWN_WAY = {
    "Flask": [sys.executable, "flask_site.py", "0"],
    "Bottle": [sys.executable, "bottle_site.py", "0"],
    "CherryPy": [sys.executable, "cherrypy_site.py", "0"],
    "Pyramid": [SCRIPTS / "pserve", "pyramid_site.ini"],
    "Django": [sys.executable, "django_site.py", "runwsgiserver", "0", "--noreload"],
}
BY_COMMAND = {
    "Flask": "flask_site",
    "Bottle": "bottle_site",
    "CherryPy": "cherrypy_site:tree",
    "Pyramid": "pyramid_site:main({})",
    "Django": "django_site",
}


class Site:
    """A process that serves an example, with those that it starts itself."""

    def __init__(self, arguments):
        self.process = subprocess.Popen(
            arguments, cwd=EXAMPLES, env={**os.environ, "PYTHONPATH": "."},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.text = ""
        self._found = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            self._found.wait(PATIENCE)
            self.address = self._address()
            assert self.address is not None, self.text
            wait_for(self._listens, "the site")  # some tell of it before
        except BaseException:
            self.close()
            raise

    def _address(self):
        found = re.search(r"http://(127\.0\.0\.1):(?!0/)(\d+)/?", self.text)
        return found and (found[1], int(found[2]))

    def _listens(self):
        with socket.socket() as caller:
            return caller.connect_ex(self.address) == 0

    def _read(self):
        for line in self.process.stdout:
            self.text += line
            if self._address():
                self._found.set()
        self._found.set()

    def get(self, *arguments, **named):
        with Client(self.address) as client:
            return client.get(*arguments, **named)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def close(self):
        # Whoever is left of them would keep the pipe, and the reader would read for ever.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stdout.close()


def _ini_with_a_free_port():
    """The port of the example is set in the file; what is given to pserve does not count then."""
    path = pathlib.Path(tempfile.mkdtemp()) / "site.ini"
    path.write_text((EXAMPLES / "pyramid_site.ini").read_text().replace("8070", "0"))
    return path


def started(name, how):
    if how == "by its own way":
        if name == "Pyramid":
            return Site([OWN_WAY[name][0], _ini_with_a_free_port()])
        port = str(_free_port()) if name == "Bottle" else "0"  # Bottle tells what it was given
        return Site([port if part == "0" and name == "Bottle" else part for part in OWN_WAY[name]])
    return Site([SCRIPTS / "wsgiserver", BY_COMMAND[name], "--bind", "127.0.0.1:0"])


@pytest.fixture(scope="module", params=["by its own way", "by the command"])
def how(request):
    return request.param


@pytest.fixture(scope="module", params=OWN_WAY)
def site(request, how):
    made = started(request.param, how)
    made.name = request.param
    yield made
    made.close()


def test_a_page_comes(site):
    answer = site.get("/")
    assert (answer.code, answer.body) == (200, f"Hello from {site.name}\n".encode())
    own = "cherrypy/" if site.name == "CherryPy" else "libwsgiserver/"
    assert answer.headers["server"].startswith(own)


def form(photo):
    """A form with a file, and what the sites answer to it."""
    parts = [("name", "", b"M\xc3\xa9lanie"), ("photo", '; filename="p.jpg"', photo)]
    body = b"".join(
        b'--edge\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
        % (name.encode(), more.encode(), data)
        for name, more, data in parts
    ) + b"--edge--\r\n"
    return "Content-Type: multipart/form-data; boundary=edge", body, f"Hello Mélanie, of {photo!r}\n"


def test_a_form_with_a_file_arrives(site):
    of_type, body, expected = form(b"\x00\xff" * 50000)
    answer = site.get("/greet", of_type, method="POST", body=body)
    assert answer.code == 200, answer
    assert answer.body.decode() == expected


def test_a_form_in_chunks_arrives(site):
    of_type, body, expected = form(b"\x00\xff" * 5000)
    lines = ["POST /greet HTTP/1.1", "Host: test", of_type, "Transfer-Encoding: Chunked", "", ""]
    pieces = [body[at:at + 3000] for at in range(0, len(body), 3000)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
    with Client(site.address) as client:
        answer = client.send("\r\n".join(lines).encode() + chunks).answer()
        assert answer.code == 200, answer
        assert answer.body.decode() == expected
        assert client.get("/").code == 200


def test_a_stream_comes_in_chunks(site):
    answer = site.get("/count/1000")
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.body == b"".join(b"%d\n" % at for at in range(1000))


def test_a_file_comes_whole(site):
    name = OWN_WAY[site.name][1].replace(".ini", ".py")
    answer = site.get("/source")
    source = (EXAMPLES / name).read_bytes()
    assert answer.body == source
    assert site.get("/source", method="HEAD").body == b""


def test_an_error_is_500_and_the_site_goes_on(site):
    assert site.get("/fail").code == 500
    assert site.get("/").code == 200
    assert site.get("/nothing/here").code == 404


def test_a_connection_is_kept_for_the_next_page(site):
    with Client(site.address) as client:
        assert [client.get("/").code for _ in range(3)] == [200, 200, 200]


def test_ctrl_c_ends_it_without_a_traceback(how):
    for name in OWN_WAY:
        site = started(name, how)
        try:
            assert site.get("/").code == 200
            site.stop()
            assert "Traceback" not in site.text, site.text
        finally:
            site.close()


def test_flask_sock_finds_its_socket(how):
    site = started("Flask", how)
    try:
        url = "ws://{}:{}/echo".format(*site.address)
        first, second = simple_websocket.Client(url), simple_websocket.Client(url)
        for at in range(3):
            first.send(f"first {at}")
            second.send(f"second {at}")
            assert first.receive(PATIENCE) == f"FIRST {at}"
            assert second.receive(PATIENCE) == f"SECOND {at}"
        first.close()
        second.close()
        assert site.get("/").code == 200
    finally:
        site.close()


def test_the_flask_site_refuses_pages_of_other_sites(how):
    site = started("Flask", how)
    key = base64.b64encode(bytes(16)).decode()
    lines = ["GET /echo HTTP/1.1", "Host: test:8070", "Connection: Upgrade", "Upgrade: websocket",
             "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    masked_text = b"\x81\x83\0\0\0\0own"
    try:
        for origin, answer in [("http://TEST:8070", b"\x81\x03OWN"), ("http://evil.example", b"\x88\x15\x03\xf0"),
                               ("null", b"\x88\x15\x03\xf0")]:
            with Client(site.address) as client:
                client.send("\r\n".join([*lines, f"Origin: {origin}", "", ""]).encode() + masked_text)
                assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
                assert client.exactly(len(answer)) == answer, origin
    finally:
        site.close()


def test_django_serves_static_files_while_debugging():
    site = Site(OWN_WAY["Django"])
    try:
        answer = site.get("/static/pyramid_site.ini")
        assert answer.body == (EXAMPLES / "pyramid_site.ini").read_bytes()
    finally:
        site.close()


def test_django_loads_the_site_again(tmp_path):
    source = (EXAMPLES / "django_site.py").read_text()
    (tmp_path / "site_copy.py").write_text(source)
    # The port has to be the same for both processes, so it is taken from a socket that is closed.
    port = _free_port()
    site = Site([sys.executable, str(tmp_path / "site_copy.py"), "runwsgiserver", str(port)])
    try:
        assert site.get("/").body == b"Hello from Django\n"
        (tmp_path / "site_copy.py").write_text(source.replace("Hello from", "Again from"))
        wait_for(lambda: _is_new(site, tmp_path / "site_copy.py"), "the new page")
        site.stop()
    finally:
        site.close()


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def _is_new(site, source):
    try:
        if site.get("/").body == b"Again from Django\n":
            return True
    except (OSError, EOFError):  # between two processes
        return False
    os.utime(source)  # Django does not see what changed before its first look
    return False


@pytest.mark.parametrize("arguments, text", [
    (["here"], "'here' is not an address"),
    (["0", "--option", "nothing"], "--option nothing: NAME=VALUE is needed"),
    (["0", "--option", "no_such=1"], "no option 'no_such'"),
])
def test_django_says_what_is_wrong(arguments, text):
    command = [sys.executable, "django_site.py", "runwsgiserver", "--noreload", *arguments]
    done = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1 and done.stderr.startswith("CommandError: ") and text in done.stderr


GREEN = """
{patch}
from wsgiserver import CherryPyWSGIServer

def app(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]

server = CherryPyWSGIServer(("127.0.0.1", 0), app)
server.prepare()
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:%d/" % server.bind_addr[1]).read())
server.stop()
"""
PATCHES = {
    "gevent": "from gevent import monkey; monkey.patch_all({})",
    "eventlet": "import eventlet; eventlet.monkey_patch({})",
}


@pytest.mark.parametrize("package", PATCHES)
def test_patched_threads_are_refused_by_name(package):
    """They would all be one thread of the system, which waits for the first request for ever."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    for option in ("", "thread=False"):
        program = GREEN.format(patch=PATCHES[package].format(option))
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True,
                              text=True, timeout=PATIENCE)
        if option:
            assert (done.stdout, done.returncode) == ("b'hello'\n", 0)
        else:
            assert f"RuntimeError: {package} has monkey-patched threading" in done.stderr
