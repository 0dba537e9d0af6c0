"""`python -m zoo.classifier`: trains the classifier of digits that measures the models of the zoo.

    python -m zoo.classifier                      test accuracy 99.57 %
    python -m zoo.classifier --to zoo/weights     the same, in place of the one that ships

on MNIST, two CPU cores that did other work meanwhile. `load` gives the one that ships. All distances are taken in its
features, so another one asks for new evaluations of every entry.
"""

import shutil
import sys
import time
from pathlib import Path

from tfgen import checks, commandline, data
from tfgen.evaluation import recognition
from tfgen.storage import manifest, runs, weights
from tfgen.training import callbacks, loop

USAGE = "python -m zoo.classifier"
NAME = "classifier"
WEIGHTS = Path(__file__).parent / "weights" / f"{NAME}.weights.h5"

EPOCHS = 12
BATCH_SIZE = 100
LEARNING_RATE = 2e-3


def load(path: Path = WEIGHTS) -> recognition.Classifier:
    """The trained classifier. Raises ValueError if the file is not the one that the manifest beside it records."""
    network = recognition.Classifier()
    weights.load(network, path)
    return network


def train(
    *,
    epochs: int = EPOCHS,
    data_dir: Path | None = None,
    run_dir: Path | None = None,
    seed: int = 0,
    to: Path | None = None,
) -> Path:
    """Trains the classifier of digits that measures the models of the zoo, on MNIST, into a run directory.

    Args:
        epochs: passes over the training images.
        data_dir: a TFDS directory that holds MNIST prepared; TFDS_DATA_DIR by default.
        run_dir: the directory to make for the run; runs/classifier-DATE-TIME by default.
        seed: fixes the first weights, the order of the images and their shifts and turns.
        to: a folder of weights, whose classifier the trained one replaces.
    """
    started = time.perf_counter()
    with commandline.bad_input():
        checks.positive_int("epochs", epochs)
        checks.in_range("seed", seed, 0, 2**31 - 2)
        run = runs.check_new(run_dir or runs.default_path(NAME))
        target = commandline.writable_directory(to) / WEIGHTS.name if to else None
        images = data.load(data.DEFAULT, data_dir)
        loop.set_initial_seed(seed)
        network = recognition.Classifier()
        recipe = {"epochs": epochs, "batch_size": BATCH_SIZE, "learning_rate": LEARNING_RATE}
        settings = {"entry": NAME, "module": __name__, "hyperparameters": {}, "recipe": recipe, "safety": {}}
        settings |= {"dataset": images, "data": {"source": images.source}, "protocol": images.protocol("grey")}
        runs.create(run, runs.configuration(**settings, seed=seed, device=loop.device_name(network)))
    print(f"{NAME}: {network.count_params():,} parameters, {epochs} epochs of {images.name} {images.train.name}")

    watchers = [callbacks.ProgressLines(epochs)]
    try:
        history = recognition.fit(network, images.train, **recipe, seed=seed, callbacks=watchers)
    except KeyboardInterrupt as error:
        commandline.give_up(error, saved=f"{run} holds no weights")
    finally:
        watchers[0].on_train_end()  # gives the terminal back, however training ended

    weights.save(network, run / runs.WEIGHTS)
    runs.write_history(run, history)
    accuracies = {
        f"{name}_accuracy": recognition.accuracy(network, split)
        for name, split in (("validation", images.validation), ("test", images.test))
    }
    metrics = {"dataset": images.name, **recipe, "parameters": network.count_params(), **accuracies}
    metrics["seconds"] = round(time.perf_counter() - started, 1)
    runs.write_metrics(run, metrics)
    if target:
        of_entries = ("entry", "module", "hyperparameters", "safety", "data", "classes", "protocol")
        config = {name: value for name, value in runs.read_config(run).items() if name not in of_entries}
        command = f"{USAGE} --epochs {epochs} --seed {seed}"
        with manifest.replacing(target, command=command, **config, metrics=metrics) as temporary:
            shutil.copyfile(run / runs.WEIGHTS, temporary)
    for name, value in accuracies.items():
        print(f"{name.replace('_', ' '):20} {value:.2%}")
    print(f"{'run':20} {run}")
    return run


def main(arguments: list[str] | None = None) -> None:
    """The command line: the options of `train`."""
    commandline.run(train, sys.argv[1:] if arguments is None else arguments, USAGE)


if __name__ == "__main__":
    main()
