"""Safe publishing: a version appears under its number whole, in one rename, or not at all.

A server looks at the numeric directories of a model every second and loads what it sees. So a version is written to a
sibling with a name that no server reads, and takes the next free number only when it is complete.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: concurrent exports to one folder are not told apart there
    fcntl = None

PREFIX = ".exporting-"
LARGEST = 2**63 - 1  # a server takes versions for 64-bit numbers


def check(model_folder: Path) -> None:
    """Raises ValueError where no further version can be published in a model's folder."""
    if not os.access(model_folder, os.W_OK) or not os.access(model_folder.parent, os.W_OK):
        raise ValueError(f"{str(model_folder)!r} is not writable")
    _next(model_folder)


@contextlib.contextmanager
def staging(model_folder: Path):
    """A new hidden folder in `model_folder` to write a version to; what is left of it at the end is removed.

    Folders that killed exports left behind are removed first: a living export holds a lock on its own.
    """
    with locked(model_folder):
        for abandoned in model_folder.glob(f"{PREFIX}*"):
            with contextlib.suppress(BlockingIOError), locked(abandoned, wait=False):
                shutil.rmtree(abandoned, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=model_folder))
        folder.chmod(0o755)
        lock = contextlib.ExitStack()
        lock.enter_context(locked(folder))
    with lock:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path) -> Path:
    """Gives a staged version the next free number, and returns its path. Nothing is ever overwritten."""
    for path in [*folder.rglob("*"), folder]:
        _to_disk(path)
    parent = folder.parent
    with locked(parent):
        version = parent / str(_next(parent))
        os.rename(folder, version)
    _to_disk(parent)
    return version


def _next(model_folder: Path) -> int:
    """The next free number. Raises ValueError if the largest is taken."""
    number = 1 + max(versions(model_folder), default=0)
    if number > LARGEST:
        raise ValueError(f"{str(model_folder)!r} holds version {number - 1}, the largest there is: rename or remove it")
    return number


def versions(model_folder: Path) -> list[int]:
    """The numbers taken in a model's folder, whatever lies there; larger ones than a server knows are none."""
    names = (path.name for path in model_folder.iterdir()) if model_folder.is_dir() else ()
    numbers = (int(name) for name in names if name.isascii() and name.isdigit())
    return sorted(number for number in numbers if number <= LARGEST)


@contextlib.contextmanager
def locked(folder: Path, wait: bool = True):
    """Holds a folder for this process; without `wait`, BlockingIOError if another holds it. Ends with the process."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)


def _to_disk(path: Path) -> None:
    if fcntl is None and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
