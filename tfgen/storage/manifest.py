"""The manifest of a folder of weights: the SHA-256 that a file must have before anything parses it.

manifest.json    file name -> {"bytes", "sha256", and what else is known about the file}
"""

import contextlib
import hashlib
import json
import shlex
from pathlib import Path

from tfgen import files

NAME = "manifest.json"


def read(folder: Path) -> dict:
    """The records of a folder by file name; none if it has no manifest. Raises ValueError if that is damaged."""
    path = Path(folder) / NAME
    if path.is_symlink():
        raise ValueError(f"{str(path)!r} is a symbolic link; a manifest is a plain file")
    if not path.is_file():
        return {}
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
        return {name: record | {"sha256": str(record["sha256"])} for name, record in records.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{str(path)!r} is no manifest of weights: {error!r}") from error


def checked(path: Path) -> bytes:
    """The content of a file, read once, so that nothing can replace it between the check and its use.

    Raises:
        ValueError: it is not what the manifest beside it records; the message names the file and both hashes.
    """
    path = Path(path)
    if path.is_symlink():
        raise ValueError(f"{str(path)!r} is a symbolic link; weights are read from plain files only")
    if not path.is_file():
        raise ValueError(f"there are no weights at {str(path)!r}")
    record = read(path.parent).get(path.name)
    if record is None:
        code = shlex.quote(f"from tfgen.storage import manifest; manifest.record({str(path)!r})")
        trust = f"if you trust the file: python -c {code}"
        raise ValueError(f"{str(path.parent / NAME)!r} has no record of {path.name}; {trust}")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found not in (record["sha256"], record.get("before")):
        raise ValueError(
            f"{str(path)!r} is damaged or another file: its SHA-256 is {found}, its manifest has {record['sha256']}"
        )
    return content


def record(path: Path, **facts) -> None:
    """Records a file as it is now, with what else is known about it."""
    _write(Path(path), fingerprint(path) | facts)


@contextlib.contextmanager
def replacing(path: Path, room: int = 0, **facts):
    """`files.replacing` for a file that its folder's manifest records, with what else is known about it.

    Two files cannot be renamed at once, so in between the manifest allows the file that goes, too: whenever the process
    is killed, the folder holds a file that its manifest knows.
    """
    path = Path(path)
    with files.replacing(path, room) as temporary:
        yield temporary
        coming = fingerprint(temporary) | facts
        _write(path, coming | ({"before": fingerprint(path)["sha256"]} if path.is_file() else {}))
    _write(path, coming)


def fingerprint(path: Path) -> dict:
    """Size and SHA-256 of a file."""
    with open(path, "rb") as file:
        return {"bytes": Path(path).stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _write(path: Path, record: dict) -> None:
    files.write_json(path.parent / NAME, read(path.parent) | {path.name: record})
