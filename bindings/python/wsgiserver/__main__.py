"""``python -m wsgiserver module:app``: the command."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
