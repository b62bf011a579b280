from . import *
from . import __all__
