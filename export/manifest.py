"""The manifest of a version: size and SHA-256 of every file in it but itself."""

import json
import re
from pathlib import Path

from export import limits
from export.limits import RefusedError
from tfgen.storage.manifest import fingerprint

NAME = "manifest.json"
SHA256 = re.compile("[0-9a-f]{64}")


def write(version: Path) -> None:
    """Writes the manifest of all files that a version holds now."""
    paths = sorted(path for path in version.rglob("*") if not path.is_dir())
    names = {path.relative_to(version).as_posix(): path for path in paths}
    records = {name: fingerprint(path) for name, path in names.items() if name != NAME}
    (version / NAME).write_bytes(_content(records))


def parse(content: bytes) -> dict:
    """The records of a manifest: file -> {"bytes", "sha256"}. Raises RefusedError unless it is as `write` writes it."""
    facts = limits.json_object(content, NAME)
    records = facts.get("files")
    if set(facts) != {"files"} or not isinstance(records, dict):
        raise RefusedError(f"{NAME} is damaged: it must hold files, and nothing else")
    for record in records.values():
        whole = isinstance(record, dict) and set(record) == {"bytes", "sha256"}
        if not whole or type(record["bytes"]) is not int or not SHA256.fullmatch(str(record["sha256"])):
            raise RefusedError(f"{NAME} is damaged: files must be names with bytes and sha256")
    if content != _content(records):
        raise RefusedError(f"{NAME} is damaged: it is not written as an export writes it")
    return records


def _content(records: dict) -> bytes:
    return (json.dumps({"files": records}, indent=2) + "\n").encode()
