"""The library itself, which lies beside this file, and its functions by cffi.

``declarations`` is made from include/wsgiserver.ffi.h when the package is built (setup.py), so that
no C is parsed when a program starts.
"""

import pathlib

from .declarations import ffi

lib = ffi.dlopen(str(pathlib.Path(__file__).with_name("libwsgiserver.so")))

NULL = ffi.NULL


def text_of(pointer):
    """A text of the library, which ends with a NUL."""
    return ffi.string(pointer).decode("utf-8", "replace")


def bytes_of(string):
    """The bytes of a wsgi_str."""
    return ffi.unpack(string.ptr, string.len) if string.len else b""


def asked(function, *arguments, capacity=512, decode="utf-8"):
    """What a function writes as text that is asked with (..., buffer, capacity, length): its status
    and the text."""
    buffer, length = ffi.new("char[]", capacity), ffi.new("size_t *")
    status = function(*arguments, buffer, capacity, length)
    return status, ffi.buffer(buffer, min(length[0], capacity))[:].decode(decode, "surrogateescape")


version = text_of(lib.wsgi_version())


def options():
    """The options by name, with what the library tells of them."""
    made, info = {}, ffi.new("wsgi_option_info *", {"struct_size": ffi.sizeof("wsgi_option_info")})
    for index in range(lib.wsgi_server_option_count()):
        if lib.wsgi_server_option_info(index, info) < 0:
            continue
        made[text_of(info.name)] = {
            "type": text_of(info.type),
            "default": text_of(info.default_value),
            "accepts": text_of(info.accepts),
            "help": text_of(info.help),
            "while_running": bool(info.while_running),
        }
    return made
