"""The versions of served models on a disk: which there are, and what is said of a path that is none."""

import os
from pathlib import Path

from export import limits
from export.formats import options

MARKS = ("saved_model.pb", limits.MANIFEST, "variables")  # of a version, whole or damaged
SHOWN = 5  # paths that a message lists


def taken(model_folder: Path) -> list[int]:
    """The numbers taken in a model's folder, whatever lies there; larger ones than a server knows are none."""
    names = (path.name for path in model_folder.iterdir()) if model_folder.is_dir() else ()
    numbers = (int(name) for name in names if name.isascii() and name.isdigit())
    return sorted(number for number in numbers if number <= limits.VERSION)


def served(model_folder: Path) -> list[int]:
    """The versions of a model that a server can take; a model converted to another format has none."""
    return [] if model_folder.name in options.FOLDERS else taken(model_folder)


def check_served(path: Path) -> None:
    """Raises ValueError for a converted model, or one of its versions: no server takes it."""
    for folder in (path, path.parent):
        if form := options.NAMES.get(options.FOLDERS.get(folder.name)):
            words = f"is converted to {form}, not a SavedModel; its README.md says how to run it"
            raise ValueError(f"{str(path)!r} {words}")


def is_version(path: Path) -> bool:
    """Whether a path is a version, whole or damaged: a numbered folder, or one with a file that only versions have."""
    return path.is_dir() and (path.name.isdigit() or any((path / mark).exists() for mark in MARKS))


def check(path: Path) -> None:
    """Raises ValueError unless a path is a version; it names those that lie below the path."""
    if path.is_dir():
        check_served(path)
    if is_version(path):
        return
    if not path.is_dir():
        raise ValueError(f"{str(path)!r} is not a version of a served model: there is no such folder")
    found = below(path)
    if not found:
        raise ValueError(f"{str(path)!r} is not a version of a served model: it holds no saved_model.pb")
    names = ", ".join(map(str, found[:SHOWN])) + (", ..." if found[SHOWN:] else "")
    raise ValueError(f"{str(path)!r} is not a version of a served model, but holds some; name one: {names}")


def check_target(folder: Path) -> None:
    """Raises ValueError where no model may be exported to: in a version, or in the folder of one model's versions."""
    inside = folder.resolve()
    for path in (inside, *inside.parents):
        if os.path.isfile(path / limits.GRAPH) or path.name in options.FOLDERS:
            above = path.parent.parent
            raise ValueError(f"{str(folder)!r} is in a served model; name the folder of all models, {str(above)!r}")
    converted = any(os.path.isdir(inside / name) for name in options.FOLDERS)
    if converted or any(os.path.isfile(inside / str(number) / limits.GRAPH) for number in taken(inside)):
        words = f"holds the versions of one model; name the folder above it, {str(inside.parent)!r}"
        raise ValueError(f"{str(folder)!r} {words}")


def below(folder: Path) -> list[Path]:
    """The versions in a model's folder, or in the folders of several models; the newest of each first."""
    if numbers := served(folder):
        return [folder / str(number) for number in reversed(numbers)]
    return [model / str(numbers[-1]) for model in sorted(folder.iterdir()) if (numbers := served(model))]
