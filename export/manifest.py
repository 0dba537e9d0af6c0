"""The manifest of a version: size and SHA-256 of every file in it but itself."""

import json
from pathlib import Path

from tfgen.storage.manifest import fingerprint

NAME = "manifest.json"


def write(version: Path) -> None:
    """Writes the manifest of all files that a version holds now."""
    content = {"files": {name: fingerprint(path) for name, path in _files(version).items() if name != NAME}}
    (version / NAME).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def differences(version: Path) -> list[str]:
    """What a version has other than its manifest says: missing, changed and foreign files, a line each."""
    try:
        expected = json.loads((version / NAME).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return [f"{NAME} is missing or damaged"]
    found = _files(version)
    missing = [f"{name} is missing" for name in expected if name not in found]
    foreign = [f"{name} is foreign" for name in found if name not in expected and name != NAME]
    changed = [f"{name} has changed" for name in expected if name in found and _entry(found[name]) != expected[name]]
    return missing + foreign + changed


def _files(version: Path) -> dict[str, Path]:
    paths = sorted(path for path in version.rglob("*") if path.is_symlink() or not path.is_dir())
    return {path.relative_to(version).as_posix(): path for path in paths}


def _entry(path: Path) -> dict:
    if path.is_symlink() or not path.is_file():
        return {}  # no manifest holds such an entry
    return fingerprint(path)
