"""What csrc/ is in C, in Python over cffi: for PyPy, whose own calls of C are fast.

A request goes the same way: threads of Python fetch it (worker), it becomes an environ (environ),
a start_response (exchange) and, if it has a body, an input (input); what the application returns is
gathered and sent (answer). Each call of the library releases the GIL.
"""

from .errors import (
    ApplicationError,
    BadRequestBody,
    ClientGone,
    MaxSizeExceeded,
    RequestGone,
    ServerError,
)
from .exchange import Exchange
from .file_wrapper import FileWrapper
from .input import Input, no_input
from .library import options, version
from .server import Server
from .stream import Stream
from .worker import STOPPED, Worker

__all__ = [
    "ApplicationError",
    "BadRequestBody",
    "ClientGone",
    "Exchange",
    "FileWrapper",
    "Input",
    "MaxSizeExceeded",
    "RequestGone",
    "STOPPED",
    "Server",
    "ServerError",
    "Stream",
    "Worker",
    "no_input",
    "options",
    "version",
]
