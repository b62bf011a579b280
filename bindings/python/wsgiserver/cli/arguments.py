"""The command's arguments: cheroot's, those that people look for beside them, and each option of the
library under its own name."""

import argparse

from .. import _wsgiserver, settings

DESCRIPTION = "Serves a WSGI application over HTTP by threads."
EPILOG = "See also: docs/options.md of libwsgiserver, which describes the options of the library."

# Options of the library that have an argument of the command's own.
OWN = {"bind_addr", "numthreads", "minthreads", "max", "maxthreads", "log_events", "version"}
OWN |= {"access_log"}


def parse(argv=None):
    """The arguments; ends the process with 2 and one line behind the usage if they are wrong."""
    parser = _parser()
    options = parser.parse_args(argv)
    _read_app(parser, options)
    options.bind = options.bind or ["127.0.0.1:8000"]
    options.settings = {
        name: getattr(options, name)
        for name in settings.LIBRARY
        if name not in OWN and getattr(options, name, None) is not None
    }
    _check(parser, options)
    return options


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (--help lists the arguments)\n")


def _parser():
    parser = _Parser(prog="wsgiserver", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False)
    add = parser.add_argument
    add("app", nargs="?", metavar="MODULE[:APP]",
        help="the application: a module and an attribute of it (application or app by default), or "
        "an expression like site:make_app(); a subclass of Gateway is fine too")
    add("--version", action="version", version=f"wsgiserver {_wsgiserver.version}")
    add("--bind", "-b", action="append", metavar="ADDRESS",
        help="HOST:PORT, [IPV6]:PORT, the path of a UNIX socket, or @NAME; may be repeated "
        "(default: 127.0.0.1:8000)")
    add("--threads", "-t", type=_positive, default=10, metavar="N", help="threads (default: 10)")
    add("--max-threads", type=int, default=-1, metavar="N",
        help="threads under load, if that is more (default: no more)")
    add("--workers", "-w", type=_positive, default=1, metavar="N",
        help="processes that share the sockets (default: 1)")
    add("--reload", action="store_true", help="load the application anew when a file of it changes")
    add("--chdir", metavar="DIRECTORY", help="change there before the application is loaded")
    add("--access-log", nargs="?", const="-", metavar="FILE",
        help="a line for each answer is appended to the file, or goes to standard output")
    _add_library(parser)
    return parser


def _add_library(parser):
    """An argument for each option of the library: --header-timeout and its like."""
    group = parser.add_argument_group("options of the library")
    for name, facts in settings.LIBRARY.items():
        if name in OWN:
            continue
        default = settings.HOST_DEFAULTS.get(name, facts["default"])
        shown = f"{facts['help']} It takes {facts['accepts']}"
        shown += f" (default: {default})" if default != "" else ""
        flag = facts["type"] == "flag"
        group.add_argument(
            "--" + name.replace("_", "-"), dest=name, nargs="?" if flag else None,
            const="1" if flag else None, metavar="VALUE", help=shown.replace("%", "%%"))


def _positive(text):
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def _read_app(parser, options):
    """`--access-log site:app` means the application, not a file of that name."""
    if options.app is None and options.access_log not in (None, "-"):
        options.app, options.access_log = options.access_log, "-"
    if options.app is None:
        parser.error("an application is needed, like site:app")


def _check(parser, options):
    options.certificate = options.settings.get("certificate")
    if options.settings.get("private_key") and not options.certificate:
        parser.error("--private-key needs --certificate")
    if options.certificate and not options.settings.get("private_key"):
        parser.error("--certificate needs --private-key")
    if 0 <= options.max_threads < options.threads:
        parser.error(f"--max-threads {options.max_threads} is less than --threads {options.threads}")
