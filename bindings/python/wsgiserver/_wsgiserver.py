"""Stands in where the C extension of this name is missing, as under PyPy: the same over cffi.

Python prefers the extension where there are both.
"""

from ._cffi import *  # noqa: F403
from ._cffi import __all__  # noqa: F401
