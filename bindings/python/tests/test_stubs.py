"""The stubs name what the modules have, with the parameters that it has."""

import ast
import importlib
import inspect
import pathlib
import subprocess
import sys

import pytest

import wsgiserver

# Signatures are told by CPython, and mypy is for it.
pytestmark = pytest.mark.skipif(sys.implementation.name != "cpython", reason="a matter of CPython")

HERE = pathlib.Path(wsgiserver.__file__).parent
STUBS = sorted(HERE.rglob("*.pyi"))

PROGRAM = """
from typing import Any
from wsgiserver import CherryPyWSGIServer, Gateway, WSGIPathInfoDispatcher, get_ssl_adapter_class
from wsgiserver import wsgi
from wsgiserver.cli import main
from wsgiserver.frameworks.django.apps import WSGIServerConfig
from wsgiserver.frameworks.django.management.commands.runwsgiserver import Command

def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello world!"]

class Mine(Gateway):
    def respond(self) -> None:
        self.req.status = b"200 OK"
        self.req.write(self.req.rfile.read())

server = CherryPyWSGIServer(("127.0.0.1", 0), WSGIPathInfoDispatcher({"/": hello}), numthreads=2)
server.gateway = Mine
server.ssl_adapter = get_ssl_adapter_class("builtin")("server.crt", "server.key")
server.header_timeout = 3
second = wsgi.Server("/run/app.sock", hello, reuse_port=True)
idle: int = second.requests.idle
status: int = main(["site:app", "--threads", "5"])
label: str = WSGIServerConfig.label
Command().serve(("127.0.0.1", 8000), {"threads": 5}, static=False)
"""

WRONG = """
from wsgiserver import CherryPyWSGIServer, ThreadPool
from wsgiserver.cli import main
server = CherryPyWSGIServer(("127.0.0.1", 0), 5)
ThreadPool(server, most=3)
main(8)
"""


def module_of(stub):
    parts = [HERE.name, *stub.relative_to(HERE).with_suffix("").parts]
    return importlib.import_module(".".join(p for p in parts if p != "__init__"))


def named(body):
    """What a body of a stub gives names to; the last of the overloads."""
    found = {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, ast.AnnAssign):
            found[node.target.id] = node
        elif isinstance(node, ast.Assign):
            found.update((target.id, node) for target in node.targets)
        elif isinstance(node, ast.ImportFrom) and node.level:
            found.update((alias.asname or alias.name, node) for alias in node.names)
    return found


def is_public(name):
    return not name.startswith("_")


def parameters(node):
    arguments = node.args
    names = [a.arg for a in arguments.posonlyargs + arguments.args]
    names += [arguments.vararg.arg] if arguments.vararg else []
    names += [a.arg for a in arguments.kwonlyargs]
    return names + ([arguments.kwarg.arg] if arguments.kwarg else [])


def check_function(where, node, function):
    assert callable(function), where
    if inspect.isfunction(inspect.unwrap(function)):
        names = list(inspect.signature(function).parameters)
        assert parameters(node) == names, where


def check_class(where, node, kind):
    members = named(node.body)
    inherited = {name for base in kind.__mro__[1:] for name in vars(base)}
    have = {name for name in vars(kind) if is_public(name)} - inherited
    assert have <= set(members), where
    for name, member in members.items():
        if isinstance(member, ast.FunctionDef):
            value = inspect.getattr_static(kind, name)
            if isinstance(value, classmethod):
                value = value.__func__
            if not isinstance(value, property) and not inspect.isdatadescriptor(value):
                check_function(f"{where}.{name}", member, value)


def test_the_stubs_are_installed():
    names = {stub.relative_to(HERE).as_posix() for stub in STUBS}
    assert {"__init__.pyi", "_wsgiserver.pyi", "wsgi.pyi", "server.pyi", "errors.pyi"} <= names
    assert {"ssl/builtin.pyi", "workers/threadpool.pyi", "frameworks/paste.pyi"} <= names
    commands = "frameworks/django/management/commands/"
    assert {"cli/__init__.pyi", "frameworks/django/apps.pyi", f"{commands}runwsgiserver.pyi"} <= names
    assert (HERE / "py.typed").exists()


@pytest.mark.parametrize("stub", STUBS, ids=lambda stub: stub.relative_to(HERE).as_posix())
def test_a_stub_agrees_with_its_module(stub):
    module = module_of(stub)
    names = named(ast.parse(stub.read_text()).body)
    if "*" in names:  # another module's, all of it
        assert module.__all__ == wsgiserver.__all__
        return
    own = getattr(module, "__all__", None)
    if own is None:
        values = {n: v for n, v in vars(module).items() if is_public(n) and not inspect.ismodule(v)}
        own = [n for n, v in values.items() if getattr(v, "__module__", None) in
               (None, module.__name__)]
    else:
        assert set(own) == set(ast.literal_eval(names["__all__"].value))
    assert set(own) <= set(names)
    for name, node in names.items():
        if isinstance(node, ast.ClassDef) and is_public(name):
            check_class(f"{module.__name__}.{name}", node, getattr(module, name))
        elif isinstance(node, ast.FunctionDef):
            check_function(f"{module.__name__}.{name}", node, getattr(module, name))
        elif is_public(name) and not isinstance(node, ast.ImportFrom):
            assert hasattr(module, name), f"{module.__name__} has no {name}"


def mypy(folder, text):
    program = folder / "program.py"
    program.write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder), str(program)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def test_a_program_is_checked_by_mypy(tmp_path):
    done = mypy(tmp_path, PROGRAM)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_finds_what_is_wrong(tmp_path):
    done = mypy(tmp_path, WRONG)
    assert done.stdout.count(": error:") == 3, done.stdout + done.stderr
    assert "most" in done.stdout
