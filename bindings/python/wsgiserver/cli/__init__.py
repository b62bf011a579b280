"""The command: ``wsgiserver module:app``, or ``python -m wsgiserver module:app``.

It serves in this process, or with ``--workers`` and ``--reload`` in children of it that share its
sockets. It ends with 0 when SIGINT or SIGTERM has stopped it, and with 2, behind one line that says
why, if it could not start.
"""

import os
import sys

from . import arguments, listeners, processes, serving
from .errors import StartError, starting

__all__ = ["main"]

CANNOT_START = 2


def main(argv=None):
    """Runs the command with these arguments, those of the process by default: its exit status."""
    try:
        return _run(arguments.parse(argv))
    except StartError as error:
        error.show()
        return CANNOT_START
    except KeyboardInterrupt:  # while the application was loaded
        return 130


def _run(options):
    # An application is looked for where the command is started, as by `python -m`.
    if options.chdir:
        with starting():
            os.chdir(options.chdir)
    sys.path.insert(0, os.getcwd())
    if options.workers == 1 and not options.reload:
        return serving.serve(options)
    with listeners.listening(options) as sockets:
        return processes.Supervisor(options, sockets).run()
