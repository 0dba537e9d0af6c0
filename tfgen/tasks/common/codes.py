"""The codes of images, one vector an image, whatever kind of encoder a model has."""

import numpy as np
import tensorflow as tf

from tfgen.evaluation.images import as_float, chunks
from tfgen.inputs import row_seeds
from tfgen.tasks.common import scores
from tfgen.training import loop


def of(model, images, *, label=None, seed: int = 0) -> np.ndarray:
    """The codes of images, float32 [N, Z].

    Args:
        model: a `tfgen.Model` with the signature `encode`.
        images: [N, H, W, C], uint8, bool, or float in [0, 1], encoded as they are, not binarised.
        label: int [N], for conditional models; by default the class under which an image's ELBO is highest.
        seed: of the draws of that ELBO.

    Returns:
        What `encode` answers first: the posterior's mean, or the logits of a discrete one. Where it draws, under a
        flow, the code that stands for an image in its place, `Model.code`.
    """
    if model.conditional and label is None:
        label = scores.likeliest(model, model.pixels.held_out(images), row_seeds(seed, len(images)))
    label = np.zeros(len(images), np.int64) if label is None else label
    draws = "seed" in model.signatures()["encode"].inputs
    parts = []
    for part, condition in chunks(model, label):
        image = as_float(images[part])
        found = model.code(tf.constant(image), **condition) if draws else model.encode(image, **condition)
        parts.append(np.asarray(found[0] if isinstance(found, tuple) else found, np.float32))
    return np.concatenate(parts)


def untrained(model, seed: int):
    """A model like this one with fresh weights of a seed. It sets the seeds of Keras, NumPy and TensorFlow."""
    loop.set_initial_seed(seed)
    return type(model).from_config(model.get_config())
