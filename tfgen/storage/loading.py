"""`tfgen.load`: a model by its entry's name or from a run directory."""

import importlib
from pathlib import Path

from tfgen import checks, data, spelling
from tfgen.storage import entries, manifest, runs, schemas

SUFFIX = ".weights.h5"
USUAL = data.DEFAULT  # the data set of weights that are called by their entry alone
FURTHER = 0.1  # share of its training's first learning rate with which a loaded model can be trained further


def load(name_or_run_dir, dataset: str | None = None):
    """A trained model, compiled, so that `fit(images)` or `fit(images, labels)` trains it further.

    Args:
        name_or_run_dir: the name of an entry, for the weights that ship with the package, or a run directory that
            `python -m zoo.train` wrote. (An entry's name wins over a folder of that name.)
        dataset: for an entry, the data set that its weights were trained on; mnist by default. `load("vae-NAME")` says
            the same, and so the commands take it.

    Returns:
        The model, built from code, with its trained weights. Their SHA-256 is checked before the file is parsed.

    Raises:
        ValueError: neither an entry nor a run directory, an entry without shipped weights of this data set, or weights
            that `tfgen.weights.load` refuses.
    """
    from tfgen.networks import common
    from tfgen.storage import pricing, weights

    config, path = find(name_or_run_dir, dataset)
    entry, hyperparameters = config["entry"], config["hyperparameters"]
    try:
        numbers = pricing.numbers(entry, hyperparameters)  # before memory is taken for the model
    except (TypeError, ValueError) as error:  # of a hyperparameter, which is the file's and not the caller's
        reason = checks.shortened(str(error), 300)
        raise ValueError(f"{str(path.parent)!r} is a run of a {entry} that cannot be built: {reason}") from error
    content = weights.read(path, numbers)
    model = entries.build(entry, hyperparameters)
    weights.assign(model, content, path)
    recipe = config.get("recipe", {})
    model.clip_norm = recipe.get("clip_norm")
    learning_rate = recipe.get("learning_rate", entries.module(config["entry"]).LEARNING_RATE)
    with common.settings():
        model.compile_recipe(learning_rate=FURTHER * learning_rate, steps=None)
    return model


def find(name_or_run_dir, dataset: str | None = None) -> tuple[dict, Path]:
    """What is recorded about trained weights, with "entry" and "hyperparameters", and their file.

    Raises ValueError as `load` does, but that the file is not opened.
    """
    name = name_or_run_dir
    if isinstance(name, str) and name in entries.entries():
        name = shipped_name(name, dataset)
        config = shipped(name)
        if not config:
            raise ValueError(_not_shipped(name_or_run_dir, dataset))
        return config, shipped_path(name)
    if dataset is not None:
        raise ValueError(
            f"dataset chooses among the weights that ship for an entry ({', '.join(entries.entries())}), got "
            f"{str(name)!r}"
        )
    if is_shipped(name):
        return shipped(name), shipped_path(name)
    run = Path(name_or_run_dir)
    if not run.is_dir():
        names = dict.fromkeys([*entries.entries(), *shipped_names()])
        words = f"{str(run)!r} is neither an entry ({', '.join(names)}) nor a run directory that exists"
        raise ValueError(f"{words}{spelling.meant(str(run), names)}")
    config = runs.read_config(run)
    _check_registered(config, run)
    return config, run / runs.WEIGHTS


def _check_registered(config: dict, run: Path) -> None:
    """Raises ValueError where a run's model is of another package that is not registered: a file imports nothing."""
    name = config["entry"]
    if name not in entries.known():
        where = config.get("module", name)
        raise ValueError(
            f"{str(run)!r} is a run of {name}, which is not a model of the zoo; if you trust {where}, register it: "
            f"tfgen.register({where!r}) or --register {where}"
        )


def shipped_name(entry: str, dataset: str | None = None) -> str:
    """The name of an entry's weights of a data set: vae for mnist, vae-fashion_mnist."""
    return entry if dataset in (None, USUAL) else f"{entry}-{dataset.replace('/', '-')}"


def is_shipped(name) -> bool:
    """Whether this is the name of weights that ship, such as vae or vae-fashion_mnist."""
    return isinstance(name, str) and name.partition("-")[0] in entries.entries() and shipped_path(name).exists()


def shipped_names() -> list[str]:
    """The names of all weights of entries that ship, those of mnist first."""
    found = sorted(path.name.removesuffix(SUFFIX) for path in shipped_folder().glob(f"*-*{SUFFIX}"))
    return [name for name in [*entries.entries(), *found] if is_shipped(name)]


def _not_shipped(entry: str, dataset: str | None) -> str:
    """Why an entry cannot be loaded."""
    ships = [name for name in shipped_names() if name.partition("-")[0] == entry]
    if not ships or dataset is None:
        option = f" --dataset {dataset}" if dataset else ""
        return f"no weights ship for {entry!r} yet; train it: python -m zoo.train {entry}{option}"
    sets = ", ".join(shipped(name)["dataset"] for name in ships)
    return f"no weights of {entry!r} ship for the data set {dataset!r}; they ship for {sets}"


def shipped(name: str) -> dict:
    """What the manifest knows about weights that ship, by their name; {} if there are none of that name.

    A run's config.json, its numbers as `metrics`, the training command, and the file's size and SHA-256.

    Raises:
        ValueError: weights without a record, a record of another entry, or one that lacks something.
    """
    path = shipped_path(name)
    records = path.parent / manifest.NAME
    record = manifest.read(path.parent).get(path.name, {})
    if not record:
        if path.exists():
            manifest.checked(path)  # says what is wrong
        return {}
    schemas.check(record, schemas.Shipped, records, path.name)
    if record["entry"] != name.partition("-")[0]:
        raise ValueError(f"{str(records)!r} has {path.name} as weights of {record['entry']!r}")
    return record


def shipped_path(name: str) -> Path:
    """Where weights of this name lie in the package, if they ship. Raises ValueError if there is no such entry."""
    entries.check_known(name.partition("-")[0])
    return shipped_folder() / f"{name}{SUFFIX}"


def shipped_folder() -> Path:
    """The folder of the weights that ship with the package."""
    return Path(importlib.import_module("zoo").__file__).parent / "weights"
