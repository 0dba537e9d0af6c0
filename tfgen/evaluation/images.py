"""Images and labels as a model takes them, a chunk at a time."""

import dataclasses

import numpy as np

from tfgen.inputs import row_seeds

CHUNK = 1000


def as_float(image: np.ndarray) -> np.ndarray:
    """uint8 in 0..255 or bool as float32 in [0, 1]."""
    image = np.asarray(image)  # of images in a file, which they are read from
    return image.astype(np.float32) / np.float32(255 if image.dtype == np.uint8 else 1)


def held_out(model, split):
    """A split as the model's likelihood sees held-out images, binarised once or as they are; its slices are arrays."""
    return model.pixels.held_out(split.images)


def as_drawn(model, dataset):
    """A data set whose images are as a model draws its own: binarised once, where its pixels are."""

    def drawn(split):
        return dataclasses.replace(split, images=model.pixels.held_out(split.images))

    return dataclasses.replace(dataset, train=drawn(dataset.train), test=drawn(dataset.test))


def chunks(model, labels, size: int = CHUNK) -> list[tuple[slice, dict]]:
    """The rows of each chunk, and what a conditional model is told there: (slice, {"label": [size]} or {})."""
    parts = [slice(start, start + size) for start in range(0, len(labels), size)]
    return [(part, model.condition({"label": labels[part]})) for part in parts]


def samples(model, labels, seed: int = 0, track=lambda loop, name: loop) -> np.ndarray:
    """An image for each of the labels [N], of this class if the model is conditional: [N, H, W, C] in [0, 1]."""
    rows, parts = row_seeds(seed, len(labels)), []
    for part, condition in track(chunks(model, labels), "samples"):
        parts.append(model.sample(len(rows[part]), seed=rows[part], **condition))
    return np.concatenate(parts)
