from collections.abc import Sequence

__all__ = ["main"]

CANNOT_START: int

def main(argv: Sequence[str] | None = None) -> int: ...
