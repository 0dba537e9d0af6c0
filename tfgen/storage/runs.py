"""The run: a directory that training writes and `tfgen.load` reads.

config.json         entry, hyperparameters, recipe, data set, splits, seed, device, library versions
history.csv         a row per epoch, no wall-clock value in it
metrics.json        the protocol and the numbers, once all is done
model.weights.h5    the best weights so far, in Keras's own format
manifest.json       the SHA-256 of the weights
checkpoints/        what `--resume` resumes from
faults/             the batch and the checkpoint of a step that was not finite
figures/*.png       and figures/training.gif, the samples of one epoch after the other
.lock               held by the process that trains
frames/             what that animation is made of, until the training has ended
tensorboard/        events, times among them
"""

import contextlib
import csv
import datetime
import importlib.metadata
import io
import itertools
import os
import platform
import shutil
from pathlib import Path

from tfgen import checks, files, locks
from tfgen.storage import schemas

CONFIG, HISTORY, METRICS, WEIGHTS = "config.json", "history.csv", "metrics.json", "model.weights.h5"
LOCK = ".lock"
FIGURES, FRAMES, EVENTS, CHECKPOINTS, FAULTS = "figures", "frames", "tensorboard", "checkpoints", "faults"
LIBRARIES = ("tfgen", "tensorflow", "tensorflow-probability", "keras", "numpy", "scipy", "scikit-learn")


def default_path(entry: str) -> Path:
    """`runs/ENTRY-DATE-TIME`."""
    return Path("runs") / f"{entry}-{datetime.datetime.now():%Y%m%d-%H%M%S}"


def check_new(path) -> Path:
    """A path for a new run. Raises ValueError if it exists: nothing is ever overwritten."""
    path = Path(path)
    if path.exists() or path.is_symlink():
        raise ValueError(f"run directory {str(path)!r} exists already; name another, or remove it")
    return path


def create(path: Path, config: dict, *, renamed: bool = False) -> Path:
    """Makes a run directory with its config.json, whole or not at all.

    Args:
        path: the directory.
        config: the content of config.json.
        renamed: whether a directory of that name that exists already adds -2, -3, ... to it, as for a default name.

    Returns:
        The directory that was made.

    Raises:
        ValueError: it exists or cannot be made.
    """
    path = first = Path(path) if renamed else check_new(path)
    making = path.with_name(f"{files.TEMPORARY}{os.getpid()}-{path.name}")
    try:
        (making / FIGURES).mkdir(parents=True)
        files.write_json(making / CONFIG, config)
        for number in itertools.count(2):
            try:
                return making.rename(path)
            except OSError:
                if not (renamed and path.exists()):
                    raise
                path = first.with_name(f"{first.name}-{number}")
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        check_new(path)  # somebody else was faster
        raise ValueError(f"run directory {str(path)!r} cannot be made: {error.strerror}") from error
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise


@contextlib.contextmanager
def locked(path: Path):
    """Keeps other processes from training in a run directory; the lock ends with this one, however it ends.

    Raises:
        ValueError: another process trains there. OSError: the run cannot be written.
    """
    try:
        with locks.held(Path(path) / LOCK, wait=False):
            yield
    except locks.HeldError:
        raise ValueError(f"another process is training in {str(path)!r}") from None


def configuration(*, entry, module, hyperparameters, recipe, safety, dataset, data, protocol, seed, device) -> dict:
    """The content of config.json: all that a run depends on."""
    return {
        "entry": entry,
        "module": module,
        "hyperparameters": hyperparameters,
        "recipe": recipe,
        "safety": safety,
        "dataset": dataset.name,
        "data": data | {"sha256": dataset.sha256},
        "classes": list(dataset.classes),
        "protocol": protocol,
        "splits": dataset.splits,
        "seed": seed,
        "device": device,
        "versions": library_versions(),
    }


def configuration_of_fit(*, entry, module, hyperparameters, recipe, dataset: str | None, classes) -> dict:
    """The content of config.json for a model that was trained in Python, of whose training little is known."""
    return {
        "entry": entry,
        "module": module,
        "hyperparameters": hyperparameters,
        "recipe": recipe,
        "dataset": dataset,
        "data": {"source": dataset, "image_size": None, "image_channels": None, "sha256": ""},
        "classes": list(classes),
        "protocol": None,
        "splits": {},
        "seed": None,
        "device": None,
        "versions": library_versions(),
    }


def write_metrics(path: Path, metrics: dict) -> None:
    """Writes metrics.json."""
    files.write_json(path / METRICS, metrics)


def is_run(path: Path) -> bool:
    """Whether a path is a run directory."""
    return os.path.lexists(Path(path) / CONFIG)


def is_finished(path: Path) -> bool:
    """Whether all of a run is done: its metrics are written last."""
    return (Path(path) / METRICS).is_file()


def read_config(path: Path) -> dict:
    """A run's config.json. Raises ValueError if the path is not a run or the file cannot be read as one."""
    path = Path(path)
    if not path.is_dir():
        raise ValueError(f"{str(path)!r} is neither an entry nor a run directory")
    if not is_run(path):
        raise ValueError(f"{str(path)!r} is not a run directory: it has no {CONFIG}")
    return schemas.read(path / CONFIG, schemas.Config)


def check_same_data(path: Path, dataset) -> None:
    """Raises ValueError where the files of a run's data set are no longer those that it was begun with."""
    began, now = read_config(path)["data"].get("sha256", ""), dataset.sha256
    if began != now:
        raise ValueError(
            f"the data set {dataset.source!r} has changed since {str(path)!r} was begun: SHA-256 mismatch, {now} "
            f"where the run has {began}"
        )


def read_metrics(path: Path) -> dict:
    """A run's metrics.json. Raises ValueError if there is none, or none that can be read."""
    try:
        return schemas.read(Path(path) / METRICS, schemas.Metrics)
    except FileNotFoundError:
        raise ValueError(f"{str(path)!r} has no {METRICS}: its training has not ended") from None


def write_history(path: Path, rows: list[dict]) -> None:
    """Writes history.csv from one dictionary of numbers per epoch."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write_text(Path(path) / HISTORY, text.getvalue())


def read_history(path: Path) -> list[dict]:
    """The rows of history.csv as dictionaries of floats.

    Raises:
        FileNotFoundError: there is none. ValueError: it is damaged; the message names the file and what is wrong.
    """
    path = Path(path) / HISTORY
    content = files.read(path, schemas.LARGEST)
    try:
        names, *lines = csv.reader(content.decode().splitlines(), strict=True)
        if names[:1] != ["epoch"] or len(names) == 1 or len(set(names)) < len(names):
            raise ValueError(f"its columns have to be epoch and the names of numbers, got {', '.join(names)}")
        rows = [dict(zip(names, map(float, line), strict=True)) for line in lines]
        if not rows or [row["epoch"] for row in rows] != list(range(1, len(rows) + 1)):
            raise ValueError(f"its lines have to be the epochs from 1 on, got {len(rows)} lines")
        return rows
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{str(path)!r} is damaged: {checks.shortened(str(error), 100)}") from error


def changed_versions(path: Path) -> str:
    """The libraries of a run that have other versions now: `tensorflow 2.20.0 (now 2.21.0)`, or ""."""
    versions = library_versions()
    then = {name: version for name, version in read_config(path)["versions"].items() if version != versions.get(name)}
    return ", ".join(f"{name} {version} (now {versions.get(name)})" for name, version in then.items())


def library_versions() -> dict:
    """The versions that a number depends on."""
    versions = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            versions[library] = "not installed"
    return versions
