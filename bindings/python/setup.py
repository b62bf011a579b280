"""Builds wsgiserver._wsgiserver with the library inside, so that a wheel needs nothing else.

The library is built by cargo from the project that this folder is part of; WSGISERVER_LIBRARY names
a libwsgiserver.a that is there already, and WSGISERVER_INCLUDE the folder of its wsgiserver.h.
"""
import os
import pathlib
import re
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent


def version():
    manifest = PROJECT / "Cargo.toml"
    if not manifest.exists():
        sys.exit("libwsgiserver is built from a checkout of the project, or installed as a wheel")
    return re.search(r'^version = "(.*)"', manifest.read_text(), re.M)[1]


class BuildWithLibrary(build_ext):
    """Has cargo build the library before what links it."""

    def build_extension(self, extension):
        library = os.environ.get("WSGISERVER_LIBRARY") or self.build_library()
        include = os.environ.get("WSGISERVER_INCLUDE") or PROJECT / "include"
        extension.extra_objects = [str(library)]
        extension.include_dirs = [str(include)]
        extension.depends = [*extension.depends, str(library), f"{include}/wsgiserver.h"]
        super().build_extension(extension)

    @staticmethod
    def build_library():
        target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or PROJECT / "target")
        command = ["cargo", "build", "--release", "--lib", "--locked"]
        try:
            subprocess.run(command, cwd=PROJECT, check=True)
        except FileNotFoundError:
            sys.exit("building libwsgiserver needs Rust (cargo); a wheel does not")
        return target / "release" / "libwsgiserver.a"


sources = sorted(path.relative_to(HERE).as_posix() for path in (HERE / "csrc").glob("*.c"))
setup(
    version=version(),
    ext_modules=[
        Extension(
            "wsgiserver._wsgiserver",
            sources=sources,
            depends=["csrc/host.h"],
            extra_compile_args=["-std=c99", "-O2", "-fvisibility=hidden", "-fno-semantic-interposition"],
            # The library's threads may be in it when the interpreter lets go of it.
            extra_link_args=["-Wl,--exclude-libs,ALL", "-Wl,--gc-sections", "-Wl,--strip-debug",
                             "-Wl,-z,nodelete"],
            libraries=["pthread", "dl", "m"],
        )
    ],
    cmdclass={"build_ext": BuildWithLibrary},
)
