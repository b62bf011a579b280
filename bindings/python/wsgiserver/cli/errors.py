"""Why the command could not start."""

import contextlib
import importlib
import os
import traceback

from . import log

# Their lines in a traceback say nothing of the application.
_LOADERS = (os.path.dirname(__file__), importlib.__file__, "<frozen importlib")
_LOADERS += ("<builtin>/frozen importlib",)  # PyPy's


class StartError(Exception):
    """The command cannot start. Its ``cause``, if it has one, was raised by the application."""

    def __init__(self, text, cause=None):
        super().__init__(text)
        self.cause = cause

    def show(self):
        """The application's traceback, without what has led to it, and a line."""
        if self.cause is not None:
            traceback.print_exception(type(self.cause), self.cause, _own_part(self.cause))
        log.say(self)


@contextlib.contextmanager
def starting():
    """What the server and the system refuse is a StartError."""
    try:
        yield
    except OSError as error:
        known = error.filename is not None and error.strerror
        raise StartError(f"{error.filename}: {error.strerror}" if known else error) from None
    except (ValueError, RuntimeError) as error:
        raise StartError(error) from None


def _own_part(error):
    """The traceback from the first frame on that is the application's."""
    part = error.__traceback__
    while part is not None and part.tb_frame.f_code.co_filename.startswith(_LOADERS):
        part = part.tb_next
    return part
