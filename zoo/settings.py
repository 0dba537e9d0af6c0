"""The settings of a training: a recipe with what the command line changes, or those of the run that it resumes."""

import json
import sys
from pathlib import Path

from tfgen import checks
from tfgen.storage import entries, runs
from zoo.commands import FROM_DATA

RECIPE = {"epochs": "EPOCHS", "batch_size": "BATCH_SIZE", "learning_rate": "LEARNING_RATE"}  # constants of an entry
NUMERICS = {"precision": "float32", "clip_norm": None, "cycles": 1}  # the rest of a recipe
DATA = {"dataset": None, "image_size": None, "image_channels": None}
SAFETY = {"checkpoint_every": 1, "on_nan": "stop", "strategy": "single", "memory": None}  # may change when resumed
SCHEDULE = "its warm-up and learning rates follow a schedule over all epochs, so that more of them are another training"


def of_recipe(entry: str, options: dict, hyperparameters: dict) -> dict:
    """The settings of a new run: an entry's recipe and defaults with the options that were given, all checked.

    Returns:
        {"entry", "hyperparameters": without those that the data set decides, "recipe", "safety", "seed", "data":
        {"dataset": a name or None for the default, "image_size", "image_channels"}}.

    Raises:
        TypeError, ValueError: an option out of range; the message names it.
    """
    module, given = entries.module(entry), _given(options)
    defaults = {name: value for name, value in entries.defaults(entry).items() if name not in FROM_DATA}
    return _checked(
        {
            "entry": entry,
            "hyperparameters": defaults | hyperparameters,
            "recipe": {name: given.get(name, getattr(module, constant)) for name, constant in RECIPE.items()}
            | {name: given.get(name, default) for name, default in NUMERICS.items()},
            "safety": {name: given.get(name, default) for name, default in SAFETY.items()},
            "seed": given.get("seed", 0),
            "data": {name: given.get(name, default) for name, default in DATA.items()},
        }
    )


def of_run(run: Path | None, entry: str, options: dict, hyperparameters: dict) -> dict:
    """The settings of a run to resume, as `of_recipe`.

    Raises:
        ValueError: no run of that entry, one that was begun without a hyperparameter of today, or an option that
            differs from the run's; the message names both values.
    """
    if run is None:
        raise ValueError("resume needs to know the run: name it with --run-dir")
    if not run.is_dir():
        raise ValueError(f"there is no run directory {str(run)!r} to resume")
    config, given = runs.read_config(run), _given(options)
    if missing := {"recipe", "seed", "dataset", "data", "versions"} - set(config):
        raise ValueError(f"{str(run / runs.CONFIG)!r} lacks {', '.join(sorted(missing))}, and cannot be resumed")
    if config["entry"] != entry:
        raise ValueError(f"{str(run)!r} is a run of {config['entry']}, not of {entry}")
    # What the run does not know, today's default would change half-way.
    if unknown := set(entries.defaults(entry)) - set(config["hyperparameters"]):
        raise ValueError(f"{str(run)!r} was begun without {', '.join(sorted(unknown))}, and cannot be resumed")
    source = config["data"]
    settings = {
        "entry": entry,
        "hyperparameters": {name: value for name, value in config["hyperparameters"].items() if name not in FROM_DATA},
        "recipe": NUMERICS | config["recipe"],
        "seed": config["seed"],
        "data": {"dataset": source["source"], **{name: source[name] for name in ("image_size", "image_channels")}},
    }
    recorded = settings["recipe"] | settings["data"] | {"seed": settings["seed"]} | settings["hyperparameters"]
    if given.get("dataset") == config["dataset"]:  # its name stands for its path
        del given["dataset"]
    for name, value in (given | hyperparameters).items():
        if name not in SAFETY and json.loads(json.dumps(value)) != recorded.get(name):
            reason = f"; {SCHEDULE}" if name == "epochs" else ""
            run_value = _words(recorded.get(name))
            raise ValueError(f"--{name.replace('_', '-')} is {run_value} in this run, got {_words(value)}{reason}")
    safety = SAFETY | config.get("safety", {})
    return _checked(settings | {"safety": {name: given.get(name, value) for name, value in safety.items()}})


def epochs(recipe: dict) -> int:
    """All epochs of a training, of all its cycles."""
    return recipe["epochs"] * recipe["cycles"]


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
    safety = settings["safety"]
    checks.positive_int("checkpoint-every", safety["checkpoint_every"])
    if safety["on_nan"] == "rollback" and safety["strategy"] == "multiworker":
        raise ValueError("on-nan rollback is not available with strategy multiworker; start again with --resume")
    if safety["memory"] is not None:
        checks.size("memory", safety["memory"])
    checks.in_range("seed", settings["seed"], 0, 2**31 - 1)
    if settings["data"]["image_channels"] is not None:
        checks.one_of("image-channels", settings["data"]["image_channels"], checks.CHANNELS)
    return settings
