"""Stands in where the C extension of this name is missing, as under PyPy: the same over cffi.

Python prefers the extension where there are both.
"""

from ._cffi import (
    STOPPED,
    ApplicationError,
    BadRequestBody,
    ClientGone,
    Exchange,
    FileWrapper,
    Input,
    MaxSizeExceeded,
    RequestGone,
    Server,
    ServerError,
    Stream,
    Worker,
    no_input,
    options,
    version,
)

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
