"""Files that are whole or not there: written to a temporary sibling, then renamed."""

import contextlib
import json
import os
import stat
import tempfile
from pathlib import Path

TEMPORARY = ".writing-"


class ReadError(OSError):
    """A file that a command depends on, and read before, can no longer be read; the message says which."""


@contextlib.contextmanager
def opened(path: Path):
    """A plain file, open for reading its bytes. Nothing else is opened: a FIFO or a device would be waited for.

    Raises:
        FileNotFoundError: there is none. ValueError: it is not a plain file, or cannot be opened; the message names it.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if Path(path).is_symlink():
        raise ValueError(f"{str(path)!r} is a symbolic link; only plain files are read")
    try:
        handle = os.open(path, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError(f"{str(path)!r} is not a plain file")
        with open(handle, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(handle)


def read(path: Path, largest: int) -> bytes:
    """The content of a plain file, read once.

    Args:
        path: the file.
        largest: bytes that it may have.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is not a plain file, is larger, or cannot be read; the message names it.
    """
    with opened(path) as file:
        if (size := os.fstat(file.fileno()).st_size) > largest:
            raise ValueError(f"{str(path)!r} has {size:,} bytes, more than the {largest:,} it may have")
        try:
            return file.read(largest)
        except OSError as error:
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ValueError:
    return ValueError(f"{str(path)!r} cannot be read: {error.strerror or error}")


@contextlib.contextmanager
def replacing(path: Path, room: int = 0):
    """A temporary path beside `path` that takes its place when the block ends well, and is removed when it does not.

    The temporary name keeps the endings of `path`, which Keras and matplotlib read a format from.

    Args:
        path: the file to write.
        room: bytes that must fit on the disk, for writers that make a mess of a full one.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, suffix=path.name, dir=path.parent)
    os.close(handle)
    try:
        Path(name).write_bytes(bytes(room))
        yield Path(name)
        with open(name, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content) -> None:
    """Writes a binary file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def sweep(folder: Path) -> None:
    """Removes what writers left in a folder and below it when they were killed."""
    for left in Path(folder).rglob(f"{TEMPORARY}*"):
        left.unlink()


def write_json(path: Path, content) -> None:
    """Writes a JSON file, whole or not at all."""
    write_text(path, json.dumps(content, indent=2) + "\n")
