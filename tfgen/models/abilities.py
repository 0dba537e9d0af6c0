"""What a model cannot do, and which models can: the words of an AttributeError."""

import importlib
import inspect

from tfgen import spelling
from tfgen.storage import entries

PARTS = {  # a capability, by its class in `tfgen.models` -> what a model without it lacks
    "Autoencoding": "encoder",
    "Variational": "bound on the likelihood",
    "Discriminating": "discriminator of images",
}


def missing(model, name: str) -> str:
    """What is said where a model has no attribute of a name."""
    words = f"{type(model).__name__!r} object has no attribute {name!r}"
    for capability, part in PARTS.items():
        kind = getattr(importlib.import_module("tfgen.models"), capability)
        if name in vars(kind) and not name.startswith("_"):
            able = [entry for entry in entries.entries() if _is(entry, kind)]
            return f"{words}: {model.entry} has no {part}{spelling.had_by(able)}"
    return words


def _is(entry: str, kind: type) -> bool:
    build = entries.module(entry).build
    return inspect.isclass(build) and issubclass(build, kind)
