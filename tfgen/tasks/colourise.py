"""`colourise`: which colours did a grey image have?

Grey images are the luminance of colour ones. Method: `completer`, a model that was trained to make colour images of
grey ones, several draws of each: there is more than one answer. Baselines: the grey image itself; the mean colour of
the training images at each place; the colours of the nearest training image by grey levels. The error is the distance
of colours in Lab (CIE 1976, scikit-image), on average over the pixels; where a method draws, that of the mean of its
draws and that of the best of them.
"""

from pathlib import Path

import numpy as np

from tfgen import checks
from tfgen.tasks.common import restoring
from tfgen.tasks.common.job import Job, first
from tfgen.tasks.common.result import BASELINE, MODEL, Result, means

__all__ = ["colourise"]

ASKS = {"completer": ("complete",)}
TEST = 200  # images
SHOWN = 8  # images that are drawn
METRICS = {
    "delta_e": "mean distance in Lab of the colours of an image's pixels, where about 2 is just seen; lower is better",
    "best_draw": "the same of the best of the draws of an image",
}


def run(job: Job, *, draws: int = 10, train: bool = False, completer: Path | None = None) -> Result:
    """Removes the colour from test images, predicts colours for them, and measures how far they are from the true ones.

    Args:
        draws: how many images the completer draws for each image.
        train: trains a completer of grey images in runs/completer-DATASET-grey, or resumes or uses the one that is
            there.
        completer: the run of a completer of grey images.
    """
    from tfgen.evaluation.images import as_float
    from tfgen.tasks.common import completing, neighbours

    if job.model.image_shape[-1] != 3:
        raise ValueError(f"colourise needs colour images, and those of {job.model.entry} have one channel")
    model, dataset = completing.of_job(job, damage()), job.to_repair
    count = job.count(dataset.test, TEST)
    image, train_images = as_float(first(dataset.test, count)[0]), dataset.train.images
    grey = _grey(image)
    drawn = completing.draws(model, grey, draws, job.seed, job.track)
    nearest = neighbours.mean(train_images, neighbours.nearest(train_images, grey, 1.0, 1, _grey))
    average = np.mean(as_float(np.asarray(train_images)), 0)[None]
    made = {"mean colour": _with_light(average, grey), "nearest training image": _with_light(nearest, grey)}
    made["grey image"] = np.repeat(grey, 3, -1)
    errors = np.stack([_distances(each, image) for each in drawn])
    ours = {"delta_e": _distances(drawn.mean(0), image), "best_draw": errors.min(0)}
    rows = [
        means("completer", MODEL, ours),
        *(means(name, BASELINE, {"delta_e": _distances(result, image)}) for name, result in made.items()),
    ]
    title = f"{job.model.entry} of {job.own.name}: colours for {dataset.name}"
    columns = {"image": image, "grey": made["grey image"]}
    columns |= {f"draw {number}": each for number, each in enumerate(drawn[:4], 1)}
    columns |= {"mean": drawn.mean(0), "mean colour": made["mean colour"], "nearest": made["nearest training image"]}
    return Result(title, METRICS, rows, _figure(columns, title), {"test_images": count, "draws": draws})


def check(*, draws: int = 10, train=False, completer=None, **_) -> None:
    """Raises TypeError, ValueError for options that are out of range, or where scikit-image is not installed."""
    restoring.need_skimage()
    checks.positive_int("draws", draws)
    if train and completer is not None:
        raise ValueError(f"--train trains a completer and --completer {completer} names one: leave out one of the two")


def damage(**_) -> str:
    """The damage that a completer is trained on."""
    return "grey"


def colourise(model, images, *, seed: int = 0) -> np.ndarray:
    """Draws colours for grey images.

    Args:
        model: a trained completer of grey images.
        images: [N, H, W, 1] or [N, H, W], uint8 in 0..255 or float in [0, 1].
        seed: the seed of the draw; another one gives other colours.

    Returns:
        float32 [N, H, W, 3] in [0, 1], whose luminance is the images'.

    Raises:
        TypeError, ValueError: images of another kind or shape, or a model that makes no colours.
    """
    from tfgen.tasks.common import abilities

    abilities.chosen(model, ASKS, None, "colourise")
    if model.damage.kind != "grey":
        raise ValueError(f"this completer undoes {model.damage.words}, and makes no colours: train one for grey")
    return model.complete(images, seed=seed).numpy()


def _grey(images) -> np.ndarray:
    from tfgen.distributions.damage import LUMINANCE

    return (images @ np.array(LUMINANCE, np.float32))[..., None]


def _with_light(colours, grey) -> np.ndarray:
    """The colours a, b of images, or of one for all, with the lightness of grey images; [N, H, W, 3] in [0, 1]."""
    from skimage import color

    lab = np.array(np.broadcast_to(color.rgb2lab(colours), (*grey.shape[:3], 3)))
    lab[..., 0] = color.rgb2lab(np.repeat(grey, 3, -1))[..., 0]
    return np.stack([_to_rgb(each) for each in lab])


def _to_rgb(lab) -> np.ndarray:
    import warnings

    from skimage import color

    with warnings.catch_warnings():  # a colour that no screen has is moved to the nearest
        warnings.simplefilter("ignore", UserWarning)
        return np.clip(color.lab2rgb(lab), 0, 1)


def _distances(made, image) -> np.ndarray:
    """The mean distance of colours in Lab of images [N, H, W, 3]: [N]."""
    from skimage import color

    return color.deltaE_cie76(color.rgb2lab(made), color.rgb2lab(image)).mean((1, 2))


def _figure(columns: dict, title: str):
    from tfgen import figures

    tiles = np.stack([each[:SHOWN] for each in columns.values()], 1)
    return figures.grid(tiles.reshape(-1, *tiles.shape[2:]), len(columns), title, column_labels=list(columns))
