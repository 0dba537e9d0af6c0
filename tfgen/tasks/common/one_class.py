"""One-class anomaly detection: a model is trained on the images of one class, and the other classes are anomalies.

Every class of a data set is the normal one in turn, with a model of its own: the architecture and the recipe of the
model that is asked for, with a smaller code and fewer steps, as one class has less to say. A model that is trained is
kept as a run, RUNS/CLASS in the result's folder, and is not trained again when the same command resumes.
"""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np

from tfgen import files, inputs
from tfgen.data.dataset import Split
from tfgen.storage import loading, runs
from tfgen.tasks.common import detection, detectors, drawings, scores
from tfgen.tasks.common.job import Job, flat
from tfgen.tasks.common.result import BASELINE, MODEL, Result, Row
from tfgen.tasks.common.retraining import recipe, train_model

RUNS, SETTINGS = "runs", "one-class.json"
STEPS, LATENT_DIM = 2500, 12  # of a training on one class, and of its code, by default
FEWEST = 20  # training images of a class


@dataclasses.dataclass(frozen=True)
class Kinds:
    """A split with one class as the normal one: images [N, H, W, C], and which of them are anomalies, bool [N]."""

    images: np.ndarray
    strange: np.ndarray

    def apart(self, values) -> tuple[np.ndarray, np.ndarray]:
        """Scores [N] of the normal images and of the anomalies."""
        return values[~self.strange], values[self.strange]


def run(job: Job, names: list[str], classes, k: int, steps: int | None, latent_dim: int | None) -> Result:
    """Trains a model per class, and measures how well its scores tell the other classes from it.

    Args:
        job: the task's; its model says what is trained.
        names: of the scores.
        classes: names or numbers of those that are normal in turn; () for all.
        k: importance samples of a likelihood.
        steps: of each training.
        latent_dim: of the code.
    """
    labels = _chosen(job, classes)
    _check(job, labels)
    settings = _settings(job, steps, latent_dim)
    folder = _folder(job, settings)
    areas, found = {name: {} for name in names}, {name: {} for name in names}
    for label in labels:
        model = _trained(job, label, settings, folder)
        validation, test = (_kinds(split, label, job) for split in (job.dataset.validation, job.dataset.test))
        tracked = {"k": k, "track": job.track}
        on_validation = scores.all_of(model, validation.images, names, seed=job.seed, **tracked)
        on_test = scores.all_of(model, test.images, names, seed=job.seed + 1, **tracked)
        for name in names:
            areas[name][label] = detection.auroc(*validation.apart(on_validation[name]))
            found[name][label] = detection.measures(*test.apart(on_test[name]), job.seed)
    best = max(areas, key=lambda name: np.mean(list(areas[name].values())))
    baselines = _baselines(job, labels)
    return _result(job, labels, settings, areas, found, best, baselines)


def _chosen(job: Job, classes) -> list[int]:
    """The numbers of the classes that are normal in turn. Raises ValueError for what is not a class."""
    known = job.dataset.classes
    if len(known) < 2:
        raise ValueError(f"--train needs classes, and {job.dataset.name} has {len(known)}")
    values = [int(word) if word.isdigit() and word not in known else word for word in classes]
    return sorted({int(inputs.labels(value, 1, known, "classes")[0]) for value in values}) or list(range(len(known)))


def _check(job: Job, labels) -> None:
    """Raises ValueError where a model cannot be trained on one class, or a class cannot be measured."""
    job.count(job.dataset.test, len(job.dataset.test.images))
    for label in labels:
        name = job.dataset.classes[label]
        _check_images(job.model, int(np.sum(job.dataset.train.labels == label)), f"of class {name}")
        for split in (job.dataset.validation, job.dataset.test):
            if len(np.unique(_kinds(split, label, job).strange)) < 2:
                raise ValueError(f"the images of {split.name} that are used are all of class {name}, or none is")


def _check_images(model, count: int, words: str) -> None:
    """Raises ValueError for a model that cannot be trained on one class, and for too few images of it."""
    if model.needs_labels:
        raise ValueError(f"a model is shown one class alone, and {model.entry} learns from labels; vae does not")
    if count < FEWEST:
        raise ValueError(f"a training needs at least {FEWEST} images, and there are {count} {words}")


def _settings(job: Job, steps: int | None, latent_dim: int | None) -> dict:
    """What each training follows, as plain numbers and words."""
    recipe = _recipe(job.model, steps, latent_dim)
    return {"entry": job.model.entry, **recipe, "dataset": job.dataset.name, "seed": job.seed}


def _recipe(model, steps: int | None, latent_dim: int | None) -> dict:
    """The hyperparameters and the recipe of a model that is trained on one class, as plain numbers and words."""
    if "latent_dim" in model.get_config():
        return recipe(model, steps or STEPS, latent_dim=latent_dim or LATENT_DIM)
    if latent_dim is not None:
        raise ValueError(f"{model.entry} has no latent_dim, got {latent_dim}")
    return recipe(model, steps or STEPS)


def _folder(job: Job, settings: dict) -> Path:
    """The folder of the runs. Raises ValueError if other settings began it."""
    folder = job.folder() / RUNS
    folder.mkdir(exist_ok=True)
    path = folder / SETTINGS
    if not path.exists():
        files.write_json(path, settings)
        return folder
    try:
        begun = json.loads(path.read_text(encoding="utf-8"))
        differing = [name for name, value in settings.items() if begun[name] != value]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{str(path)!r} is damaged; name another folder with --to DIR") from error
    if differing:
        name = differing[0]
        raise ValueError(f"{str(folder)!r} was begun with another {name}; name another folder with --to DIR")
    return folder


def _trained(job: Job, label: int, settings: dict, folder: Path):
    """The model of a class: of its run if that is finished, or trained now."""
    place = folder / f"{label}"
    if runs.is_finished(place):
        return loading.load(place)
    if place.exists():
        shutil.rmtree(place)  # broken off while it was written
    train, name = job.dataset.train, job.dataset.classes[label]
    rows = np.flatnonzero(train.labels == label)
    split = dataclasses.replace(train, images=np.asarray(train.images[rows]), labels=train.labels[rows])
    model = train_model(job.model, split, settings, lambda epochs: job.track(epochs, f"training on {name}"))
    model.save_run(place)
    return model


def of_images(like, images, steps: int | None, latent_dim: int | None, seed: int):
    """As `train_model`, on images uint8 [N, H, W, C]."""
    if images.dtype != np.uint8:
        raise TypeError(f"images to train on must be uint8 in 0..255, got dtype {images.dtype}")
    _check_images(like, len(images), "of one class")
    split = Split("images", images, np.zeros(len(images), np.int64))
    return train_model(like, split, _recipe(like, steps, latent_dim) | {"seed": seed})


def _kinds(split, label: int, job: Job) -> Kinds:
    """The images of a split, of the test split as many as were asked for."""
    count = job.images if job.images is not None and split is job.dataset.test else len(split.images)
    return Kinds(np.asarray(split.images[:count]), split.labels[:count] != label)


def _baselines(job: Job, labels) -> dict:
    """name -> (the setting with the highest mean AUROC on validation, {label: measures on test})."""
    from tfgen.evaluation.images import as_float

    train, chosen = job.dataset.train, {}
    fits = [(name, words, fit) for name, settings in detectors.DETECTORS.items() for words, fit in settings.items()]
    areas, fitted = {}, {}
    for label in job.track(labels, "baselines"):
        rows = np.flatnonzero(train.labels == label)[: detectors.TRAIN]
        normal = flat(as_float(np.asarray(train.images[rows])))
        validation = _kinds(job.dataset.validation, label, job)
        pixels = flat(as_float(validation.images))
        for name, words, fit in fits:
            score = fitted[name, words, label] = fit(normal, job.seed)
            areas.setdefault(name, {}).setdefault(words, []).append(detection.auroc(*validation.apart(score(pixels))))
    for name, settings in job.track(list(areas.items()), "baselines on test"):
        words = max(settings, key=lambda each: np.mean(settings[each]))
        chosen[name] = words, {}
        for label in labels:
            test = _kinds(job.dataset.test, label, job)
            values = fitted[name, words, label](flat(as_float(test.images)))
            chosen[name][1][label] = detection.measures(*test.apart(values), job.seed)
    return chosen


def _mean(by_label: dict) -> dict:
    """The mean over classes of measures {label: {metric: (value, error)}}, with its standard error."""
    return {
        metric: (
            float(np.mean([each[metric][0] for each in by_label.values()])),
            float(np.sqrt(np.sum([each[metric][1] ** 2 for each in by_label.values()])) / len(by_label)),
        )
        for metric in detection.METRICS
    }


def _result(job: Job, labels, settings: dict, areas, found, best: str, baselines) -> Result:
    classes, many = job.dataset.classes, len(found) > 1
    group = f"mean of {len(labels)}"
    rows = [
        Row(name, MODEL, _mean(each), setting="this score" if many and name == best else "", group=group)
        for name, each in found.items()
    ]
    rows += [Row(name, BASELINE, _mean(each), setting=words, group=group) for name, (words, each) in baselines.items()]
    rows += [Row(best, MODEL, found[best][label], group=classes[label]) for label in labels]
    by_class = {name: {classes[label]: each[label]["auroc"][0] for label in labels} for name, each in found.items()}
    of_baselines = {
        name: {classes[label]: each[label]["auroc"][0] for label in labels} for name, (_, each) in baselines.items()
    }
    title = f"{job.model.entry} trained on one class of {job.dataset.name}: the others are anomalies"
    shown = {f"{job.model.entry}, {best}": by_class[best], **of_baselines}
    notes = []
    if many:
        mean = np.mean(list(areas[best].values()))
        notes.append(f"The score to report, {best}, has the highest mean AUROC on validation images, {mean:.3f}.")
    conditions = {
        "steps": settings["steps"],
        "batch_size": settings["batch_size"],
        "latent_dim": settings["hyperparameters"].get("latent_dim", "none"),
        "validation": f"{len(job.dataset.validation.images):,} images",
        "test": f"{len(_kinds(job.dataset.test, labels[0], job).images):,} images",
    }
    details = {"auroc_by_class": by_class | of_baselines, "runs": str(job.folder() / RUNS)}
    details["validation_auroc"] = {
        name: {classes[label]: round(value, 6) for label, value in each.items()} for name, each in areas.items()
    }
    figure = drawings.by_class(shown, "AUROC", title)
    return Result(title, detection.METRICS, rows, figure, conditions, tuple(notes), details)
