"""`tfgen.load`: a model by its entry's name or from a run directory."""

import importlib
import inspect
from pathlib import Path
from types import ModuleType

from tfgen import runs, weights


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
    """A trained model.

    Args:
        name_or_run_dir: a run directory that `python -m zoo.train` wrote. (An entry's name wins over a folder of that
            name.)

    Returns:
        The model with its trained weights.

    Raises:
        ValueError: neither an entry nor a run directory, or a run without usable weights.
    """
    if isinstance(name_or_run_dir, str) and name_or_run_dir in entries():
        raise ValueError(
            f"no weights ship for {name_or_run_dir!r} yet; train it: python -m zoo.train {name_or_run_dir}"
        )
    run = Path(name_or_run_dir)
    if not run.is_dir():
        raise ValueError(
            f"{str(name_or_run_dir)!r} is neither an entry ({', '.join(entries())}) nor a run directory that exists"
        )
    config = runs.read_config(run)
    model = build(config["entry"], config["hyperparameters"])
    weights.load(model, run / runs.WEIGHTS)
    return model
