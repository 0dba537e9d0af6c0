"""The codes of images, one vector an image, whatever kind of encoder a model has."""

import math

import numpy as np
import tensorflow as tf

from tfgen.distributions import categorical
from tfgen.evaluation.images import as_float, chunks
from tfgen.graphs import graph
from tfgen.inputs import row_seeds
from tfgen.tasks.common import scores
from tfgen.training import loop

CHUNK_NUMBERS = 200_000  # in the images that are decoded at once


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
    label = _labels(model, images, label, seed)
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


def decodable(model, images, label=None, seed: int = 0) -> np.ndarray:
    """The codes that stand for images, as `decode` takes them: those of `of`, but that discrete ones are one-hot."""
    label = _labels(model, images, label, seed)
    encode = graph(model.code)
    parts = [encode(tf.constant(as_float(images[part])), **told) for part, told in chunks(model, label)]
    return np.concatenate(parts).astype(np.float32)


def drawn(model, count: int, seed: int = 0) -> np.ndarray:
    """Codes drawn from the prior, [count, Z]."""
    return np.asarray(model.draw_prior(tf.constant(row_seeds(seed, count))), np.float32)


def decoded(model, codes, label=None) -> np.ndarray:
    """The images of codes [N, Z], float32 [N, H, W, C]; of a discrete code, of the nearest one-hot one."""
    encode = model.signatures().get("encode")
    if encode is not None and "logits" in encode.outputs:
        codes = categorical.one_hot(tf.reshape(tf.constant(codes, tf.float32), [len(codes), *model.sizes]))
    label = np.zeros(len(codes), np.int64) if label is None else label
    size = max(1, CHUNK_NUMBERS // math.prod(model.image_shape))
    return np.concatenate([model.decode(codes[part], **told) for part, told in chunks(model, label, size)])


def _labels(model, images, label, seed: int):
    """The labels that a conditional model is told, or zeros that no other model reads."""
    if label is not None:
        return label
    if model.conditional:
        return scores.likeliest(model, model.pixels.held_out(images), row_seeds(seed, len(images)))
    return np.zeros(len(images), np.int64)
