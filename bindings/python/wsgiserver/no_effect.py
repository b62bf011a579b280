"""What programs of the seed and of cheroot set and has no effect here: accepted, and told when it is
set. docs/porting.md lists it."""

import warnings

from .errors import NoEffectWarning


class _Telling(type):
    def __setattr__(cls, name, value):
        _tell(cls, name)
        super().__setattr__(name, value)
        cls._class_changed()


class Tells(metaclass=_Telling):
    """A class that tells it, when it is set on the class as well as on an object."""

    _without_effect = {}
    """The attributes without effect, and why."""

    def __setattr__(self, name, value):
        _tell(type(self), name)
        super().__setattr__(name, value)

    @classmethod
    def _class_changed(cls):
        """An attribute of the class was set."""


def _tell(kind, name):
    if name in kind._without_effect:
        message = f"{kind.__name__}.{name} has no effect: {kind._without_effect[name]}"
        warnings.warn(message, NoEffectWarning, stacklevel=3)


ARGUMENTS = {
    "HTTPConnection": ["makefile"],
    "HTTPRequest": ["proxy_mode", "strict_mode"],
}
"""Arguments without effect, by the class that takes them."""
