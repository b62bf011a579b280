"""The seed's name for the server as it was under Python 2. The same classes."""

from . import *  # noqa: F403
from . import __all__  # noqa: F401
