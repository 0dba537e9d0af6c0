"""Completers for the tasks of `zoo.apply`: the run that the user names, or one that is trained for the task.

A trained one lies in `runs/completer-DATASET-DAMAGE`: whichever task needs that damage undone finds it there, and a
training that was cut off is resumed.
"""

import re
from pathlib import Path

from tfgen import commandline
from zoo import commands

ENTRY = "completer"
RUNS = Path("runs")


def of(module, options: dict, entry_or_run: str, dataset: str | None, data_dir: Path | None):
    """The completer that the options of a task ask for; None if they ask for none.

    Args:
        module: of a task that says which damage it needs undone, by `damage(**options)`.
        options: of the task, `train` and `completer` among them.
        entry_or_run: the model beside which it is measured, and on whose data it is trained by default.
        dataset: another data set.
        data_dir: a TFDS directory that holds it prepared.
    """
    from tfgen.storage import loading

    if options.get("completer") is not None:
        name = str(options["completer"])
        with commandline.bad_input():
            model = loading.load(name)
            if "complete" not in model.signatures():
                raise ValueError(f"{name} is a model {model.entry}, and completes no images")
        return model
    if not options.get("train"):
        return None
    run = _trained(module.damage(**options), entry_or_run, dataset, data_dir)
    with commandline.bad_input():
        return loading.load(run)


def _trained(damage: str, entry_or_run: str, dataset: str | None, data_dir: Path | None) -> Path:
    """The run of a completer that undoes a damage, trained or resumed if it is not finished."""
    from tfgen.storage import runs
    from zoo import train

    source = _source(entry_or_run, dataset)
    name = re.sub(r"[^a-z0-9.]+", "-", f"{ENTRY}-{Path(source['dataset']).name}-{damage}".lower())
    run = RUNS / name
    if runs.is_run(run) and runs.is_finished(run):
        commands.say(f"{run} is trained already")
    elif runs.is_run(run):
        train.train(ENTRY, run_dir=run, data_dir=data_dir, resume=True)
    else:
        train.train(ENTRY, run_dir=run, data_dir=data_dir, damage=damage, **source)
    return run


def _source(entry_or_run: str, dataset: str | None) -> dict:
    """The data set of a task as `zoo.train` takes it: the name or path, the size and the channels of the images."""
    from tfgen import data
    from tfgen.storage import loading

    with commandline.bad_input():
        config, _ = loading.find(entry_or_run)
        own = config.get("data", {"source": config["dataset"], "image_size": None, "image_channels": None})
        if dataset is None and own["source"] is None:
            raise ValueError(f"{entry_or_run!r} does not say what it was trained on: name the images with --dataset")
        if dataset is None:
            return {"dataset": own["source"], "image_size": own["image_size"], "image_channels": own["image_channels"]}
        height, _, channels = config.get("hyperparameters", {}).get("image_shape", (28, 28, 1))
        plain = dataset == data.EMBEDDED or not Path(dataset).exists()
        return {"dataset": dataset, "image_size": None if plain else height, "image_channels": channels}
