"""The command: what it serves, how it ends, and what it says when it cannot start."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest
from conftest import PATIENCE, Client, wait_for

SITE = '''
import os
import time

from wsgiserver import Gateway


def app(environ, start_response):
    if environ["PATH_INFO"] == "/exit":
        raise SystemExit("enough")
    if environ["PATH_INFO"] == "/die":
        os._exit(9)
    if environ["PATH_INFO"] in ("/slow", "/stuck"):
        print(environ["PATH_INFO"], flush=True)
        time.sleep(1.5 if environ["PATH_INFO"] == "/slow" else 60)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{WORD} {os.getpid()} {environ['wsgi.multiprocess']}".encode()]


WORD = "first"


class Site:
    application = app
    app = staticmethod(app)


def make_app(word="made", *, loud=False):
    global WORD
    WORD = word.upper() if loud else word
    return app


class Greeting(Gateway):
    def respond(self):
        self.req.status = b"200 OK"
        self.req.outheaders = [(b"Content-Length", b"5")]
        self.req.send_headers()
        self.req.write(b"hello")


number = 5
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "site_one.py").write_text(SITE)
    (tmp_path / "broken.py").write_text("def half():\n    return 1 / 0\n\n\nhalf()\n")
    (tmp_path / "needs.py").write_text("import no_such_package\n")
    (tmp_path / "wrong.py").write_text("def app(:\n")
    (tmp_path / "leaves.py").write_text("raise SystemExit(7)\n")
    return tmp_path


class Command:
    """A running command, whose standard error is read line by line."""

    def __init__(self, folder, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wsgiserver", *arguments], cwd=folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def line(self, part):
        wait_for(lambda: self.find(part) or self.process.poll() is not None, part)
        assert self.find(part), self.lines
        return self.find(part)

    def find(self, part):
        return next((line for line in self.lines if part in line), None)

    def address(self):
        host, port = re.search(r"http://(\S+):(\d+)/", self.line("serving")).groups()
        return host.strip("[]"), int(port)

    def get(self, path="/"):
        with Client(self.address()) as client:
            return client.get(path)

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.end()

    def end(self):
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return code

    def close(self):
        try:
            if self.process.poll() is None:
                self.process.terminate()
                self.process.wait(PATIENCE)
        finally:
            self.process.kill()  # or the reader would read for ever
        self.reader.join(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def command(folder):
    with contextlib.ExitStack() as stack:

        def run(*arguments, bind="127.0.0.1:0"):
            where = ["--bind", bind] if bind else []
            made = Command(folder, *arguments, *where)
            stack.callback(made.close)
            return made

        yield run


def refused(folder, *arguments):
    """What a command that cannot start says."""
    done = subprocess.run([sys.executable, "-m", "wsgiserver", *arguments], cwd=folder,
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert "wsgiserver/" not in done.stderr.replace("/wsgiserver/bindings", ""), "a trace of ours"
    return done.stderr.splitlines()


@pytest.mark.parametrize("app, word", [
    ("site_one", "first"),
    ("site_one:app", "first"),
    ("site_one:Site.app", "first"),
    ("site_one:make_app()", "made"),
    ("site_one:make_app('other', loud=True)", "OTHER"),
])
def test_serves_what_is_named(command, app, word):
    running = command(app, "--threads", "3")
    assert running.get().body.decode().split()[0] == word
    assert running.line("serving").startswith(f"wsgiserver: serving {app} on http://127.0.0.1:")
    assert "with 3 threads" in running.line("serving")


def test_serves_a_gateway(command):
    assert command("site_one:Greeting").get().body == b"hello"


def test_the_console_script_is_the_same_command(folder):
    script = pathlib.Path(sys.executable).with_name("wsgiserver")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=PATIENCE)
    assert re.fullmatch(r"wsgiserver \d+\.\d+\.\d+\n", done.stdout)


def test_help_names_cheroots_options_and_the_librarys():
    done = subprocess.run([sys.executable, "-m", "wsgiserver", "--help"], capture_output=True,
                          text=True, timeout=PATIENCE)
    for name in ("bind threads max-threads timeout shutdown-timeout request-queue-size chdir "
                 "accepted-queue-size accepted-queue-timeout server-name access-log reload workers "
                 "max-request-body-size header-timeout").split():
        assert f"--{name}" in done.stdout, name


@pytest.mark.parametrize("how", [[], ["--workers", "2"], ["--reload"]])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_once_and_cleanly(command, how, number):
    running = command("site_one", *how)
    running.get()
    assert running.stop(number) == 0
    assert running.lines[1:] == ["wsgiserver: stopped"]


@pytest.mark.parametrize("how", [[], ["--workers", "2"]])
def test_a_stop_waits_for_the_requests_in_work(command, how):
    running = command("site_one", *how)
    with Client(running.address()) as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
        assert running.process.stdout.readline() == "/slow\n"
        running.process.send_signal(signal.SIGTERM)
        assert client.answer().body.startswith(b"first")
    assert running.end() == 0


def test_a_second_signal_does_not_wait(command):
    running = command("site_one", "--shutdown-timeout", "60")
    with Client(running.address()) as client:
        client.send(b"GET /stuck HTTP/1.1\r\nHost: test\r\n\r\n")
        assert running.process.stdout.readline() == "/stuck\n"
        running.process.send_signal(signal.SIGINT)
        wait_for(lambda: not _connects(running.address()), "the end of listening")
        assert running.stop(signal.SIGINT) == 128 + signal.SIGINT
    assert running.lines[-1] == "wsgiserver: stopped without waiting for the requests in work"


def _connects(address):
    with socket.socket() as caller:
        return caller.connect_ex(address) == 0


@pytest.mark.parametrize("how", [[], ["--workers", "2"]])
def test_an_application_that_exits_stops_it(command, how):
    running = command("site_one", *how)
    assert running.get("/exit").code == 500
    assert running.end() == (0 if how else 1)


def test_workers_share_the_socket_and_are_replaced(command):
    running = command("site_one", "--workers", "3", "--threads", "1")
    assert "3 workers of 1 thread" in running.line("serving")
    first = running.get().body.decode().split()
    assert first[2] == "True"
    with pytest.raises(EOFError):
        running.get("/die")
    running.line("has ended with 9; another one takes its place")
    assert running.get().code == 200
    assert len(_children(running.process.pid)) >= 2
    wait_for(lambda: len(_children(running.process.pid)) == 3, "the third worker")


def test_workers_leave_with_their_supervisor(command):
    running = command("site_one", "--workers", "2")
    address = running.address()
    children = _children(running.process.pid)
    assert len(children) == 2
    running.process.kill()
    wait_for(lambda: not _connects(address), "the workers' end")


def _children(process):
    tasks = pathlib.Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def test_a_unix_socket_of_workers_is_removed_at_the_end(command, folder):
    path = folder / "site.sock"
    running = command("site_one", "--workers", "2", bind=str(path))
    running.line(f"on unix:{path} with")
    with Client(str(path)) as client:
        assert client.get().code == 200
    assert running.stop() == 0
    assert not path.exists()


def test_several_addresses(command, folder):
    running = command("site_one", "--bind", f"{folder}/site.sock")
    assert running.get().code == 200
    with Client(f"{folder}/site.sock") as client:
        assert client.get().code == 200


# What systemd does before it starts a service with a socket.
HANDED_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, "-m", "wsgiserver", *sys.argv[2:]])
"""


@pytest.mark.parametrize("how", [[], ["--workers", "2"]])
def test_what_systemd_hands_over_takes_the_place_of_bind(folder, how):
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as busy:
        bind = ["--bind", f"127.0.0.1:{busy.getsockname()[1]}"]
        with subprocess.Popen(
                [sys.executable, "-c", HANDED_OVER, str(listening.fileno()), "site_one", *bind, *how],
                cwd=folder, pass_fds=[listening.fileno()], stderr=subprocess.PIPE, text=True) as process:
            assert f":{listening.getsockname()[1]}/ with" in process.stderr.readline()
            with Client(listening.getsockname()) as client:
                assert client.get("/").body.startswith(b"first")
            process.terminate()
            assert process.wait(PATIENCE) == 0


def test_reload_serves_the_new_application_on_the_same_socket(command, folder):
    running = command("site_one", "--reload")
    address = running.address()
    assert running.get().body.startswith(b"first")
    source = folder / "site_one.py"
    _replace(source, SITE.replace('"first"', '"second"'))
    running.line("site_one.py has changed, loading again")
    wait_for(lambda: _word(address) == "second", "the new application")
    _replace(source, "1 / 0\n")
    running.line("waiting for a change of the application")
    assert running.find("ZeroDivisionError")
    _replace(source, SITE.replace('"first"', '"third"'))
    wait_for(lambda: _word(address) == "third", "the application after the error")
    assert running.stop() == 0


def _replace(source, text):
    """In one step, so that no half of it is loaded."""
    new = source.with_suffix(".new")
    new.write_text(text)
    new.replace(source)


def _word(address):
    """A request that comes while nobody is there waits in the backlog."""
    with Client(address) as client, contextlib.suppress(EOFError):
        return client.get().body.decode().split()[0]


@pytest.mark.parametrize("how", [[], ["--workers", "2"]])
def test_the_access_log_has_a_line_for_each_answer(command, folder, how):
    running = command("site_one", "--access-log", f"{folder}/access.log", *how)
    with Client(running.address()) as client:
        client.get('/a"b\\', "User-Agent: a \"quoted\" one", "Referer: http://from.test/")
        assert client.send(b"nonsense\r\n\r\n").answer().code == 400
    log = folder / "access.log"
    wait_for(lambda: log.read_text().count("\n") == 2, "two lines")
    first, second = log.read_text().splitlines()
    time = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
    assert re.fullmatch(
        rf'127\.0\.0\.1 - - {time} "GET /a\\x22b\\x5C HTTP/1\.1" 200 \d+ "http://from\.test/" '
        r'"a \\x22quoted\\x22 one"', first)
    assert re.fullmatch(rf'127\.0\.0\.1 - - {time} "-" 400 \d+ "-" "-"', second)


def test_the_access_log_may_go_to_standard_output(command):
    running = command("--access-log", "site_one")
    running.get("/there")
    assert '"GET /there HTTP/1.1" 200' in running.process.stdout.readline()


def test_options_of_the_library_are_options(command):
    running = command("site_one", "--max-request-body-size", "10", "--server-header", "mine")
    with Client(running.address()) as client:
        assert client.get().headers["server"] == "mine"
        assert client.get(body=b"x" * 11, method="POST").code == 413


def test_chdir_is_where_the_application_is_looked_for(command, folder, tmp_path_factory):
    running = Command(tmp_path_factory.mktemp("other"), "site_one", "--chdir", str(folder),
                      "--bind", "127.0.0.1:0")
    try:
        assert running.get().code == 200
    finally:
        running.close()


@pytest.mark.parametrize("how", [[], ["--workers", "2"], ["--reload"]])
@pytest.mark.parametrize("app, text", [
    ("no_such:app", "there is no module 'no_such'"),
    ("site_one.sub:app", "there is no module 'site_one.sub'"),
    ("site_one:no_such", "module 'site_one' has no attribute 'no_such'"),
    ("site_one:Site.no_such", "site_one:Site has no attribute 'no_such'"),
    ("site_one:number", "site_one:number is not callable, but of type int"),
    ("site_one:make_app(name)", "the arguments in 'make_app(name)' are not constants"),
    ("site_one:1 + 1", "'1 + 1' is not a name, or the call of one"),
    ("./site_one.py", "'./site_one.py' is not the name of a module"),
])
def test_an_application_that_is_not_there_is_one_line(folder, app, text, how):
    assert refused(folder, app, *how, "--bind", "127.0.0.1:0") == [f"wsgiserver: {text}"]


@pytest.mark.parametrize("how", [[], ["--workers", "2"], ["--reload"]])
@pytest.mark.parametrize("app, parts", [
    ("broken", ["Traceback", "broken.py\", line 5, in <module>", "line 2, in half", "ZeroDivision"]),
    ("needs", ["Traceback", "needs.py\", line 1", "No module named 'no_such_package'"]),
    ("wrong", ["wrong.py\", line 1", "SyntaxError"]),
    ("leaves", ["leaves.py\", line 1", "SystemExit: 7"]),
    ("site_one:make_app(1, 2)", ["TypeError: make_app() takes"]),
])
def test_an_error_of_the_application_is_shown_without_ours(folder, app, parts, how):
    lines = refused(folder, app, *how, "--bind", "127.0.0.1:0")
    text = "\n".join(lines)
    assert all(part in text for part in parts), text
    assert "importlib" not in text
    assert [line for line in lines if line.startswith("wsgiserver: ")] == lines[-1:]


@pytest.mark.parametrize("arguments, text", [
    ([], "an application is needed"),
    (["site_one", "--no-such"], "unrecognized arguments: --no-such"),
    (["site_one", "--threads", "none"], "'none' is not a number above 0"),
    (["site_one", "--threads", "4", "--max-threads", "3"], "--max-threads 3 is less"),
    (["site_one", "--certificate", "site.crt"], "--certificate needs --private-key"),
    (["site_one", "--private-key", "site.key"], "--private-key needs --certificate"),
    (["site_one", "--certificate", "no.crt", "--private-key", "no.key"], "no.crt"),
    (["site_one", "--header-timeout", "x"], "header_timeout"),
    (["site_one", "--header-timeout", "x", "--workers", "2", "--bind", "127.0.0.1:0"], "header_timeout"),
    (["site_one", "--bind", "here"], "--bind here: an address is HOST:PORT"),
    (["site_one", "--bind", "/no/such/folder"], "No such file or directory"),
    (["site_one", "--bind", "/no/such/folder", "--workers", "2"], "No such file or directory"),
    (["site_one", "--chdir", "/no/such"], "/no/such: No such file or directory"),
    (["site_one", "--access-log", "/no/such/log"], "/no/such/log: No such file or directory"),
])
def test_wrong_arguments_are_one_line(folder, arguments, text):
    lines = refused(folder, *arguments)
    assert len(lines) == 1 and lines[0].startswith("wsgiserver: ") and text in lines[0]


@pytest.mark.parametrize("how", [[], ["--workers", "2"], ["--reload"]])
def test_a_busy_port_is_one_line(folder, how):
    with socket.create_server(("127.0.0.1", 0)) as other:
        lines = refused(folder, "site_one", "--bind", f"127.0.0.1:{other.getsockname()[1]}", *how)
    assert len(lines) == 1 and "Address already in use" in lines[0]


def test_a_busy_path_is_one_line(folder):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(f"{folder}/busy")
        other.listen()
        lines = refused(folder, "site_one", "--bind", f"{folder}/busy", "--workers", "2")
    assert len(lines) == 1 and "Address already in use" in lines[0]
    assert os.path.exists(f"{folder}/busy")
