"""`superres`: what does a small image look like when it is large?

Small images are the means of blocks of K x K pixels. Method: `completer`, a model that was trained to make whole images
of small ones, the mean of several draws, and one of them. Baselines: bicubic interpolation (scikit-image), and the mean
of the training images whose small images are nearest. Beside PSNR and SSIM stands how often a classifier of the data
set, which was trained on real images, recognises the class; the loss beside real images is what an enlargement costs.
"""

from pathlib import Path

import numpy as np

from tfgen import checks
from tfgen.tasks.common import restoring
from tfgen.tasks.common.job import Job, first
from tfgen.tasks.common.result import BASELINE, MODEL, Result, Row, means

__all__ = ["superres"]

ASKS = {"completer": ("complete",)}
FACTORS = (2, 4)
TEST, VALIDATION = 1000, 200  # images
SHOWN = 8  # images that are drawn


def run(job: Job, *, factor: int = 4, draws: int = 10, train: bool = False, completer: Path | None = None) -> Result:
    """Makes test images small and enlarges them again, and measures how near the results are to the original images.

    Args:
        factor: how many times smaller, 2 or 4.
        draws: how many images a completer draws for each image; its answer is their mean.
        train: trains a completer for this factor in runs/completer-DATASET-blocks-FACTOR, or resumes or uses the one
            that is available.
        completer: the run of a completer for this factor.
    """
    from tfgen.evaluation.images import as_float
    from tfgen.tasks.common import completing, neighbours

    model, dataset = completing.of_job(job, damage(factor=factor)), job.to_repair
    count = job.count(dataset.test, TEST)
    train_images = dataset.train.images
    (grey, labels), (chosen_on, _) = first(dataset.test, count), first(dataset.validation, VALIDATION)
    image, validation = as_float(grey), as_float(chosen_on)
    small = _small(image, factor)
    drawn = completing.draws(model, small, draws, job.seed, job.track)
    known = lambda images: _small(images, factor)  # noqa: E731
    most = min(max(neighbours.COUNTS), len(train_images))
    rows = neighbours.nearest(train_images, known(validation), 1.0, most, known)
    best = neighbours.chosen(train_images, rows, lambda made: -restoring.psnr(made, validation).mean())
    nearest = neighbours.mean(train_images, neighbours.nearest(train_images, small, 1.0, best, known))
    made = {
        "completer, mean of draws": (MODEL, "", drawn.mean(0)),
        "completer, one draw": (MODEL, "", drawn[0]),
        "bicubic": (BASELINE, "", _bicubic(small, image.shape)),
        "nearest training images": (BASELINE, f"{best} of {len(train_images):,}", nearest),
    }
    accuracy = _accuracy(job, labels)
    rows = []
    for name, (kind, setting, result) in made.items():
        found = means(name, kind, restoring.measures(result, image), setting=setting)
        rows.append(Row(name, kind, found.values | accuracy(result), setting))
    rows.append(Row("real images", BASELINE, accuracy(image)))
    metrics = restoring.METRICS | {"accuracy": "share of images whose class a classifier of real images recognises"}
    title = f"{job.model.entry} of {job.own.name}: x{factor} enlargement of {dataset.name}"
    notes = () if rows[-1].values else (f"No classifier ships for {dataset.name}: the accuracy is left out.",)
    figure = _figure(image, small, factor, [*drawn[:3]], {name: each for name, (_, _, each) in made.items()}, title)
    return Result(title, metrics, rows, figure, {"test_images": count, "factor": factor, "draws": draws}, notes)


def check(*, factor: int = 4, draws: int = 10, train=False, completer=None, **_) -> None:
    """Raises TypeError, ValueError for options that are out of range, or where scikit-image is not installed."""
    restoring.need_skimage()
    if factor not in FACTORS:
        raise ValueError(f"factor must be one of {', '.join(map(str, FACTORS))}, got {factor}")
    checks.positive_int("draws", draws)
    if train and completer is not None:
        raise ValueError(f"--train trains a completer and --completer {completer} names one: leave out one of the two")


def damage(*, factor: int = 4, **_) -> str:
    """The damage that a completer for a factor is trained on."""
    return f"blocks:{factor}"


def superres(model, images, *, draws: int = 10, seed: int = 0) -> np.ndarray:
    """Enlarges images.

    Args:
        model: a trained completer of block means.
        images: [N, H / K, W / K, C], uint8 in 0..255 or float in [0, 1].
        draws: how many images are drawn; the answer is their mean. 1 gives an image that is sharp and may be wrong.
        seed: the seed of the draws.

    Returns:
        float32 [N, H, W, C] in [0, 1], whose block means are the images.

    Raises:
        TypeError, ValueError: images of another kind or shape, or a model that does not enlarge.
    """
    from tfgen.tasks.common import abilities, completing

    abilities.chosen(model, ASKS, None, "superres")
    if model.damage.kind != "blocks":
        raise ValueError(f"this completer undoes {model.damage.words}, and enlarges nothing: train one for blocks:4")
    return completing.expected(model, images, checks.positive_int("draws", draws), seed)


def _small(images, factor: int) -> np.ndarray:
    """The means of K x K pixels of images [N, H, W, C]."""
    count, height, width, channels = images.shape
    return images.reshape(count, height // factor, factor, width // factor, factor, channels).mean((2, 4))


def _bicubic(small, shape) -> np.ndarray:
    from skimage.transform import resize

    return np.clip([resize(each, shape[1:], order=3) for each in small], 0, 1).astype(np.float32)


def _accuracy(job: Job, labels):
    """A function from images to {"accuracy": (share, standard error)}; to {} where there is no classifier."""
    compared = job.classifier(job.to_repair)

    def found(images) -> dict:
        if compared is None:
            return {}
        _, probabilities = compared.of(np.clip(images, 0, 1).astype(np.float32))
        if probabilities is None:
            return {}
        right = probabilities.argmax(1) == labels
        return {"accuracy": (float(right.mean()), float(right.std(ddof=1) / np.sqrt(len(right))))}

    return found


def _figure(image, small, factor: int, drawn, made: dict, title: str):
    from tfgen import figures

    large = np.repeat(np.repeat(small, factor, 1), factor, 2)
    columns = {"image": image, "small": large} | {f"draw {number}": each for number, each in enumerate(drawn, 1)}
    columns |= {"mean": made["completer, mean of draws"], "bicubic": made["bicubic"]}
    columns |= {"nearest": made["nearest training images"]}
    tiles = np.stack([each[:SHOWN] for each in columns.values()], 1).reshape(-1, *image.shape[1:])
    return figures.grid(tiles, len(columns), title, column_labels=list(columns))
