"""The evaluation protocol: -ELBO, rate and distortion of images binarised once, in nats per image."""

import numpy as np

from tfgen import seeds

CHUNK = 1000


def means(model, image: np.ndarray, labels: np.ndarray, seed: int = 0) -> dict[str, float]:
    """The means over images of what `model.validation_terms` computes, each image with its own row seed.

    Args:
        model: a `tfgen.Model` that has `validation_terms(image, rows)`.
        image: bool, uint8 or float [N, 28, 28, 1].
        labels: [N], for conditional models.
        seed: the integer seed of the rows.

    Returns:
        Name -> mean, for likelihood models "neg_elbo", "rate" and "distortion", nats per image.
    """
    rows = seeds.row_seeds(seed, len(image))
    totals: dict[str, float] = {}
    for start in range(0, len(image), CHUNK):
        part = slice(start, start + CHUNK)
        given = {"digit": labels[part]} if model.conditional else {}
        terms = model.validation_terms(as_float(image[part]), rows[part], **given)
        for name, values in terms.items():
            totals[name] = totals.get(name, 0.0) + float(np.sum(values, dtype=np.float64))
    return {name: total / len(image) for name, total in totals.items()}


def codes(model, split) -> np.ndarray:
    """The codes that stand for a split's images, [N, Z]: the posterior's means where it is normal."""
    images = as_float(held_out(model, split))
    parts = []
    for start in range(0, len(images), CHUNK):
        given = {"digit": split.labels[start : start + CHUNK]} if model.conditional else {}
        parts.append(np.asarray(model.centre(images[start : start + CHUNK], **given)))
    return np.concatenate(parts)


def report(model, dataset) -> dict[str, float]:
    """The metrics of the test split under the protocol, as `test_NAME`."""
    terms = means(model, held_out(model, dataset.test), dataset.test.labels)
    return {f"test_{name}": round(value, 4) for name, value in terms.items()}


def as_float(image: np.ndarray) -> np.ndarray:
    """uint8 in 0..255 or bool as float32 in [0, 1]."""
    return image.astype(np.float32) / np.float32(255 if image.dtype == np.uint8 else 1)


def held_out(model, split) -> np.ndarray:
    """A split as the model sees its data: binarised once for a binary model, grey for others."""
    return split.binarised() if model.binary else split.images
