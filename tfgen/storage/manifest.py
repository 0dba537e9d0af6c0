"""The manifest of a folder of weights: the SHA-256 that a file must have before anything parses it.

manifest.json    file name -> {"bytes", "sha256", and what else is known about the file}
"""

import contextlib
import hashlib
import shlex
from pathlib import Path

from tfgen import files
from tfgen.storage import schemas

NAME = "manifest.json"
LARGEST = 2_000_000_000  # bytes of a file of weights: 500 million numbers
READS = 10  # of a file that is being replaced meanwhile


def read(folder: Path) -> dict:
    """The records of a folder by file name; none if it has no manifest. Raises ValueError if that is damaged."""
    try:
        return schemas.read(Path(folder) / NAME, schemas.Manifest)
    except (FileNotFoundError, NotADirectoryError):
        return {}


def checked(path: Path, largest: int = LARGEST) -> bytes:
    """The content of a file, read once, so that nothing can replace it between the check and its use.

    Args:
        path: a file of weights.
        largest: bytes that it may have.

    Raises:
        ValueError: it is not what the manifest beside it records; the message names the file and both hashes.
    """
    path = Path(path)
    for _ in range(READS):
        record = read(path.parent).get(path.name)
        try:
            return _matching(path, record, largest)
        except ValueError:
            if read(path.parent).get(path.name) == record:
                raise  # else it was replaced while it was read
    raise ValueError(f"{str(path)!r} is replaced again and again; read it when its training has ended")


def _matching(path: Path, record: dict | None, largest: int) -> bytes:
    """The content of a file if its record knows it. Raises ValueError as `checked` does."""
    if path.is_symlink():
        raise ValueError(f"{str(path)!r} is a symbolic link; weights are read from plain files only")
    if not path.exists() or path.is_dir():
        raise ValueError(f"there are no weights at {str(path)!r}")
    if record is None:
        code = shlex.quote(f"from tfgen.storage import manifest; manifest.record({str(path)!r})")
        trust = f"if you trust the file: python -c {code}"
        raise ValueError(f"{str(path.parent / NAME)!r} has no record of {path.name}; {trust}")
    allowed = [{name: record[name] for name in ("bytes", "sha256")}]
    if record.get("before"):
        allowed.append(record["before"])
    content = files.read(path, largest)
    found = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    if found not in allowed:
        raise ValueError(
            f"{str(path)!r} is damaged or another file: SHA-256 mismatch, {found['sha256']} ({found['bytes']:,} bytes) "
            f"where its manifest has {record['sha256']} ({record['bytes']:,} bytes)"
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
        _write(path, coming | ({"before": fingerprint(path)} if path.is_file() else {}))
    _write(path, coming)


def fingerprint(path: Path) -> dict:
    """Size and SHA-256 of a file."""
    with open(path, "rb") as file:
        return {"bytes": Path(path).stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _write(path: Path, record: dict) -> None:
    files.write_json(path.parent / NAME, read(path.parent) | {path.name: record})
