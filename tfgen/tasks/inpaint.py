"""`inpaint`: what was in the missing part of an image?

Methods: `completer`, a model that was trained to complete images (Sohn et al. 2015); `chain`, a Markov chain over the
missing pixels by a VAE, Metropolis within Gibbs (Rezende et al. 2014, Mattei and Frellsen 2018;
`tfgen.tasks.common.chain`); `gibbs`, the same without their correction; `search`, the code whose image is nearest to
what is seen, by gradient descent (Yeh et al. 2017; `tfgen.tasks.common.search`). Baseline: the mean
of the nearest training images, by the pixels that are seen. Masks, targets and metric are those of Pyro's tutorial on
conditional VAEs: grey levels, and the cross-entropy summed over the missing pixels; a completer's bound is summed over
the same pixels.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from tfgen import checks, inputs
from tfgen.tasks.common import abilities, masks
from tfgen.tasks.common.job import Job, first
from tfgen.tasks.common.result import BASELINE, MODEL, Result, means

__all__ = ["inpaint"]

_DENSITY = ("score", "decode", "encode", abilities.DENSITY)
ASKS = {"completer": ("complete",), "chain": _DENSITY, "gibbs": _DENSITY, "search": ("decode",)}
Method = Literal["completer", "chain", "gibbs", "search"]
TEST, VALIDATION = 200, 200  # images
SHOWN = 8  # images that are drawn
SMALLEST = 0.01  # predictions lie in SMALLEST..1 - SMALLEST: a pixel that is surely wrong would cost any number of nats
METRICS = {
    "cross_entropy": "nats per image, summed over the missing pixels; lower is better",
    "bound": "-ELBO of the missing pixels, nats per image, of models that have it; lower is better",
    "rmse": "root of the mean squared error of an image's missing pixels; lower is better",
}


def run(
    job: Job,
    *,
    mask: str = "quadrants:1",
    method: Method | None = None,
    completions: int = 5,
    steps: int = 200,
    train: bool = False,
    completer: Path | None = None,
) -> Result:
    """Completes test images, and measures the mean of the completions beside the nearest training images.

    Args:
        mask: which part is missing: quadrants:1, quadrants:2 or quadrants:3, where the number is how many are seen;
            half; random:P, a share of the pixels; or a PNG file of the images' size, white where pixels are missing.
        method: how to complete; by default both chains, or the search for models that cannot run a chain.
        completions: how many completions of each image are drawn; their mean is measured.
        steps: the steps of the chain.
        train: trains a completer for this mask in runs/completer-DATASET-MASK, or resumes or uses the one that is
            there.
        completer: the run of a completer for this mask, to measure as well.
    """
    from tfgen.evaluation.images import as_float
    from tfgen.tasks.common import completing

    by_mask = completing.of_job(job, damage(mask=mask))
    methods = _methods(job, method, by_mask)
    dataset = job.to_repair
    if methods != ["completer"]:
        job.check_labels(dataset)
    count = job.count(dataset.test, TEST)
    masks.of(mask, 1, job.model.image_shape)
    grey, labels = first(dataset.test, count)
    image, missing = as_float(grey), masks.of(mask, count, job.model.image_shape, job.seed)
    told = labels if job.needs_labels else None
    found = {
        name: [
            _completed(
                by_mask if name == "completer" else job.model,
                image,
                missing,
                name,
                told,
                job.seed * completions + turn,
                steps,
            )
            for turn in job.track(range(completions), name)
        ]
        for name in methods
    }
    expected = {name: np.mean([mean for mean, _ in each], 0) for name, each in found.items()}
    made, setting = _neighbours(job, mask, image, missing)
    rows = []
    for name, mean in expected.items():
        bound = {"bound": _bound(by_mask, image, missing, job.seed)} if name == "completer" else {}
        rows.append(means(name, MODEL, _errors(mean, image, missing) | bound))
    rows.append(means("nearest training images", BASELINE, _errors(made, image, missing), setting=setting))
    told_words = "; the model is told the class of each image" if job.needs_labels else ""
    title = f"{job.model.entry} of {job.own.name}: {mask} of {dataset.name}{told_words}"
    figure = _figure(image, missing, [last for _, last in found[methods[0]]], made, title)
    conditions = {"test_images": count, "mask": mask, "completions": completions, "steps": steps}
    return Result(title, METRICS, rows, figure, conditions)


def damage(*, mask: str = "quadrants:1", **_) -> str:
    """The damage that a completer for a mask is trained on; the masks of files are not known to it beforehand."""
    return "holes" if mask.lower().endswith(".png") else mask


def _methods(job: Job, method, by_mask) -> list[str]:
    """The methods to measure: by default the completer where there is one, both chains, or else the search."""
    if method == "completer" and by_mask is not None:
        return [method]
    if method is None and not abilities.methods(job.model, ASKS) and by_mask is not None:
        return ["completer"]
    chosen = abilities.chosen(job.model, ASKS, method, "inpaint")
    if method is not None or chosen == "completer":
        return [chosen]
    able = ["chain", "gibbs"] if chosen == "chain" else [chosen]
    return ["completer", *able] if by_mask is not None else able


def _bound(model, image, missing, seed: int) -> np.ndarray:
    """-ELBO [N] of the missing pixels, nats."""
    hidden = np.where(missing[..., None], np.float32(-1), image)
    return -np.asarray(model.elbo(image, damaged=hidden, seed=seed))


def check(
    *, mask: str = "quadrants:1", completions: int = 5, steps: int = 200, train=False, completer=None, **_
) -> None:
    """Raises TypeError, ValueError for options of `run` that are out of range."""
    masks.check(mask)
    checks.positive_int("completions", completions)
    checks.positive_int("steps", steps, 2)
    if train and completer is not None:
        raise ValueError(f"--train trains a completer and --completer {completer} names one: leave out one of the two")


def inpaint(model, images, mask, *, label=None, method: Method | None = None, steps: int = 200, seed: int = 0):
    """Completes images.

    Args:
        model: a trained `tfgen.Model`.
        images: [N, H, W, C], uint8 in 0..255, bool, or float in [0, 1], or another form that is unambiguous. Their
            values at missing pixels do not matter.
        mask: bool [H, W] or [N, H, W], True where a pixel is missing.
        label: for conditional models, the number or name of a class, or N of them.
        method: "completer", "chain", "gibbs" or "search"; by default the first that the model can do.
        steps: the steps of the chain.
        seed: the seed of everything that is drawn; another one gives another completion.

    Returns:
        float32 [N, H, W, C] in [0, 1]; the pixels that are seen are as they were.

    Raises:
        TypeError, ValueError: images, mask or label of another kind or shape, or a method that the model cannot do.
    """
    method = abilities.chosen(model, ASKS, method, "inpaint")
    image = inputs.images(images, model.image_shape)
    missing = masks.checked(mask, len(image), model.image_shape)
    if not model.conditional and label is not None:
        raise TypeError(f"{model.entry} is not conditional and takes no label, got {label!r}")
    told = inputs.labels(label, len(image), model.class_names, model.entry) if model.conditional else None
    return _completed(model, image, missing, method, told, seed, checks.positive_int("steps", steps, 2))[1]


def _completed(model, image, missing, method: str, label, seed: int, steps: int):
    """What is expected in the place of missing pixels, and one completion, both float32 [N, H, W, C]."""
    from tfgen.tasks.common import chain, search

    if method == "completer":
        made = model.complete(image, missing=missing, seed=seed).numpy()
        return made, made
    image = np.where(missing[..., None], np.float32(0), image)
    if method != "search":
        burn_in = steps if method == "gibbs" else None
        mean, last, _ = chain.run(model, image, missing, label=label, seed=seed, steps=steps, burn_in=burn_in)
        return mean, last
    codes, _ = search.codes(model, image, ~missing[..., None], label=label, seed=seed)
    told = {} if label is None else {"label": label}
    made = np.where(missing[..., None], np.asarray(model.decode(codes, **told)), image)
    return made, made


def _errors(made, image, missing) -> dict:
    """The metrics [N] of images, [N, H, W, C], on the missing pixels."""
    weight = np.broadcast_to(missing[..., None], image.shape)
    sure = np.clip(made.astype(np.float64), SMALLEST, 1 - SMALLEST)
    entropy = -np.sum(weight * (image * np.log(sure) + (1 - image) * np.log1p(-sure)), (1, 2, 3))
    squared = np.sum(weight * (made - image) ** 2, (1, 2, 3)) / np.maximum(1, weight.sum((1, 2, 3)))
    return {"cross_entropy": entropy, "rmse": np.sqrt(squared)}


def _neighbours(job: Job, mask: str, image, missing):
    """The mean of the nearest training images in place of the missing pixels, and how many, chosen on validation."""
    from tfgen.evaluation.images import as_float
    from tfgen.tasks.common import neighbours

    train = job.to_repair.train.images
    grey, _ = first(job.to_repair.validation, VALIDATION)
    validation, hidden = as_float(grey), masks.of(mask, len(grey), job.model.image_shape, job.seed + 1)
    most = min(max(neighbours.COUNTS), len(train))
    rows = neighbours.nearest(train, validation, ~hidden[..., None], most)
    best = neighbours.chosen(train, rows, lambda made: np.mean(_errors(made, validation, hidden)["cross_entropy"]))
    made = neighbours.mean(train, neighbours.nearest(train, image, ~missing[..., None], best))
    return np.where(missing[..., None], made, image), f"{best} of {len(train):,}"


def _figure(image, missing, completions, nearest, title: str):
    from tfgen import figures

    shown = slice(min(SHOWN, len(image)))
    hidden = np.where(missing[..., None], np.float32(np.nan), image)
    columns = {"image": image, "seen": hidden}
    columns |= {f"completion {number}": made for number, made in enumerate(completions, 1)} | {"nearest": nearest}
    tiles = np.stack([each[shown] for each in columns.values()], 1).reshape(-1, *image.shape[1:])
    return figures.grid(tiles, len(columns), title, column_labels=list(columns))
