"""`features`: do the codes of a model tell the classes of images apart?

The codes that an encoder gives images are judged by three things that know nothing of the model: `linear`, logistic
regression, and `neighbours`, the vote of the k nearest training images, which are told the classes, and `clusters`,
k-means, which is not. Baselines under the same three: raw pixels, as many principal components as the code has numbers,
and the model's own encoder with random weights. A conditional model is told the class under which its ELBO is highest,
never the true one.
"""

import numpy as np

from tfgen import checks, inputs
from tfgen.tasks.common.job import Job, first, flat
from tfgen.tasks.common.result import BASELINE, MODEL, Result, means

__all__ = ["features"]

ASKS = {"codes": ("encode",)}
TRAIN, VALIDATION, TEST = 10_000, 5000, 10_000  # images at most, by default
FEWEST = 20  # of each split
MAPPED = 700  # test images whose codes are drawn
METRICS = {
    "linear": "error of logistic regression in percent; lower is better",
    "neighbours": "error of the k nearest training images in percent; lower is better",
    "clusters": "normalised mutual information of k-means clusters and classes, 0 to 1; higher is better",
}


def run(job: Job, *, labelled: int | None = None) -> Result:
    """Measures how well codes tell classes apart, compared with pixels, principal components and a random network.

    Args:
        labelled: how many training images the classifiers see with their classes; 10,000 by default, or all if there
            are fewer.
    """
    from tfgen.tasks.common import codes, probes

    dataset = job.dataset
    parts = _parts(job, labelled)
    images = [split_images for split_images, _ in parts]
    classes = [labels for _, labels in parts]
    encoded = [codes.of(job.model, each, seed=job.seed) for each in job.track(images, "codes")]
    fresh = codes.untrained(job.model, job.seed)
    pixels = [_pixels(each) for each in images]
    spaces = {
        "codes": (MODEL, lambda: encoded),
        "pixels": (BASELINE, lambda: pixels),
        "same-size PCA": (BASELINE, lambda: probes.principal(pixels, encoded[0].shape[1], job.seed)),
        "random network": (BASELINE, lambda: [codes.of(fresh, each, seed=job.seed) for each in images]),
    }
    rows = []
    for name, (kind, make) in job.track(list(spaces.items()), "classifiers"):
        space = probes.scaled(make())
        linear, strength = probes.linear(space, classes)
        neighbours, count = probes.neighbours(space, classes)
        wrong = {"linear": 100.0 * linear, "neighbours": 100.0 * neighbours}
        row = means(name, kind, wrong, setting=f"C {strength:g}, k {count}")
        row.values["clusters"] = probes.clusters(space[-1], classes[-1], job.seed), None
        rows.append(row)
    title = f"{job.model.entry} of {job.own.name}: codes of {encoded[0].shape[1]} numbers, classes of {dataset.name}"
    figure = _maps(encoded[-1], pixels[-1], classes[-1], dataset.classes, title, job)
    train, validation, test = (f"{len(each):,}" for each in images)
    conditions = {"labelled": train, "validation": validation, "test": test, "code": encoded[0].shape[1]}
    return Result(title, METRICS, rows, figure, conditions)


def check(*, labelled: int | None = None, **_) -> None:
    """Raises TypeError, ValueError for options of `run` that are out of range."""
    if labelled is not None:
        checks.positive_int("labelled", labelled, FEWEST)


def features(model, images, *, label=None, seed: int = 0) -> np.ndarray:
    """The codes of images, as features for a classifier, a search or a map of your own.

    Args:
        model: a trained `tfgen.Model` with an encoder.
        images: [N, H, W, C], uint8 in 0..255, bool, or float in [0, 1], or another form that is unambiguous.
        label: for conditional models, the number or name of a class, or N of them; by default the class of each image
            under which its ELBO is highest.
        seed: the seed of the draws in that ELBO.

    Returns:
        float32 [N, Z]: the posterior's means; its logits where the code is discrete; under a flow the image of zero
        noise.

    Raises:
        TypeError, ValueError: images or label of another kind or shape, or a model without an encoder.
    """
    from tfgen.tasks.common import abilities, codes

    abilities.chosen(model, ASKS, None, "features")
    array = inputs.image_array(images, model.image_shape)
    if label is not None and not model.conditional:
        raise TypeError(f"{model.entry} is not conditional and takes no label, got {label!r}")
    told = None if label is None else inputs.labels(label, len(array), model.class_names, model.entry)
    return codes.of(model, array, label=told, seed=seed)


def _parts(job: Job, labelled: int | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images and labels to train the classifiers on, to choose their settings on, and to test them on."""
    dataset = job.dataset
    if len(dataset.classes) < 2:
        has = f"only the class {dataset.classes[0]}" if dataset.classes else "none"
        raise ValueError(f"features needs the class of each image, and {dataset.name} has {has}")
    count = job.count(dataset.test, TEST, FEWEST)
    there = len(dataset.train.images)
    for split in (dataset.train, dataset.validation):
        if len(split.images) < FEWEST:
            raise ValueError(f"features needs at least {FEWEST} images, and {split.name} has {len(split.images)}")
    if labelled is not None and labelled > there:
        raise ValueError(f"labelled must lie in {FEWEST}..{there}, got {labelled}")
    chosen = first(dataset.train, labelled or min(TRAIN, there))
    if len(np.unique(chosen[1])) < 2:
        raise ValueError(f"the first {len(chosen[1])} images of {dataset.train.name} are of one class; label more")
    return [chosen, first(dataset.validation, VALIDATION), first(dataset.test, count)]


def _pixels(images) -> np.ndarray:
    from tfgen.evaluation.images import as_float

    return flat(as_float(images))


def _maps(codes, pixels, labels, names, title: str, job: Job):
    from tfgen.tasks.common import drawings, probes

    shown = slice(MAPPED)
    panels = {
        "codes: principal components": lambda: probes.principal([codes[shown]], 2, job.seed)[0],
        "codes: t-SNE": lambda: probes.map_of(codes[shown], job.seed),
        "pixels: t-SNE": lambda: probes.map_of(pixels[shown], job.seed),
    }
    points = {name: make() for name, make in job.track(list(panels.items()), "maps")}
    return drawings.maps(points, labels[shown], names, title)
