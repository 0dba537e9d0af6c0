"""Files that are whole or not there: written to a temporary sibling, then renamed."""

import contextlib
import json
import os
import tempfile
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path):
    """A temporary path beside `path` that takes its place when the block ends well, and is removed when it does not.

    The temporary name keeps the endings of `path`, which Keras and matplotlib read a format from.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(prefix=".writing-", suffix=path.name, dir=path.parent)
    os.close(handle)
    try:
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
        temporary.write_text(text)


def write_json(path: Path, content) -> None:
    """Writes a JSON file, whole or not at all."""
    write_text(path, json.dumps(content, indent=2) + "\n")
