"""Builds wsgiserver._wsgiserver with the library inside, so that a wheel needs nothing else.

The library is built by cargo from the project that this folder is part of; WSGISERVER_LIBRARY names
a libwsgiserver.a that is there already, and WSGISERVER_INCLUDE the folder of its wsgiserver.h.

Python other than CPython, PyPy above all, gets the shared library (libwsgiserver.so, beside that .a)
and its declarations instead, for wsgiserver._cffi. So does CPython if WSGISERVER_CFFI is 1; cffi has
to be installed then, also to build.
"""
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys

from setuptools import Distribution, Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
BY_CFFI = platform.python_implementation() != "CPython" or os.environ.get("WSGISERVER_CFFI") == "1"


def version():
    manifest = PROJECT / "Cargo.toml"
    if not manifest.exists():
        sys.exit("libwsgiserver is built from a checkout of the project, or installed as a wheel")
    return re.search(r'^version = "(.*)"', manifest.read_text(), re.M)[1]


def library():
    """The static library, which cargo builds if none is named."""
    return pathlib.Path(os.environ.get("WSGISERVER_LIBRARY") or build_library())


def include():
    """The folder of the headers."""
    return pathlib.Path(os.environ.get("WSGISERVER_INCLUDE") or PROJECT / "include")


def build_library():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or PROJECT / "target")
    command = ["cargo", "build", "--release", "--lib", "--locked"]
    try:
        subprocess.run(command, cwd=PROJECT, check=True)
    except FileNotFoundError:
        sys.exit("building libwsgiserver needs Rust (cargo); a wheel does not")
    return target / "release" / "libwsgiserver.a"


class BuildWithLibrary(build_ext):
    """Has cargo build the library before what links it."""

    def build_extension(self, extension):
        static = library()
        extension.extra_objects = [str(static)]
        extension.include_dirs = [str(include())]
        extension.depends = [*extension.depends, str(static), f"{include()}/wsgiserver.h"]
        super().build_extension(extension)


class BuildForCffi(build_py):
    """Puts the shared library and its declarations beside the modules that use them."""

    def run(self):
        super().run()
        folder = pathlib.Path(self.build_lib) / "wsgiserver" / "_cffi"
        # What a build of the other kind has left here.
        stale = [folder / "libwsgiserver.so", folder / "declarations.py"]
        for file in folder.parent.glob("_wsgiserver.*.so") if BY_CFFI else stale:
            file.unlink(missing_ok=True)
        if not BY_CFFI:
            return
        shared = folder / "libwsgiserver.so"
        shutil.copy(library().with_suffix(".so"), shared)
        if shutil.which("strip"):
            subprocess.run(["strip", "--strip-debug", shared], check=True)
        import cffi

        declarations = cffi.FFI()
        declarations.cdef((include() / "wsgiserver.ffi.h").read_text())
        declarations.set_source("wsgiserver._cffi.declarations", None)
        declarations.emit_python_code(str(folder / "declarations.py"))


class ForOnePlatform(Distribution):
    """A wheel of it is for one kind of machine, also where nothing is compiled."""

    def has_ext_modules(self):
        return True


sources = sorted(path.relative_to(HERE).as_posix() for path in (HERE / "csrc").glob("*.c"))
extension = Extension(
    "wsgiserver._wsgiserver",
    sources=sources,
    depends=["csrc/host.h"],
    extra_compile_args=["-std=c99", "-O2", "-fvisibility=hidden", "-fno-semantic-interposition"],
    # The library's threads may be in it when the interpreter lets go of it.
    extra_link_args=["-Wl,--exclude-libs,ALL", "-Wl,--gc-sections", "-Wl,--strip-debug",
                     "-Wl,-z,nodelete"],
    libraries=["pthread", "dl", "m"],
)
setup(
    version=version(),
    ext_modules=[] if BY_CFFI else [extension],
    cmdclass={"build_ext": BuildWithLibrary, "build_py": BuildForCffi},
    distclass=ForOnePlatform,
)
