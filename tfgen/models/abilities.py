"""What a model cannot do, and which models can: the words of an AttributeError."""

import importlib
import inspect

from tfgen import spelling
from tfgen.storage import entries

PARTS = {  # a capability, by its class in `tfgen.models` -> what a model without it lacks
    "Autoencoding": "encoder",
    "Variational": "bound on the likelihood",
    "Discriminating": "discriminator of images",
    "Autoregressive": "order of pixels",
    "Classifying": "classifier",
}


class Lacking:
    """In place of a method of `Model`'s that a class does without: asking for it is an AttributeError that says why.

    Args:
        part: what a model of the class lacks, such as "code".
    """

    def __init__(self, part: str):
        self.part = part

    def __get__(self, model, kind=None):
        raise AttributeError(f"it has no {self.part}")


def missing(model, name: str) -> str:
    """What is said where a model has no attribute of a name."""
    words, why = f"{type(model).__name__!r} object has no attribute {name!r}", reason(model, name)
    return f"{words}: {why}" if why else words


def reason(model, name: str) -> str:
    """What a model lacks for an attribute, and which models have it; "" for a name that none has."""
    found = next((vars(kind)[name] for kind in type(model).__mro__ if name in vars(kind)), None)
    if isinstance(found, Lacking):
        able = [entry for entry in entries.entries() if hasattr(entries.module(entry).build, name)]
        return f"{model.entry} has no {found.part}{spelling.had_by(able)}"
    for capability, part in PARTS.items():
        kind = getattr(importlib.import_module("tfgen.models"), capability)
        if name in vars(kind) and not name.startswith("_") and not isinstance(vars(kind)[name], Lacking):
            able = [entry for entry in entries.entries() if _is(entry, kind)]
            return f"{model.entry} has no {part}{spelling.had_by(able)}"
    return ""


def _is(entry: str, kind: type) -> bool:
    build = entries.module(entry).build
    return inspect.isclass(build) and issubclass(build, kind)
