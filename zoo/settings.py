"""The settings of a training: a recipe with what the command line changes, or those of the run that it resumes."""

import json
from pathlib import Path

from tfgen import checks
from tfgen.storage import entries, loading, manifest, runs
from tfgen.training import augmentation, loop
from zoo.commands import DEFAULT_FROM_DATA, FROM_DATA

OPTIONAL = {  # what a recipe does without, unless it is asked for
    "precision": "float32",
    "clip_norm": None,
    "cycles": 1,
    "patience": None,
    "augment": (),
    "init_from": None,
    "init_sha256": None,  # of the weights that --init-from names
    "init_layers": None,  # of its encoder, that another model's encoder starts with
    "ema": None,
    "importance_samples": None,
    "labels": None,
}
SPECIAL = {  # what only a model whose `train_by` takes it can be trained with -> what it takes
    "ema": "a train_by with ema",
    "importance_samples": "a bound on the likelihood",
    "labels": "a model that learns from few of them, such as ssvae or ssaae",
}
DERIVED = ("passes", "init_sha256", "init_layers")  # of a recipe, which no option names
SHORTEST_EPOCH = 100  # steps, unless --epochs counts the passes
DATA = {"dataset": None, "image_size": None, "image_channels": None}
SAFETY = {"checkpoint_every": 1, "on_nan": "stop", "strategy": "single", "memory": None}  # may change when resumed
SCHEDULE = "its warm-up and learning rates follow a schedule over all epochs, so that more of them are another training"


def of_recipe(entry: str, options: dict, hyperparameters: dict) -> dict:
    """The settings of a new run: an entry's recipe and defaults with the options that were given, all checked.

    Returns:
        {"entry", "hyperparameters": without those that the data set decides, "recipe": with None for what
        `fit_to_data` decides, "safety", "seed", "data": {"dataset": a name or None for the default, "image_size",
        "image_channels"}}.

    Raises:
        TypeError, ValueError: an option out of range; the message names it.
    """
    given = _given(options)
    decided = FROM_DATA + DEFAULT_FROM_DATA
    defaults = {name: value for name, value in entries.defaults(entry).items() if name not in decided}
    source, sha256 = _initial(given["init_from"]) if "init_from" in given else (None, None)
    if source and (config := loading.find(source)[0])["entry"] == entry:
        defaults |= {name: value for name, value in config["hyperparameters"].items() if name not in FROM_DATA}
    recipe = {"epochs": None, "passes": 1, "batch_size": None, "learning_rate": entries.module(entry).LEARNING_RATE}
    recipe |= OPTIONAL
    return _checked(
        {
            "entry": entry,
            "hyperparameters": defaults | hyperparameters,
            "recipe": {name: given.get(name, value) for name, value in recipe.items()}
            | {"init_from": source, "init_sha256": sha256},
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
    missing = {"recipe", "seed", "dataset", "data", "versions"} - set(config)
    if "epochs" in config.get("recipe", ()):
        missing |= {"batch_size", "learning_rate"} - set(config["recipe"])
    if missing:
        raise ValueError(f"{str(run / runs.CONFIG)!r} lacks {', '.join(sorted(missing))}, and cannot be resumed")
    if config["entry"] != entry:
        raise ValueError(f"{str(run)!r} is a run of {config['entry']}, not of {entry}")
    if "epochs" not in config["recipe"]:
        raise ValueError(f"{str(run)!r} was saved in Python and has no recipe; --init-from starts a training from it")
    # What the run does not know, today's default would change half-way.
    if unknown := set(entries.defaults(entry)) - set(config["hyperparameters"]):
        raise ValueError(f"{str(run)!r} was begun without {', '.join(sorted(unknown))}, and cannot be resumed")
    source = config["data"]
    settings = {
        "entry": entry,
        "hyperparameters": {name: value for name, value in config["hyperparameters"].items() if name not in FROM_DATA},
        "recipe": complete(config["recipe"]),
        "seed": config["seed"],
        "data": {"dataset": source["source"], **{name: source[name] for name in ("image_size", "image_channels")}},
    }
    recorded = settings["recipe"] | settings["data"] | {"seed": settings["seed"]} | settings["hyperparameters"]
    if given.get("dataset") == config["dataset"]:  # its name stands for its path
        del given["dataset"]
    if "init_from" in given:
        given["init_from"], _ = _initial(given["init_from"])
    for name, value in (given | hyperparameters).items():
        if name not in SAFETY and json.loads(json.dumps(value)) != recorded.get(name):
            reason = f"; {SCHEDULE}" if name == "epochs" else ""
            run_value = _words(recorded.get(name))
            raise ValueError(f"--{name.replace('_', '-')} is {run_value} in this run, got {_words(value)}{reason}")
    safety = SAFETY | config.get("safety", {})
    return _checked(settings | {"safety": {name: given.get(name, value) for name, value in safety.items()}})


def complete(recipe: dict) -> dict:
    """A recorded recipe with what there was not yet when it was recorded."""
    return {"passes": 1} | OPTIONAL | recipe


def fit_to_data(recipe: dict, entry: str, count: int) -> dict:
    """A recipe with what `count` training images decide of it, where the command line does not.

    A batch is the entry's, or all images. The training is as long as the entry's STEPS, however few images there are:
    an epoch of a small data set passes over it several times, so that it is not over after a few steps.
    """
    module, decided = entries.module(entry), dict(recipe)
    if decided["batch_size"] is None:
        decided["batch_size"] = min(module.BATCH_SIZE, count)
    if decided["epochs"] is None and decided["batch_size"] <= count:
        decided["passes"] = -(-SHORTEST_EPOCH * decided["batch_size"] // count)
        decided["epochs"] = max(1, round(module.STEPS / steps_of_epoch(decided, count)))
    return decided


def batch_size(settings: dict) -> int:
    """The images of a step, as far as they are known before the data set is."""
    return settings["recipe"]["batch_size"] or entries.module(settings["entry"]).BATCH_SIZE


def steps_of_epoch(recipe: dict, count: int) -> int:
    """The steps of an epoch over `count` training images."""
    return loop.steps_of_epoch(count, recipe["batch_size"], recipe["passes"])


def epochs(recipe: dict) -> int:
    """All epochs of a training, of all its cycles."""
    return recipe["epochs"] * recipe["cycles"]


def _initial(source: str) -> tuple[str, str]:
    """Weights to start from: the name of those that ship or the absolute path of a run, and the file's SHA-256."""
    _, path = loading.find(source)
    sha256 = manifest.read(path.parent).get(path.name, {}).get("sha256")
    return (source if loading.is_shipped(source) else str(Path(source).resolve())), sha256


def _given(options: dict) -> dict:
    return {name: value for name, value in options.items() if value is not None}


def _words(value) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _checked(settings: dict) -> dict:
    recipe = settings["recipe"]
    for name in ("epochs", "batch_size", "patience"):
        if recipe[name] is not None:
            checks.positive_int(name.replace("_", "-"), recipe[name])
    recipe["augment"] = augmentation.check(recipe["augment"])
    checks.above_zero("learning-rate", recipe["learning_rate"])
    checks.positive_int("cycles", recipe["cycles"])
    if recipe["clip_norm"] is not None:
        checks.above_zero("clip-norm", recipe["clip_norm"])
    if recipe["ema"] is not None and not 0 < checks.in_range("ema", recipe["ema"], 0, 1) < 1:
        raise ValueError(f"ema must lie between 0 and 1, got {recipe['ema']}")
    if recipe["importance_samples"] is not None:
        checks.positive_int("importance-samples", recipe["importance_samples"])
    if recipe["labels"] is not None:
        checks.positive_int("labels", recipe["labels"])
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
