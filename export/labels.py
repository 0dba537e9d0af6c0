"""The labels of a model's versions, such as stable and canary, in served/NAME/labels.json: label -> number.

A server loads the versions that have a label, and the newest one. A request without a label goes to the newest.
"""

import json
import re
from pathlib import Path

from export import limits, versions
from tfgen import files

FILE = "labels.json"
MOST = 2**16  # bytes
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")


def read(model: Path) -> dict[str, int]:
    """The labels of a model's folder; {} if it has none. Raises ValueError if they are damaged, or name no version."""
    try:
        content = files.read(model / FILE, MOST)
    except FileNotFoundError:
        return {}
    found = limits.json_object(content, str(model / FILE))
    there = versions.taken(model)
    for label, number in found.items():
        check(label)
        if isinstance(number, bool) or number not in there:
            raise ValueError(f"{model / FILE} labels version {number!r} {label}, which does not exist")
    return found


def check(label: str) -> str:
    """The label. Raises ValueError if it is none."""
    if not NAME.fullmatch(label):
        raise ValueError(f"a label is made of letters, digits, '_', '.' and '-', got {label!r}")
    return label


def write(model: Path, labels: dict[str, int]) -> None:
    """Writes the labels of a model's folder, or removes their file where there are none."""
    if not labels:
        (model / FILE).unlink(missing_ok=True)
        return
    with files.replacing(model / FILE) as path:
        path.write_text(json.dumps(dict(sorted(labels.items())), indent=2) + "\n", encoding="utf-8")


def config(model: Path) -> str:
    """What models.config says of a model's versions: nothing where none has a label."""
    labels = read(model)
    if not labels:
        return ""
    numbers = sorted({*labels.values(), *versions.taken(model)[-1:]})
    numbered = " ".join(f"versions: {number}" for number in numbers)
    named = " ".join(f'version_labels {{ key: "{label}" value: {labels[label]} }}' for label in sorted(labels))
    return f"\n    model_version_policy {{ specific {{ {numbered} }} }}\n    {named}\n "
