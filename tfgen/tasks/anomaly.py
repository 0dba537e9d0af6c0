"""`anomaly`: which images are unlike those that the model was trained on?

Scores of a model, the higher the stranger (`tfgen.tasks.common.scores`): -ELBO, -log-likelihood, likelihood regret
(Xiao, Yan and Amit 2020), the likelihood corrected by the image's complexity (Serra et al. 2020), the error of the
reconstruction, as it is or relative to the ink, and for GANs the discriminator and AnoGAN's search (Schlegl et al.
2017). Baselines on pixels: PCA, kernel density, one-class SVM, isolation forest. What is reported as the model's answer
is the score with the highest AUROC on validation images. With `--train` each class is the only normal one in turn
(`tfgen.tasks.common.one_class`).
"""

import dataclasses
from typing import Literal

import numpy as np

from tfgen import checks, inputs
from tfgen.tasks.common.job import Job, first, flat
from tfgen.tasks.common.result import BASELINE, MODEL, Result, Row

__all__ = ["anomaly_score", "one_class_model"]

ASKS = {
    "regret": ("score.elbo", "encode.latent_stddev"),
    "reconstruction": ("reconstruct",),
    "relative": ("reconstruct",),
    "search": ("decode",),
    "elbo": ("score.elbo",),
    "likelihood": ("score",),
    "complexity": ("score",),
    "discriminator": ("discriminate",),
}
Score = Literal["regret", "reconstruction", "relative", "search", "elbo", "likelihood", "complexity", "discriminator"]
OTHERS = {"mnist": "fashion_mnist", "fashion_mnist": "mnist"}  # what a data set is tried against by default
TEST, VALIDATION = 2000, 1000  # images of each kind
SHOWN = 40  # pictures of a ranking that are drawn


def run(
    job: Job,
    *,
    against: str | None = None,
    anomalous: tuple[str, ...] = (),
    score: Score | None = None,
    k: int = 100,
    top: int = 20,
    train: bool = False,
    classes: tuple[str, ...] = (),
    steps: int | None = None,
    latent_dim: int | None = None,
) -> Result:
    """Scores images, and measures how well the scores find anomalies; or ranks the pictures of --dataset.

    Args:
        against: a data set whose images are the anomalies; by default fashion_mnist for models of mnist, and mnist for
            models of fashion_mnist.
        anomalous: classes of the data set, by number or name, that are the anomalies. The model must not have seen
            them.
        score: the score to rank by, or the only one to measure. By default a ranking uses the first score that the
            model can give, and a measurement uses all.
        k: importance samples per image for the likelihood.
        top: how many of the strangest files the table lists.
        train: trains a model like this one on the images of each class in turn; the other classes are the anomalies.
            The trained models are kept, and the same command with --to DIR resumes.
        classes: with --train, the classes that are the normal one in turn, by number or name; all by default.
        steps: with --train, the steps of each training; 2,500 by default.
        latent_dim: with --train, dimensions of the code; 12 by default.
    """
    from tfgen.tasks.common import abilities

    if score is not None:
        abilities.chosen(job.model, ASKS, score, "anomaly")
    if train:
        from tfgen.tasks.common import one_class

        names = [score] if score else _quick(abilities.methods(job.model, ASKS))
        return one_class.run(job, names, classes, k, steps, latent_dim)
    if job.source is not None and against is None and not anomalous:
        return _ranked(job, abilities.chosen(job.model, ASKS, score, "anomaly"), k, top)
    names = [score] if score else _worth_trying(abilities.methods(job.model, ASKS))
    return _detected(job, names, against, anomalous, k)


def check(*, against=None, anomalous=(), k: int = 100, top: int = 20, train: bool = False, **of_training) -> None:
    """Raises TypeError, ValueError for options of `run` that contradict one another or are out of range."""
    checks.positive_int("k", k)
    checks.positive_int("top", top)
    for name in ("steps", "latent_dim"):
        if of_training.get(name) is not None:
            checks.positive_int(name, of_training[name])
    if (training_only := [name for name in ("classes", "steps", "latent_dim") if of_training.get(name)]) and not train:
        raise ValueError(f"{training_only[0]} is for --train, which trains a model per class")
    if train and (against is not None or anomalous):
        other = "--anomalous" if anomalous else "--against"
        raise ValueError(f"--train has one class as the normal one and the rest as anomalies, and takes no {other}")
    if against is not None and anomalous:
        raise ValueError("the anomalies are either of another data set, --against, or of some classes, --anomalous")


def anomaly_score(model, images, *, score: Score | None = None, k: int = 100, seed: int = 0) -> np.ndarray:
    """How strange a model finds images.

    Args:
        model: a trained `tfgen.Model`.
        images: [N, H, W, C], uint8 in 0..255, bool, or float in [0, 1], or another form that is unambiguous.
        score: the score; by default likelihood regret, the error of the reconstruction, or of the search, the first
            that the model can give.
        k: importance samples per image for "likelihood" and "complexity".
        seed: the seed of everything that is drawn.

    Returns:
        float64 [N], the higher the stranger.

    Raises:
        TypeError, ValueError: images of another kind or shape, or a score that the model cannot give.
    """
    from tfgen.tasks.common import abilities, scores

    name = abilities.chosen(model, ASKS, score, "anomaly")
    array = inputs.image_array(images, model.image_shape)
    return scores.all_of(model, array, [name], k=checks.positive_int("k", k), seed=seed)[name]


def one_class_model(model, images, *, steps: int | None = None, latent_dim: int | None = None, seed: int = 0):
    """A model like another one, trained on images that are all normal; `anomaly_score` with it finds the others.

    Args:
        model: a `tfgen.Model`, trained or not, whose architecture and recipe are taken.
        images: [N, H, W, C], uint8, at least 20 of them.
        steps: the steps of the training; 2,500 by default.
        latent_dim: dimensions of the code; 12 by default.
        seed: the seed of the initial weights, the order of the images and all noise.

    Returns:
        The trained model; `save_run` keeps it.

    Raises:
        TypeError, ValueError: images of another kind or shape, too few, or a model that learns from labels.
    """
    from tfgen.tasks.common import one_class

    return one_class.of_images(model, inputs.image_array(images, model.image_shape), steps, latent_dim, seed)


def _worth_trying(able: list[str]) -> list[str]:
    """All that a model can do, but the search, which takes long, where it has an encoder."""
    return [name for name in able if name not in ("search", "relative") or "reconstruction" not in able]


def _quick(able: list[str]) -> list[str]:
    """What a model can do on many images in seconds, or the search where that is all."""
    return [name for name in able if name not in ("search", "regret", "likelihood", "complexity")] or able[:1]


def _mark(best: bool, names) -> str:
    return "this score" if best and len(names) > 1 else ""


@dataclasses.dataclass(frozen=True)
class _Kinds:
    """Images of a split: normal ones and anomalies."""

    normal: np.ndarray
    strange: np.ndarray


def _detected(job: Job, names, against, anomalous, k: int) -> Result:
    from tfgen.tasks.common import detection, drawings, scores

    train, validation, test, title, legend = _images(job, against, anomalous)

    def scored(kinds: _Kinds, seed: int) -> dict:
        parts = (
            scores.all_of(job.model, images, names, k=k, seed=job.seed + seed + i, track=job.track)
            for i, images in enumerate((kinds.normal, kinds.strange))
        )
        normal, strange = parts
        return {name: (normal[name], strange[name]) for name in names}

    chosen_on = {name: detection.auroc(*found) for name, found in scored(validation, 0).items()}
    best = max(chosen_on, key=chosen_on.get)
    found = scored(test, 2)
    rows = [
        Row(name, MODEL, detection.measures(*found[name], job.seed), setting=_mark(name == best, names))
        for name in names
    ]
    rows += _baselines(job, train, validation, test)
    notes = []
    if len(names) > 1:
        notes.append(f"The score to report, {best}, has the highest AUROC on validation images, {chosen_on[best]:.3f}.")
    if found.get("likelihood") and detection.auroc(*found["likelihood"]) < 0.5:
        notes.append("The model finds the anomalies more likely than the images that it was trained on: see the guide.")
    figure = drawings.histograms(found, legend, title)
    conditions = {
        "validation": f"{len(validation.normal):,} normal images and {len(validation.strange):,} anomalies",
        "test": f"{len(test.normal):,} normal images and {len(test.strange):,} anomalies",
        "baselines_trained_on": f"{len(train):,} images",
        "k": k,
    }
    details = {"validation_auroc": {name: round(value, 6) for name, value in chosen_on.items()}}
    return Result(title, detection.METRICS, rows, figure, conditions, tuple(notes), details)


def _baselines(job: Job, train, validation: _Kinds, test: _Kinds) -> list[Row]:
    from tfgen.evaluation.images import as_float
    from tfgen.tasks.common import detection, detectors

    train = flat(as_float(train))
    pixels = [[flat(as_float(images)) for images in (kinds.normal, kinds.strange)] for kinds in (validation, test)]
    rows = []
    for name, settings in job.track(list(detectors.DETECTORS.items()), "baselines"):
        fitted = {words: fit(train, job.seed) for words, fit in settings.items()}
        areas = {words: detection.auroc(*map(score, pixels[0])) for words, score in fitted.items()}
        words = max(areas, key=areas.get)
        rows.append(Row(name, BASELINE, detection.measures(*map(fitted[words], pixels[1]), job.seed), setting=words))
    return rows


def _images(job: Job, against, anomalous):
    """Training images of the baselines, validation and test images, a title and the names of both kinds."""
    return _of_classes(job, anomalous) if anomalous else _of_another_set(job, against)


def _of_another_set(job: Job, against):
    from tfgen.tasks.common import detectors

    own, dataset = job.own, job.dataset
    against = against or OTHERS.get(own.name)
    if against is None:
        raise ValueError(
            f"say which images are the anomalies: of --against DATASET, or of the classes --anomalous of {own.name}; "
            "--dataset FOLDER without them ranks the pictures of a folder"
        )
    other = job.load(against)
    if (other.name, other.source) == (dataset.name, dataset.source):
        raise ValueError(f"the anomalies must be of another data set than the normal images, got {against} for both")
    kinds = []
    for part, limit in (("validation", _validation(job)), ("test", job.count(dataset.test, TEST))):
        both = (first(getattr(each, part), limit)[0] for each in (dataset, other))
        kinds.append(_Kinds(*both))
    train, _ = first(own.train, detectors.TRAIN)
    title = f"{job.model.entry} of {own.name}: anomalies of {other.name}"
    return train, *kinds, title, (dataset.name, other.name)


def _of_classes(job: Job, anomalous):
    from tfgen.tasks.common import detectors

    dataset = job.dataset
    if len(dataset.classes) < 2:
        raise ValueError(f"--anomalous names classes, and {dataset.name} has {len(dataset.classes)}")
    values = [int(word) if word.isdigit() and word not in dataset.classes else word for word in anomalous]
    labels = sorted({int(inputs.labels(value, 1, dataset.classes, "anomalous")[0]) for value in values})
    if len(labels) == len(dataset.classes):
        raise ValueError(f"anomalous must leave a class that is normal, got all {len(labels)}")
    kinds = []
    for split, limit in ((dataset.validation, _validation(job)), (dataset.test, job.count(dataset.test, TEST))):
        strange = np.isin(split.labels, labels)
        if strange.all() or not strange.any():
            raise ValueError(f"{split.name} of {dataset.name} has images of one kind alone, normal ones or anomalies")
        rows = (np.flatnonzero(chosen)[:limit] for chosen in (~strange, strange))
        kinds.append(_Kinds(*(np.asarray(split.images[row]) for row in rows)))
    normal = np.flatnonzero(~np.isin(dataset.train.labels, labels))[: detectors.TRAIN]
    classes = ", ".join(dataset.classes[label] for label in labels)
    title = f"{job.model.entry} of {job.own.name}: anomalies are the classes {classes} of {dataset.name}"
    return np.asarray(dataset.train.images[normal]), *kinds, title, ("the other classes", classes)


def _validation(job: Job) -> int:
    """How many validation images of a kind to choose on."""
    return min(VALIDATION, job.images or VALIDATION)


def _ranked(job: Job, score: str, k: int, top: int) -> Result:
    """The images of --dataset, the strangest first, beside the scores of validation images of the model's own."""
    from tfgen import figures
    from tfgen.tasks.common import scores

    images, names = job.pictures()
    reference, _ = first(job.own.validation, VALIDATION)
    values, usual = (
        scores.all_of(job.model, array, [score], k=k, seed=job.seed + i, track=job.track)[score]
        for i, array in enumerate((images, reference))
    )
    rank = np.argsort(-np.nan_to_num(values, nan=np.inf), kind="stable")
    share = [float(np.mean(usual >= value)) for value in values]
    rows = [Row(names[i], MODEL, {"score": (float(values[i]), None), "share": (share[i], None)}) for i in rank[:top]]
    metrics = {
        "score": f"{score}; the higher the stranger",
        "share": f"of {len(usual):,} validation images of {job.own.name} that are at least as strange",
    }
    title = f"{job.model.entry} of {job.own.name}: the strangest of {len(images):,} images of {job.source}"
    figure = figures.grid(images[rank[:SHOWN]], min(8, len(images)), title)
    rare = int(np.sum(np.array(share) < 0.01))
    notes = (f"{rare} of {len(images):,} images are stranger than 99 % of the validation images.",)
    ranking = [{"name": names[i], "score": round(float(values[i]), 5), "share": share[i]} for i in rank]
    return Result(title, metrics, rows, figure, {"images": len(images), "score": score}, notes, {"ranking": ranking})
