"""The manifest of a version: size and SHA-256 of every file in it but itself."""

import json
from pathlib import Path

from export.limits import MANIFEST as NAME
from export.limits import RefusedError
from tfgen.storage import schemas
from tfgen.storage.manifest import fingerprint


class Listed(schemas.Fingerprint, extra="forbid"):
    """What a manifest has of a file."""


class Manifest(schemas.Schema):
    """manifest.json of a version."""

    files: dict[str, Listed]


def write(version: Path) -> None:
    """Writes the manifest of all files that a version holds now."""
    paths = sorted(path for path in version.rglob("*") if not path.is_dir())
    names = {path.relative_to(version).as_posix(): path for path in paths}
    records = {name: fingerprint(path) for name, path in names.items() if name != NAME}
    (version / NAME).write_bytes(_content(records))


def damage(version: Path) -> str:
    """What is wrong with the files of a version: the first that its manifest lists otherwise, or ""."""
    try:
        records = parse((version / NAME).read_bytes())
    except OSError:
        return f"{NAME} is missing"
    except ValueError:
        return f"{NAME} is damaged"
    for name, record in records.items():
        if not (version / name).is_file():
            return f"{name} is missing"
        if fingerprint(version / name) != record:
            return f"{name} is damaged"
    return ""


def parse(content: bytes) -> dict:
    """The records of a manifest: file -> {"bytes", "sha256"}. Raises ValueError unless it is as `write` writes it."""
    records = schemas.check(content, Manifest, Path(NAME))["files"]
    if content != _content(records):
        raise RefusedError(f"{NAME} is damaged: it is not written as an export writes it")
    return records


def _content(records: dict) -> bytes:
    return (json.dumps({"files": records}, indent=2) + "\n").encode()
