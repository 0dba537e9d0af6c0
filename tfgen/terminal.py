"""A terminal that may go away: what nobody can read any more is dropped, and the work continues.

A pipe may be closed (`| head -1`), a terminal lost, a stream closed from the start (`2>&-`), a log's disk full, or an
encoding too poor for a character.
"""

import contextlib
import io
import os
import select
import sys


class Lasting(io.FileIO):
    """A descriptor that is written to as long as that works, and swallows all that comes after."""

    def write(self, data) -> int:
        try:
            while (count := super().write(data)) is None:  # one that does not wait for its reader
                select.select([], [self], [])
        except OSError:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self.fileno())
            return len(data)
        return count


def protect_streams() -> bool:
    """Makes stdout and stderr of this process such that writing to them never fails.

    Streams that somebody has put in the place of Python's own, such as a notebook's, stay as they are.

    Returns:
        Whether both are now of this kind, which a process has that is a command.
    """
    for number in range(3):  # a descriptor that is free would go to the next file that is opened
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is not getattr(sys, f"__{name}__"):
            continue
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
        buffer = Buffer(Lasting(number, "w", closefd=False))
        lasting = io.TextIOWrapper(
            buffer,
            encoding=getattr(stream, "encoding", "utf-8"),
            errors="backslashreplace",
            line_buffering=number == 2 or buffer.isatty(),
            write_through=getattr(stream, "write_through", False),
        )
        setattr(sys, name, lasting)
    return all(isinstance(getattr(stream, "buffer", None), Buffer) for stream in (sys.stdout, sys.stderr))


class Buffer(io.BufferedWriter):
    """The buffer of a lasting stream."""


def is_interactive(stream=None) -> bool:
    """Whether somebody looks at a stream, by default stdout, whose lines can be written over."""
    try:
        return (stream or sys.stdout).isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    except (AttributeError, ValueError, OSError):
        return False
