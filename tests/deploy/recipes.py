"""The files of examples/deploy, as they are but for addresses and paths."""

import pathlib

from programs import Failure

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "deploy"


def recipe(name, replaced):
    """The text of a file. Each text that is to be replaced has to be in it: what is tried is what
    the file says."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    for old, new in replaced.items():
        if old not in text:
            raise Failure(f"examples/deploy/{name} has no {old!r}")
        text = text.replace(old, str(new))
    return text
