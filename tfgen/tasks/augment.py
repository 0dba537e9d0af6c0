"""`augment`: does a classifier learn more from few labelled images if images drawn by a model are added?

A convolutional network learns from a few labelled images of each class: from these alone, from shifted and rotated
copies of them, from these with images that a model draws of each class, and from all of it. A model that was trained on
many labels passes on more than the few that the network is told. So a model like it is also trained on the labelled
images alone, which is what somebody has who has no other labels. The number of images to add is chosen on validation
images. The labels are drawn several times; in each draw all methods are told the same ones, and are compared there.
"""

import numpy as np

from tfgen import checks, inputs
from tfgen.tasks.common.job import Job, first
from tfgen.tasks.common.result import BASELINE, MODEL, Result, Row, means

__all__ = ["augmented_images"]

ASKS = {"images": ("sample.label",)}
FEWEST = 20  # test images
STEPS = 300  # of each training of the network
MODEL_STEPS = 1000  # of the training of a model on the labelled images alone
SHOWN = 10  # classes in the picture
ERRORS = 2  # standard errors that a gain has to exceed
METRICS = {
    "error": "of test images in percent, mean ± standard error over draws of the labels; lower is better",
    "gain": "how much lower it is than with shifts and rotations alone, draw by draw",
}


def run(
    job: Job,
    *,
    per_class: tuple[int, ...] = (10, 20, 100),
    draws: int = 10,
    added: tuple[int, ...] = (50, 500),
    steps: int = STEPS,
    model_steps: int = MODEL_STEPS,
) -> Result:
    """Trains a network with and without images that a model draws, and measures the error.

    Args:
        per_class: how many images of each class have a label, one number or several.
        draws: how often these labels are drawn.
        added: how many images of each class the model draws; if there are several numbers, one is chosen on validation
            images.
        steps: the steps of each training of the network; each image is seen at least once.
        model_steps: the steps of the training of a model on the labelled images alone.
    """
    from tfgen.tasks.common import augmenting

    dataset, test = job.dataset, _test(job)
    splits = {  # checked before anything is trained
        count: [_labelled(dataset, count, job.seed + draw) for draw in range(draws)] for count in per_class
    }
    study = augmenting.Study(job, test, added, steps, model_steps)
    return _result(study, {count: study.measured(of_count) for count, of_count in splits.items()})


def check(
    *, per_class=(10, 20, 100), draws: int = 10, added=(50, 500), steps: int = STEPS, model_steps: int = MODEL_STEPS
) -> None:
    """Raises TypeError, ValueError for options of `run` that are out of range."""
    for name, values in (("per-class", per_class), ("added", added)):
        for value in values:
            checks.positive_int(name, value)
    for name, value in (("draws", draws), ("steps", steps), ("model-steps", model_steps)):
        checks.positive_int(name, value)


def augmented_images(model, images, labels, *, added: int = 100, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labelled images with images that a model draws of each class.

    Args:
        model: a trained `tfgen.Model` that draws images of a class.
        images: [N, H, W, C], uint8 in 0..255, bool, or float in [0, 1], or another form that is unambiguous.
        labels: [N], numbers or names of the model's classes.
        added: how many images of each class are drawn.
        seed: the seed of the draws.

    Returns:
        uint8 images [M, H, W, C] and int64 labels [M]: the labelled images, repeated so that they are at least half of
        all, then the drawn ones.

    Raises:
        TypeError, ValueError: images or labels of another kind, or a model that draws no images of a class.
    """
    from tfgen.data.dataset import Split
    from tfgen.evaluation.images import as_float
    from tfgen.tasks.common import abilities, augmenting

    abilities.chosen(model, ASKS, None, "augment")
    checks.positive_int("added", added)
    array = augmenting.as_bytes(as_float(inputs.image_array(images, model.image_shape)))
    if not len(array):
        raise ValueError("augment needs labelled images, got none")
    known = np.broadcast_to(inputs.labels(labels, len(array), model.class_names, model.entry), len(array))
    mixed = augmenting.mixed(Split("images", array, known), *augmenting.drawn(model, added, seed))
    return mixed.images, mixed.labels


def _test(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """The test images and their labels. Raises ValueError for a data set with other classes than the model's."""
    dataset, names = job.dataset, job.model.class_names
    if dataset.classes != names:
        has = f"the classes {_listed(dataset.classes)}" if dataset.classes else "no labels"
        drawn = f"{job.model.entry} draws images of the classes {_listed(names)}"
        raise ValueError(f"{drawn}, and {dataset.name} has {has}")
    return first(dataset.test, job.count(dataset.test, len(dataset.test.images), FEWEST))


def _listed(names) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _labelled(dataset, count: int, seed: int):
    """The training images that have a label in a draw, a `Split`. Raises ValueError if a class has not so many."""
    from tfgen.data import few

    there = np.bincount(dataset.train.labels, minlength=len(dataset.classes))
    if count > there.min():
        name = dataset.classes[there.argmin()]
        raise ValueError(f"per-class {count} needs as many training images of class {name}, which has {there.min()}")
    train, classes = dataset.train, dataset.classes
    return few.only(train, few.rows(train.labels, count * len(classes), classes, seed))


def _result(study, groups: dict) -> Result:
    """The table of {labels of each class: {method: what was found}}."""
    from tfgen.tasks.common import drawings
    from tfgen.tasks.common.augmenting import USUAL

    job, rows, verdicts, details = study.job, [], [], {"errors": {}, "validation_errors": {}}
    for count, methods in groups.items():
        usual = np.array(methods[USUAL].errors)
        for method, found in methods.items():
            name, group = method.name, f"{count:,} a class"
            values = {"error": found.errors} | ({} if method == USUAL else {"gain": usual - np.array(found.errors)})
            kind, setting = (MODEL, f"{found.added:,} added") if method.source else (BASELINE, "")
            rows.append(means(name, kind, values, setting=setting, group=group))
            if method.source and method.moved:
                verdicts.append(_verdict(rows[-1]))
            details["errors"][f"{group}, {name}"] = found.errors
            details["validation_errors"][f"{group}, {name}"] = found.on_validation
    conditions = {
        "draws": len(usual),
        "network": f"{study.steps:,} steps",
        "few-label_model": f"{study.model_steps:,} steps",
        "validation": f"{len(job.dataset.validation.images):,} images",
        "test": f"{len(study.test[0]):,} images",
    }
    title = f"{job.model.entry} of {job.own.name} adds images to few labelled ones of {job.dataset.name}"
    errors = {}
    for row in rows:
        errors.setdefault(row.group, {})[row.name] = row.values["error"]
    pictures = {name: images[:SHOWN] for name, images in study.pictures.items()}
    last_column = "chosen on validation" if len(study.added) > 1 else "images of each class"
    figure = drawings.errors(errors, pictures, "error on test images in percent", title)
    return Result(title, METRICS, rows, figure, conditions, (*_explained(job), *verdicts), details, last_column)


def _explained(job: Job) -> tuple[str, ...]:
    """Whose the drawn images are, in sentences."""
    from tfgen.tasks.common.augmenting import FEW, OWN

    told = f"trained with {job.labels:,} labels of {job.own.name}"
    return (
        f"{FEW}: drawn by another {job.model.entry}, which was trained on the labelled images alone",
        f"{OWN}: drawn by {job.name or job.model.entry}, which was {told}",
        "both: drawn images, and shifts and rotations of all images",
    )


def _verdict(row: Row) -> str:
    """Whether drawn images are worth anything beside shifts and rotations, in a sentence."""
    gain, error = row.values["gain"]
    start = f"{row.group}, {row.name}: "
    if error is None:
        return f"{start}{abs(gain):.2f} points {'more' if gain < 0 else 'less'} error in one draw, which says little"
    word = "a gain" if gain > ERRORS * error else "a loss" if gain < -ERRORS * error else "no difference"
    return f"{start}{word} beyond {ERRORS} standard errors ({gain:.2f} ± {error:.2f})"
