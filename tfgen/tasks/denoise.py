"""`denoise`: what did an image look like before there was noise in it?

Methods: `completer`, a model that was trained to take noise away, the mean of several draws; `projection`, the image of
a trained model that is nearest to the noisy one, by gradient descent over its codes (`tfgen.tasks.common.search`), from
the encoder's code where there is one. Baselines: median and Gaussian filter, non-local means and total
variation (Chambolle 2004), of scikit-image. Settings are those with the highest PSNR on validation images, for each
level of noise by itself.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from tfgen import checks, inputs
from tfgen.tasks.common import restoring
from tfgen.tasks.common.job import Job, first
from tfgen.tasks.common.result import BASELINE, MODEL, Result, means

__all__ = ["denoise"]

ASKS = {"completer": ("complete",), "projection": ("decode",)}
Method = Literal["completer", "projection"]
Noise = Literal["gaussian", "salt"]
LEVELS = (0.1, 0.3, 0.5)
LARGEST = {"gaussian": 2.0, "salt": 1.0}  # level
TEST, VALIDATION = 200, 50  # images; settings are chosen on so few because each is tried on all of them
STDDEVS = (0.1, 0.2, 0.4, 0.8)  # of a pixel, in the search
SHOWN = 6  # images of a level that are drawn


def run(
    job: Job,
    *,
    noise: Noise = "gaussian",
    levels: tuple[float, ...] = LEVELS,
    draws: int = 10,
    train: bool = False,
    completer: Path | None = None,
) -> Result:
    """Adds noise to test images, removes it, and measures how near the results are to the original images.

    Args:
        noise: gaussian (the noisy image is clipped to [0, 1]) or salt (some pixels become black or white).
        levels: standard deviations of gaussian noise, or shares of pixels.
        draws: how many images a completer draws for each image; its answer is their mean.
        train: trains a completer for these levels in runs/completer-DATASET-NOISE, or resumes or uses the one that is
            there.
        completer: the run of a completer for these levels, to measure as well.
    """
    from tfgen.evaluation.images import as_float
    from tfgen.tasks.common import abilities, completing

    undoing = completing.of_job(job, damage(noise=noise, levels=levels))
    dataset, projects = job.to_repair, "projection" in abilities.methods(job.model, ASKS)
    if projects:
        job.check_labels(dataset)
    count = job.count(dataset.test, TEST)
    (grey, labels), (chosen_on, chosen_labels) = first(dataset.test, count), first(dataset.validation, VALIDATION)
    image, validation = as_float(grey), as_float(chosen_on)
    told = (labels, chosen_labels) if job.needs_labels else (None, None)
    rows, tiles = [], []
    for level in job.track(levels, f"{noise} noise"):
        group, words = f"{noise} {level:g}", f"{noise}:{level:g}"
        noisy, choosing = _damaged(words, image, job.seed), _damaged(words, validation, job.seed + 1)
        made = {}
        if undoing is not None:
            made["completer"] = MODEL, "", completing.expected(undoing, noisy, draws, job.seed)
        if projects:
            stddev = max(
                STDDEVS,
                key=lambda each: restoring.psnr(
                    _projected(job.model, choosing, told[1], each, job.seed), validation
                ).mean(),
            )
            projected = _projected(job.model, noisy, told[0], stddev, job.seed)
            made["projection"] = MODEL, f"stddev {stddev}", projected
        for name, settings in restoring.filters(_sigma(noise, level)).items():
            setting = restoring.best(settings, choosing, validation)
            made[name] = BASELINE, setting, restoring.filtered(settings[setting], noisy)
        made["noisy image"] = BASELINE, "", noisy
        rows += [
            means(name, kind, restoring.measures(result, image), setting=setting, group=group)
            for name, (kind, setting, result) in made.items()
        ]
        tiles.append({"image": image, "noisy": noisy} | {name: result for name, (_, _, result) in made.items()})
    title = f"{job.model.entry} of {job.own.name}: {noise} noise on {dataset.name}"
    conditions = {"test_images": count, "validation_images": len(validation), "draws": draws}
    return Result(title, restoring.METRICS, rows, _figure(tiles, title), conditions)


def check(*, noise: str = "gaussian", levels=LEVELS, draws: int = 10, train=False, completer=None, **_) -> None:
    """Raises TypeError, ValueError for options that are out of range, or where scikit-image is not installed."""
    restoring.need_skimage()
    checks.one_of("noise", noise, LARGEST)
    if not levels:
        raise ValueError("levels must name a level of noise at least, got none")
    for level in levels:
        checks.above_zero("levels", level)
        checks.in_range("levels", level, 0, LARGEST[noise])
    checks.positive_int("draws", draws)
    if train and completer is not None:
        raise ValueError(f"--train trains a completer and --completer {completer} names one: leave out one of the two")


def damage(*, noise: Noise = "gaussian", levels=LEVELS, **_) -> str:
    """The damage that a completer for some levels is trained on: all between the lowest and the highest."""
    low, high = min(levels), max(levels)
    return f"{noise}:{low:g}" if low == high else f"{noise}:{low:g}-{high:g}"


def denoise(
    model, images, *, label=None, method: Method | None = None, draws: int = 10, stddev: float = 0.2, seed: int = 0
):
    """Removes the noise from images.

    Args:
        model: a trained completer of noisy images, or any `tfgen.Model` with codes.
        images: [N, H, W, C], uint8 in 0..255 or float in [0, 1], or another form that is unambiguous.
        label: for conditional models, the number or name of a class, or N of them.
        method: "completer" or "projection"; by default the first that the model can do.
        draws: how many images a completer draws; the answer is their mean.
        stddev: for projection, the stddev of the noise of a pixel. The larger it is, the more an image is drawn to what
            the prior expects.
        seed: the seed of everything that is drawn.

    Returns:
        float32 [N, H, W, C] in [0, 1].

    Raises:
        TypeError, ValueError: images or label of another kind or shape, or a method that the model cannot do.
    """
    from tfgen.tasks.common import abilities, completing

    method = abilities.chosen(model, ASKS, method, "denoise")
    image = inputs.images(images, model.image_shape)
    if not model.conditional and label is not None:
        raise TypeError(f"{model.entry} is not conditional and takes no label, got {label!r}")
    if method == "completer":
        if model.damage.kind not in LARGEST:
            raise ValueError(
                f"this completer undoes {model.damage.words}, which is not noise: train one for gaussian:S"
            )
        return completing.expected(model, image, checks.positive_int("draws", draws), seed)
    told = inputs.labels(label, len(image), model.class_names, model.entry) if model.conditional else None
    return _projected(model, image, told, checks.above_zero("stddev", stddev), seed)


def _damaged(words: str, image, seed: int) -> np.ndarray:
    import tensorflow as tf

    from tfgen.distributions.damage import Damage

    made = Damage(words, image.shape[1:])
    return made(tf.constant(image), made.noise(tf.constant(inputs.row_seeds(seed, len(image))))).numpy()


def _projected(model, image, label, stddev: float, seed: int) -> np.ndarray:
    """The images that the model's decoder makes of the codes nearest to images."""
    from tfgen.tasks.common import search

    told = {} if label is None else {"label": label}
    encode = model.signatures().get("encode")
    start = None
    if encode and "latent_mean" in encode.outputs:
        start = model.encode(image, **told)[0].numpy()
    elif encode and encode.outputs.keys() == {"latent"}:
        start = model.encode(image, **told).numpy()
    codes, _ = search.codes(model, image, stddev=stddev, seed=seed, start=start, label=label)
    return np.asarray(model.decode(codes, **told))


def _sigma(noise: Noise, level: float) -> float:
    """The standard deviation of the noise of a pixel; of salt and pepper on black and white pixels."""
    return level if noise == "gaussian" else float(np.sqrt(level / 2))


def _figure(levels: list[dict], title: str):
    """The first images at each level, a row per image."""
    from tfgen import figures

    shown = max(1, SHOWN // len(levels))
    columns = [name for name in levels[0] if name != "noisy image"]
    tiles = np.concatenate(
        [np.stack([each[name][:shown] for name in columns], 1).reshape(-1, *each["image"].shape[1:]) for each in levels]
    )
    return figures.grid(np.clip(tiles, 0, 1), len(columns), title, column_labels=columns)
