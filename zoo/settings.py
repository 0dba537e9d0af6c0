"""The settings of a training: a recipe with what the command line changes, or those of the run that it goes on with."""

import json
import sys
from pathlib import Path

from tfgen import checks, runs
from zoo import commands

RECIPE = {"epochs": "EPOCHS", "batch_size": "BATCH_SIZE", "learning_rate": "LEARNING_RATE"}  # constants of an entry
NUMERICS = {"precision": "float32", "clip_norm": None, "cycles": 1}  # the rest of a recipe
CARE = {"checkpoint_every": 1, "on_nan": "stop", "strategy": "single"}  # what may change when a run goes on
SCHEDULE = "its warm-up and step sizes follow a schedule over all epochs, so that more of them are another training"


def of_recipe(module, options: dict, hyperparameters: dict) -> dict:
    """The settings of a new run: an entry's recipe and defaults with the options that were given, all checked.

    Returns:
        {"entry", "hyperparameters", "recipe", "care", "seed", "dataset": a name, or None for the default}.

    Raises:
        TypeError, ValueError: an option out of range; the message names it.
    """
    given = _given(options)
    return _checked(
        {
            "entry": _entry(module),
            "hyperparameters": commands.defaults(module.build) | hyperparameters,
            "recipe": {name: given.get(name, getattr(module, constant)) for name, constant in RECIPE.items()}
            | {name: given.get(name, default) for name, default in NUMERICS.items()},
            "care": {name: given.get(name, default) for name, default in CARE.items()},
            "seed": given.get("seed", 0),
            "dataset": given.get("dataset"),
        }
    )


def of_run(run: Path | None, module, options: dict, hyperparameters: dict) -> dict:
    """The settings of a run to go on with, as `of_recipe`.

    Raises:
        ValueError: no run of that entry, one from before a hyperparameter was there, or an option that differs from
            the run's; the message names both values.
    """
    if run is None:
        raise ValueError("resume needs to know the run: name it with --run-dir")
    if not run.is_dir():
        raise ValueError(f"there is no run directory {str(run)!r} to resume")
    entry, config, given = _entry(module), runs.read_config(run), _given(options)
    if missing := {"recipe", "seed", "dataset", "versions"} - set(config):
        raise ValueError(f"{str(run / runs.CONFIG)!r} lacks {', '.join(sorted(missing))}, and cannot be gone on with")
    if config["entry"] != entry:
        raise ValueError(f"{str(run)!r} is a run of {config['entry']}, not of {entry}")
    # What the run does not know, today's default would change half-way.
    if unknown := set(commands.defaults(module.build)) - set(config["hyperparameters"]):
        raise ValueError(f"{str(run)!r} was begun without {', '.join(sorted(unknown))}, and cannot be gone on with")
    settings = {name: config[name] for name in ("entry", "hyperparameters", "recipe", "seed", "dataset")}
    settings["recipe"] = NUMERICS | settings["recipe"]
    recorded = settings["recipe"] | {name: settings[name] for name in ("seed", "dataset")} | settings["hyperparameters"]
    for name, value in (given | hyperparameters).items():
        if name not in CARE and json.loads(json.dumps(value)) != recorded.get(name):
            reason = f"; {SCHEDULE}" if name == "epochs" else ""
            run_value = _words(recorded.get(name))
            raise ValueError(f"--{name.replace('_', '-')} is {run_value} in this run, got {_words(value)}{reason}")
    care = CARE | config.get("care", {})
    return _checked(settings | {"care": {name: given.get(name, value) for name, value in care.items()}})


def epochs(recipe: dict) -> int:
    """All epochs of a training, of all its cycles."""
    return recipe["epochs"] * recipe["cycles"]


def _entry(module) -> str:
    return module.__name__.rpartition(".")[2]


def _given(options: dict) -> dict:
    return {name: value for name, value in options.items() if value is not None}


def _words(value) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _checked(settings: dict) -> dict:
    recipe = settings["recipe"]
    checks.positive_int("epochs", recipe["epochs"])
    checks.positive_int("batch-size", recipe["batch_size"])
    checks.in_range("learning-rate", recipe["learning_rate"], sys.float_info.min)
    checks.positive_int("cycles", recipe["cycles"])
    if recipe["clip_norm"] is not None:
        checks.in_range("clip-norm", recipe["clip_norm"], sys.float_info.min)
    care = settings["care"]
    checks.positive_int("checkpoint-every", care["checkpoint_every"])
    if care["on_nan"] == "rollback" and care["strategy"] == "multiworker":
        raise ValueError("on-nan rollback is not there for strategy multiworker; start again with --resume instead")
    checks.in_range("seed", settings["seed"], 0, 2**31 - 1)
    return settings
