"""`tfgen.load`: a model by its entry's name or from a run directory."""

import importlib
import inspect
from pathlib import Path
from types import ModuleType

from tfgen import manifest, runs, weights

GOING_ON = 0.1  # share of its training's first step size with which a loaded model can be trained further
RECORD = {  # what the manifest has of weights that ship, beside entry, size and SHA-256
    "hyperparameters": dict,
    "recipe": dict,
    "dataset": str,
    "command": str,
    "metrics": dict,
    "quick": dict,
}


def entries() -> tuple[str, ...]:
    """The names of the zoo's models."""
    return importlib.import_module("zoo").ENTRIES


def entry_module(name: str) -> ModuleType:
    """The module of an entry. Raises ValueError, naming the choices, if there is none."""
    if name not in entries():
        raise ValueError(f"unknown entry {name!r}; the zoo has {', '.join(entries())}")
    return importlib.import_module(f"zoo.{name}")


def build(name: str, hyperparameters: dict):
    """Builds an entry's model with fresh weights.

    Raises:
        ValueError: unknown entry, or a hyperparameter that it does not have or that is out of range.
    """
    module = entry_module(name)
    known = inspect.signature(module.build).parameters
    unknown = sorted(set(hyperparameters) - set(known))
    if unknown:
        raise ValueError(f"{name} has no hyperparameter {unknown[0]!r}; it has {', '.join(known)}")
    return module.build(**hyperparameters)


def load(name_or_run_dir):
    """A trained model, compiled, so that `fit(images)` or `fit(images, digits)` goes on training it.

    Args:
        name_or_run_dir: the name of an entry, for the weights that ship with the package, or a run directory that
            `python -m zoo.train` wrote. (An entry's name wins over a folder of that name.)

    Returns:
        The model, built from code, with its trained weights. Their SHA-256 is checked before the file is parsed.

    Raises:
        ValueError: neither an entry nor a run directory, an entry without shipped weights, or weights that
            `tfgen.weights.load` refuses.
    """
    if isinstance(name_or_run_dir, str) and name_or_run_dir in entries():
        config = shipped(name_or_run_dir)
        if not config:
            raise ValueError(
                f"no weights ship for {name_or_run_dir!r} yet; train it: python -m zoo.train {name_or_run_dir}"
            )
        path = shipped_path(name_or_run_dir)
    else:
        run = Path(name_or_run_dir)
        if not run.is_dir():
            raise ValueError(
                f"{str(name_or_run_dir)!r} is neither an entry ({', '.join(entries())}) nor a run directory that exists"
            )
        config, path = runs.read_config(run), run / runs.WEIGHTS
    model = build(config["entry"], config["hyperparameters"])
    weights.load(model, path)
    module = entry_module(config["entry"])
    recipe = config.get("recipe", {})
    model.clip_norm = recipe.get("clip_norm")
    module.compile_model(model, learning_rate=GOING_ON * recipe.get("learning_rate", module.LEARNING_RATE), steps=None)
    return model


def shipped(name: str) -> dict:
    """What the manifest knows about the weights that ship for an entry; {} if none do.

    A run's config.json, its numbers as `metrics`, the training command, and the file's size and SHA-256.

    Raises:
        ValueError: weights without a record, a record of another entry, or one that lacks something.
    """
    path = shipped_path(name)
    records = str(path.parent / manifest.NAME)
    record = manifest.read(path.parent).get(path.name, {})
    if not record:
        if path.exists():
            manifest.checked(path)  # says what is wrong
        return {}
    if record.get("entry") != name:
        raise ValueError(f"{records!r} has {path.name} as weights of {record.get('entry')!r}")
    if lacking := [key for key, kind in RECORD.items() if not isinstance(record.get(key), kind)]:
        raise ValueError(f"{records!r} does not say {', '.join(lacking)} of {path.name}")
    return record


def shipped_path(name: str) -> Path:
    """Where the weights of an entry lie in the package, if they ship. Raises ValueError if there is no such entry."""
    entry_module(name)
    return shipped_folder() / f"{name}.weights.h5"


def shipped_folder() -> Path:
    """The folder of the weights that ship with the package."""
    return Path(importlib.import_module("zoo").__file__).parent / "weights"
