"""Locks between processes: a file beside what is locked, which the system lets go of when its process ends."""

import contextlib
import errno
import sys
import warnings
from pathlib import Path

import filelock

NOT_OFFERED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}  # some network file systems


class HeldError(Exception):
    """Another process holds a lock."""


def to_stderr(line: str) -> None:
    """Prints a note for the user on stderr."""
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def held(path: Path, *, wait: bool = True, notify=to_stderr):
    """Holds the lock file `path` for the length of the block.

    Args:
        path: the file, which is made and stays.
        wait: whether to wait for another process that holds it.
        notify: called with a note where the file system offers no locks: the block then runs without one.

    Returns:
        Whether the lock is held.

    Raises:
        HeldError: another process holds it, and `wait` is false. OSError: the file cannot be made.
    """
    lock = filelock.FileLock(path, timeout=-1 if wait else 0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that another way of locking is taken
            lock.acquire()
    except filelock.Timeout:
        raise HeldError(str(path)) from None
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in NOT_OFFERED:
            raise
        reason = getattr(error, "strerror", None) or error
        notify(f"note: the file system of {path.parent} offers no locks ({reason}); start no second process on it")
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
