"""Safe publishing: a version appears under its number whole, in one rename, or not at all.

A server looks at the numeric directories of a model every second and loads what it sees. So a version is written to a
sibling with a name that no server reads, and takes the next free number only when it is complete.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from export import limits, versions
from tfgen import locks

PREFIX = ".exporting-"


def check(model_folder: Path) -> None:
    """Raises ValueError where no further version can be published in a model's folder."""
    if not os.access(model_folder, os.W_OK) or not os.access(model_folder.parent, os.W_OK):
        raise ValueError(f"{str(model_folder)!r} is not writable")
    lock = _folder_lock(model_folder)
    if lock.exists() and not lock.is_file():
        raise ValueError(f"{str(lock)!r} is not a file: exports hold it as a lock; rename or remove it")
    _next(model_folder)


def make_folder(folder: Path) -> None:
    """Makes a folder that other users can read, for the server is one, whatever the umask says of new files."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in made:
        path.chmod(0o755)


@contextlib.contextmanager
def staging(model_folder: Path):
    """A new hidden folder in `model_folder` to write a version to; what is left of it at the end is removed.

    Folders that killed exports left behind are removed first: a living export holds a lock of its own.
    """
    with locked(model_folder) as alone:
        for abandoned in model_folder.glob(f"{PREFIX}*/") if alone else ():
            with contextlib.suppress(locks.HeldError), locks.held(_lock(abandoned), wait=False):
                shutil.rmtree(abandoned, ignore_errors=True)
                _lock(abandoned).unlink()
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=model_folder))
        folder.chmod(0o755)
        lock = contextlib.ExitStack()
        lock.enter_context(locks.held(_lock(folder)))
    with lock:
        try:
            yield folder
        finally:
            with locked(model_folder):
                shutil.rmtree(folder, ignore_errors=True)
                _lock(folder).unlink(missing_ok=True)


def publish(folder: Path) -> Path:
    """Gives a staged version the next free number, and returns its path. Nothing is ever overwritten."""
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # a server is another user
        _to_disk(path)
    parent = folder.parent
    with locked(parent):
        version = parent / str(_next(parent))
        os.rename(folder, version)
    _to_disk(parent)
    return version


def _next(model_folder: Path) -> int:
    """The next free number. Raises ValueError if the largest is taken."""
    number = 1 + max(versions.taken(model_folder), default=0)
    if number > limits.VERSION:
        raise ValueError(f"{str(model_folder)!r} holds version {number - 1}, the largest there is: rename or remove it")
    return number


def locked(model_folder: Path):
    """Holds a model's folder for this process: a lock file beside it, and whether the file system offers locks."""
    return locks.held(_folder_lock(model_folder))


def _folder_lock(model_folder: Path) -> Path:
    return model_folder.with_name(f".{model_folder.name}.lock")


def _lock(folder: Path) -> Path:
    """The lock file of a staged version, beside it: in it it would be published."""
    return folder.with_name(f"{folder.name}.lock")


def _to_disk(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
