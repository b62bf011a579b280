"""Objects of Python that the library holds, as its ``user_data``."""

from .library import ffi

_kept = {}


def keep(value):
    """A pointer for the library, good until ``drop``."""
    handle = ffi.new_handle(value)
    _kept[int(ffi.cast("intptr_t", handle))] = handle
    return handle


@ffi.callback("void(void *)")
def drop(user_data):
    """A wsgi_free_fn."""
    _kept.pop(int(ffi.cast("intptr_t", user_data)), None)
