"""`python -m zoo.classifier`: trains a classifier of a data set, in whose features its models are measured.

    python -m zoo.classifier                               test accuracy 99.57 %
    python -m zoo.classifier --dataset fashion_mnist       test accuracy 92.09 %
    python -m zoo.classifier --to zoo/weights              the first, in place of the one that ships

on two CPU cores that did other work meanwhile. `load` gives one that ships. All distances of a data set are
taken in its features, so another one asks for new evaluations of every entry.
"""

import shutil
import time
from pathlib import Path

from tfgen import checks, commandline, data
from tfgen.storage import manifest, runs

USAGE = "python -m zoo.classifier"
NAME = "classifier"
ENDING = ".weights.h5"
WEIGHTS = Path(__file__).parent / "weights" / f"{NAME}{ENDING}"  # of MNIST

EPOCHS = 12
BATCH_SIZE = 100
LEARNING_RATE = 2e-3


def load(path: Path = WEIGHTS):
    """A trained classifier.

    Raises:
        TypeError, ValueError: the file is not the one that the manifest beside it records, or its run is damaged.
    """
    from tfgen import inputs
    from tfgen.evaluation import recognition
    from tfgen.storage import weights

    path = Path(path)
    record = (
        runs.read_config(path.parent) if runs.is_run(path.parent) else manifest.read(path.parent).get(path.name, {})
    )
    settings = record.get("hyperparameters", {})
    network = recognition.Classifier(
        image_shape=checks.image_shape(settings.get("image_shape", (28, 28, 1))),
        classes=len(checks.class_names(settings.get("classes", inputs.DIGITS))),
    )
    weights.load(network, path)
    return network


def file_name(dataset: str) -> str:
    """What the weights of a data set's classifier are called: classifier.weights.h5 for MNIST's."""
    suffix = "" if dataset == data.DEFAULT else f"-{dataset.replace('/', '-')}"
    return f"{NAME}{suffix}{ENDING}"


def shipped(images) -> Path | None:
    """The weights of the classifier that ships for a data set of TensorFlow Datasets, as it is; None without one."""
    path = WEIGHTS.with_name(file_name(images.name))
    if images.sha256 or not path.exists():
        return None
    record = manifest.read(path.parent).get(path.name, {}).get("hyperparameters", {})
    return path if checks.image_shape(record.get("image_shape", (28, 28, 1))) == images.image_shape else None


def weights_of_run(run: Path) -> Path:
    """The weights of a run of this command. Raises ValueError for another folder, or a run that is not finished."""
    if runs.read_config(run)["entry"] != NAME:
        raise ValueError(f"{str(run)!r} is not a run of zoo.classifier")
    runs.read_metrics(run)
    return Path(run) / runs.WEIGHTS


def name_of(path: Path) -> str:
    """What is recorded of a classifier with the numbers that were measured in its features."""
    record = runs.read_config(path.parent) if runs.is_run(path.parent) else manifest.read(path.parent)[path.name]
    return f"the classifier of {record['dataset']}, SHA-256 {manifest.read(path.parent)[path.name]['sha256']}"


def train(
    *,
    dataset: str = data.DEFAULT,
    image_size: int | None = None,
    image_channels: int | None = None,
    epochs: int = EPOCHS,
    data_dir: Path | None = None,
    run_dir: Path | None = None,
    seed: int = 0,
    to: Path | None = None,
) -> Path:
    """Trains a classifier into a run directory. Models of its data set are measured in its features.

    Args:
        dataset: a data set with classes: of TensorFlow Datasets (mnist, fashion_mnist, ...), a folder of pictures with
            a sub-folder for each class, or an .npz file of images and labels.
        image_size: crops the images to a square and resizes them to this many pixels per side.
        image_channels: 1 for grey images, 3 for colour; by default the images stay as they are.
        epochs: passes over the training images.
        data_dir: a TFDS directory that holds the prepared data set; TFDS_DATA_DIR by default.
        run_dir: the new directory for the run; runs/classifier-DATE-TIME by default.
        seed: seeds the initial weights, the order of the images and their shifts and rotations.
        to: a folder of weights; the trained classifier replaces the one in it.
    """
    started = time.perf_counter()
    with commandline.bad_input():
        checks.positive_int("epochs", epochs)
        checks.in_range("seed", seed, 0, 2**31 - 2)
        if run_dir is not None:
            runs.check_new(run_dir)
        data.check(dataset, data_dir, image_size=image_size, channels=image_channels)
        from tfgen.distributions.likelihoods import Pixels
        from tfgen.evaluation import recognition
        from tfgen.storage import weights
        from tfgen.training import loop, progress

        images = data.load(dataset, data_dir, image_size=image_size, channels=image_channels)
        if len(images.classes) < 2:
            raise ValueError(
                f"a classifier needs images of two classes or more, {images.name} has {len(images.classes)}"
            )
        target = commandline.writable_directory(to) / file_name(images.name) if to else None
        loop.set_initial_seed(seed)
        network = recognition.Classifier(image_shape=images.image_shape, classes=len(images.classes))
        batch_size = min(BATCH_SIZE, len(images.train.images))
        recipe = {"epochs": epochs, "batch_size": batch_size, "learning_rate": LEARNING_RATE}
        hyperparameters = {"image_shape": list(images.image_shape), "classes": list(images.classes)}
        settings = {"entry": NAME, "module": __name__, "hyperparameters": hyperparameters, "recipe": recipe}
        settings |= {"safety": {}, "dataset": images, "protocol": images.protocol(Pixels(images.image_shape).protocol)}
        settings |= {"data": {"source": images.source, "image_size": image_size, "image_channels": image_channels}}
        config = runs.configuration(**settings, seed=seed, device=loop.device_name(network))
        run = runs.create(run_dir or runs.default_path(NAME), config, renamed=run_dir is None)
    trained = f"{commandline.counted(epochs, 'epoch')} of {images.name} {images.train.name}"
    print(f"{NAME}: {network.count_params():,} parameters, {trained}", flush=True)

    watchers = [progress.ProgressLines(epochs)]
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
        of_entries = ("entry", "module", "safety", "data", "classes", "protocol")
        config = {name: value for name, value in runs.read_config(run).items() if name not in of_entries}
        command = f"{USAGE} --dataset {images.name} --epochs {epochs} --seed {seed}"
        with manifest.replacing(target, command=command, **config, metrics=metrics) as temporary:
            shutil.copyfile(run / runs.WEIGHTS, temporary)
    for name, value in accuracies.items():
        print(f"{name.replace('_', ' '):20} {value:.2%}")
    print(f"{'run':20} {run}")
    return run


def main(arguments: list[str] | None = None) -> None:
    """The command line: the options of `train`."""
    commandline.run(train, arguments, USAGE)


if __name__ == "__main__":
    main()
