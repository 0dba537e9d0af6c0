"""Where a command writes its results: a folder that is new, or one that the user names."""

import itertools
import os
from pathlib import Path

from tfgen import commandline


def check_place(to: Path | None, default: Path, name: str) -> None:
    """Raises ValueError where no result can be written: a run, a folder that holds one already, a place out of reach.

    Args:
        to: the folder that the user names, or None.
        default: where the results go otherwise.
        name: of the result, whose numbers are in NAME.json.
    """
    from tfgen.storage import runs

    if to is not None and runs.is_run(to):
        raise ValueError(f"{str(to)!r} is a run directory; name another folder with --to DIR")
    if to is not None and (to / f"{name}.json").exists():
        raise ValueError(f"{to / name}.json exists already; name another folder with --to DIR, or remove it")
    place = (to or default).absolute()
    there = next(path for path in (place, *place.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ValueError(f"{str(place)!r} cannot be written: name another folder with --to DIR")


def numbered(parent: Path, name: str, begun: str | None = None) -> Path:
    """A new folder for a result: NAME, or NAME-2, NAME-3, ... where that is taken.

    With `begun`, a folder that holds one of this name but no result is taken again: what resumes left it.
    """
    commandline.writable_directory(parent)
    for number in itertools.count(1):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            if begun and (folder / begun).is_dir() and not (folder / f"{name}.json").exists():
                return folder
    raise AssertionError
