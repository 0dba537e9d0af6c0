"""`semisupervised`: which class does an image have, if only a few of the training images have a label?

`M1+M2` (Kingma et al. 2014): the model, which has seen no label, encodes the images, and M2, a conditional VAE of these
codes with a classifier, learns from all of them, though few have a label (`zoo/models/ssvae.py`). Baselines, which are
told the same labels: a convolutional network whose images are shifted and turned, the same with its own confident
guesses as further labels (Lee 2013), and the nearest labelled images, by codes and by pixels. The labels are drawn
several times, since what is drawn matters. `pre-trained` is a linear layer on the model's code, trained on the labelled
images together with its encoder, and `not pre-trained` the same network from random weights. A model that classifies,
such as `ssvae`, has a row of its own. Of a folder in which only some pictures lie in the folders of classes, the others
are classified.
"""

from pathlib import Path

import numpy as np

from tfgen import checks
from tfgen.tasks.common.job import Job, first, flat
from tfgen.tasks.common.result import BASELINE, MODEL, Result, Row

__all__ = ["semisupervised_classes"]

ASKS = {"M1+M2": ("encode",)}
FEWEST = 20  # test images
SHOWN = 40  # pictures that were classified wrongly, or with the least confidence
OURS, NETWORK, GUESSES, CODES, PIXELS = "M1+M2", "network", "pseudo-labels", "neighbours of codes", "neighbours"
TUNED, FRESH = "pre-trained", "not pre-trained"
ITSELF = "the model itself"
METRICS = {"error": "of test images in percent, mean ± standard deviation over draws of the labels; lower is better"}


def run(
    job: Job, *, labels: tuple[int, ...] = (100, 1000), draws: int = 3, steps: int | None = None, top: int = 20
) -> Result:
    """Learns to classify from few labels, and measures the error; or classifies the pictures of a folder.

    Args:
        labels: how many training images keep their labels, one number or several; the same number for each class.
        draws: how often these labels are drawn.
        steps: the steps of each training of M2; 4,000 by default.
        top: for a folder, how many of the pictures without a class the table lists, the least certain first.
    """
    from tfgen.tasks.common import few_labels

    steps = steps or few_labels.STEPS
    if job.source is not None and Path(job.source).is_dir() and (found := _partly_labelled(job)):
        return _classified(job, *found, steps, top)
    return _measured(job, labels, draws, steps)


def check(*, labels=(100, 1000), draws: int = 3, steps: int | None = None, top: int = 20) -> None:
    """Raises TypeError, ValueError for options of `run` that are out of range."""
    for count in labels:
        checks.positive_int("labels", count)
    for name, value in (("draws", draws), ("steps", steps), ("top", top)):
        if value is not None:
            checks.positive_int(name, value)


def semisupervised_classes(model, images, labels, *, steps: int | None = None, seed: int = 0) -> np.ndarray:
    """The probabilities of the classes of images of which few have a label, by M2 on the codes of a model.

    Args:
        model: a trained `tfgen.Model` with an encoder.
        images: [N, H, W, C], uint8 in 0..255, bool, or float in [0, 1], or another form that is unambiguous.
        labels: int [N], 0, 1, ... for the classes and -1 for no label; each class needs at least one label.
        steps: the steps of the training; 4,000 by default.
        seed: the seed of the initial weights, the order and the noise.

    Returns:
        float32 [N, classes].

    Raises:
        TypeError, ValueError: images or labels of another kind, no label, or a model without an encoder.
    """
    from tfgen import inputs
    from tfgen.tasks.common import abilities, few_labels

    abilities.chosen(model, ASKS, None, "semisupervised")
    array, labels = inputs.image_array(images, model.image_shape), np.asarray(labels)
    if labels.shape != (len(array),) or labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be {len(array)} integers, got {labels.dtype} {list(labels.shape)}")
    classes = int(labels.max(initial=-1)) + 1
    if missing := [label for label in range(classes) if label not in labels]:
        raise ValueError(f"each class needs a label, and {missing[0]} has none")
    if classes < 2:
        raise ValueError(f"labels must be of two classes or more, got {classes}")
    mean, stddev = few_labels.codes(model, array, seed)
    return few_labels.m2(mean, stddev, labels.astype(np.int64), classes, steps or few_labels.STEPS, seed)(mean)


def _measured(job: Job, counts, draws: int, steps: int) -> Result:
    from tfgen.data import few

    dataset, test = job.dataset, _test(job)
    known = {  # checked before anything is trained
        (count, draw): few.rows(dataset.train.labels, count, dataset.classes, job.seed + draw)
        for count in counts
        for draw in range(draws)
    }
    codes = _codes(job, [dataset.train.images, dataset.validation.images, test[0]])
    errors, kept = {}, None
    for (count, draw), rows in job.track(list(known.items()), "draws"):
        for name, probabilities in _learned(job, codes, test[0], rows, steps, job.seed + draw).items():
            wrong = probabilities[-1].argmax(1) != test[1] if name in (OURS, NETWORK, GUESSES) else probabilities
            errors.setdefault((count, name), []).append(100 * float(np.mean(wrong)))
            if kept is None and name == OURS:
                kept = (count, rows, *probabilities)
    rows = [
        Row(name, MODEL if name in (OURS, TUNED) else BASELINE, {"error": _spread(each)}, group=f"{count:,} labels")
        for (count, name), each in errors.items()
    ]
    rows += _itself(job, test)
    title = f"{job.model.entry} of {job.own.name}: few labels of {dataset.name}"
    figure, wrong = _figure(job, *kept, test[1], title)
    conditions = {
        "draws": draws,
        "steps": steps,
        "train": f"{len(dataset.train.images):,} images",
        "test": f"{len(test[0]):,} images",
        "code": codes[0][0].shape[1],
    }
    details = {"errors": {f"{count} labels, {name}": each for (count, name), each in errors.items()}}
    return Result(title, METRICS, rows, figure, conditions, details=details | {"unlabelled_and_wrong": wrong})


def _test(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """The test images and their labels. Raises ValueError for a data set without classes."""
    dataset = job.dataset
    if len(dataset.classes) < 2:
        has = f"only the class {dataset.classes[0]}" if dataset.classes else "no labels"
        raise ValueError(f"semisupervised needs some labels, and {dataset.name} has {has}")
    return first(dataset.test, job.count(dataset.test, len(dataset.test.images), FEWEST))


def _itself(job: Job, test) -> list[Row]:
    """The error of a model that classifies, with the labels that it was trained with; no row for another model."""
    if "classify" not in job.model.signatures() or job.model.class_names != job.dataset.classes:
        return []
    error = 100 * float(np.mean(np.asarray(job.model.classify(test[0])).argmax(1) != test[1]))
    return [Row(ITSELF, MODEL, {"error": (error, None)}, group=f"its own {job.labels:,} labels")]


def _codes(job: Job, parts) -> list[tuple[np.ndarray, np.ndarray]]:
    from tfgen.tasks.common import few_labels

    return [few_labels.codes(job.model, np.asarray(images), job.seed) for images in job.track(parts, "codes")]


def _learned(job: Job, codes, images, rows, steps: int, seed: int) -> dict:
    """What each method makes of test images: probabilities, of M1+M2 those of training images before, or who is wrong.

    Args:
        codes: means and standard deviations of training, validation and test images.
        images: the test images.
        rows: of the training images that have labels.
        steps, seed: of the trainings.
    """
    from tfgen.data import few
    from tfgen.evaluation.images import as_float
    from tfgen.tasks.common import few_labels, probes

    train, validation, test = job.dataset.train, job.dataset.validation, job.dataset.test
    classes, labels = len(job.dataset.classes), np.full_like(train.labels, few.NONE)
    labels[rows] = train.labels[rows]
    classify = few_labels.m2(*codes[0], labels, classes, steps, seed, lambda blocks: job.track(blocks, "M2"))
    split = few.only(train, rows)
    network = few_labels.network(split, classes, seed=seed)
    guessing = few_labels.guessing(network, train, rows, classes, seed=seed)
    truth = [split.labels, validation.labels, test.labels[: len(images)]]
    pixels = [flat(as_float(part)) for part in (split.images, validation.images, images)]
    means = [codes[0][0][np.sort(rows)], codes[1][0], codes[2][0]]  # in the order of `split`
    return {
        OURS: (classify(codes[0][0]), classify(codes[2][0])),
        NETWORK: (network(images),),
        GUESSES: (guessing(images),),
        **_tuned(job.model, split, classes, images, truth[2], seed),
        CODES: probes.neighbours(probes.scaled(means), truth)[0],
        PIXELS: probes.neighbours(pixels, truth)[0],
    }


def _tuned(model, split, classes: int, images, labels, seed: int) -> dict:
    """Who is wrong of test images, after the training of an encoder that was trained before, and of a fresh one."""
    from tfgen.tasks.common import finetuning

    if model.conditional:  # whose encoder is told the class
        return {}
    found = {}
    for name, fresh in ((TUNED, False), (FRESH, True)):
        classify = finetuning.classifier(model, split, classes, fresh=fresh, seed=seed)
        found[name] = classify(images).argmax(1) != labels
    return found


def _spread(values) -> tuple[float, float | None]:
    """Mean and standard deviation over draws."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None


def _figure(job: Job, count: int, rows, on_train, on_test, labels, title: str):
    """The confusion matrix on test images, and the unlabelled training images most surely taken for another class.

    Returns:
        The figure, and a list of these images for programs.
    """
    from tfgen.tasks.common import drawings

    classes, train = job.dataset.classes, job.dataset.train
    said = on_train.argmax(1)
    confidence = np.where(said != train.labels, on_train.max(1), -1)
    confidence[rows] = -1
    wrong = np.argsort(-confidence, kind="stable")[: min(SHOWN, int(np.sum(confidence >= 0)))]
    listed = [{"row": int(row), "class": classes[train.labels[row]], "taken_for": classes[said[row]]} for row in wrong]
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(matrix, (labels, on_test.argmax(1)), 1)
    texts = [f"{each['class']} as {each['taken_for']}" for each in listed]
    pictures = np.asarray(train.images[np.sort(wrong)])[np.argsort(np.argsort(wrong))]
    return drawings.confusion(matrix, classes, pictures, texts, f"{title}, {count:,} of them, first draw"), listed


def _partly_labelled(job: Job):
    """(images, names, labels, classes) of a folder, with -1 for pictures outside of its sub-folders; None if none is.

    Raises ValueError for fewer than two folders of classes.
    """
    images, names = job.pictures()
    folders = [name.split("/")[0] if "/" in name else None for name in names]
    if None not in folders:
        return None
    classes = tuple(sorted({name for name in folders if name is not None}))
    if len(classes) < 2:
        has = f"only the class {classes[0]}" if classes else "no labels"
        raise ValueError(
            f"semisupervised needs some pictures in a folder for each class, two or more; {job.source} has {has}"
        )
    labels = np.array([-1 if name is None else classes.index(name) for name in folders])
    return images, names, labels, classes


def _classified(job: Job, images, names, labels, classes, steps: int, top: int) -> Result:
    """The classes of the pictures of a folder that lie outside the folders of classes."""
    from tfgen import figures
    from tfgen.tasks.common import few_labels

    mean, stddev = _codes(job, [images])[0]
    classify = few_labels.m2(
        mean, stddev, labels, len(classes), steps, job.seed, lambda blocks: job.track(blocks, "M2")
    )
    found, others = classify(mean), np.flatnonzero(labels < 0)
    said, sure = found.argmax(1), found.max(1)
    order = others[np.argsort(sure[others], kind="stable")]
    rows = [Row(names[i], MODEL, {"confidence": (float(sure[i]), None)}, setting=classes[said[i]]) for i in order[:top]]
    metrics = {"confidence": "probability of the class behind the name; the least certain come first"}
    title = f"{job.model.entry} of {job.own.name}: {len(others):,} pictures of {job.source} without a class"
    most = max(1, SHOWN // len(np.unique(said[others])))  # of a class, so that each is seen
    by_class = np.concatenate([order[said[order] == c][:most] for c in np.unique(said[others])])
    figure = figures.grid(images[by_class], min(8, len(by_class)), f"{title}, by the class that they are given")
    ranking = [{"name": names[i], "class": classes[said[i]], "confidence": round(float(sure[i]), 4)} for i in order]
    conditions = {"labelled": int(np.sum(labels >= 0)), "classes": ", ".join(classes), "steps": steps}
    return Result(title, metrics, rows, figure, conditions, details={"classified": ranking}, last_column="class")
