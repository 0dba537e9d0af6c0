"""How strange a model finds an image: scores [N] of images [N, H, W, C], the higher the stranger.

elbo            -ELBO, one sample of z per image; nats
likelihood      -log p(x), the importance-weighted bound with K samples; nats
regret          the ELBO that an image's own best posterior would have, minus the encoder's (Xiao, Yan and Amit 2020);
                nats. Its mean and stddev are optimised, from the encoder's on; the decoder stays
complexity      -log p(x) minus the length of the image as a PNG file (Serra et al. 2020); bits
reconstruction  squared error of the reconstruction, |x' - x|^2
relative        |x' - x|^2 / sum of x: an image with much ink has more of it to get wrong
search          squared error of the best image that the decoder can make (AnoGAN's residual, Schlegl et al. 2017)
discriminator   minus the logit of the discriminator, which takes strange images for generated ones

Likelihoods see images as they are tested on, binarised by bernoulli. A conditional model is told the class under which
its ELBO is highest.
"""

import functools
import io
import math

import keras
import numpy as np
import tensorflow as tf

from tfgen import inputs, seeds
from tfgen.evaluation.images import as_float
from tfgen.graphs import graph
from tfgen.tasks.common import search
from tfgen.tasks.common.job import flat

CHUNK = 500  # images at once
STEPS, LEARNING_RATE, DRAWS = 150, 0.05, 32  # of the regret: Adam's, and samples of z of each ELBO
BYTE = 8  # bits
LEAST = 1.0  # ink of an image, by which a relative error is divided: an empty one has none


def all_of(model, images, names, *, k: int = 100, seed: int = 0, track=lambda loop, name: loop) -> dict:
    """Some scores of images.

    Args:
        model: a trained `tfgen.Model` that can be asked for them.
        images: [N, H, W, C], uint8, bool, or float in [0, 1].
        names: of the scores.
        k: importance samples per image of the likelihood.
        seed: of all that is drawn.
        track: wraps a loop over scores.

    Returns:
        name -> float64 [N].
    """
    seen, rows = model.pixels.held_out(images), inputs.row_seeds(seed, len(images))
    label = likeliest(model, seen, rows) if model.conditional else None
    score = model.signatures().get("score")
    drawn = {"k": k, "seed": rows} if score and "seed" in score.inputs else {}  # an exact likelihood needs none
    residual = functools.cache(lambda: _residual(model, as_float(images), label))
    likelihood = functools.cache(lambda: -np.asarray(model.log_likelihood(seen, label=label, **drawn)))
    found = {
        "elbo": lambda: -np.asarray(model.elbo(seen, label=label, seed=rows)),
        "likelihood": likelihood,
        "regret": lambda: regret(model, seen, label, seed),
        "complexity": lambda: likelihood() / math.log(2) - png_bits(seen),
        "reconstruction": residual,
        "relative": lambda: residual() / np.maximum(flat(as_float(images)).sum(1), LEAST),
        "search": lambda: search.residual(model, as_float(images), label=label, seed=seed),
        "discriminator": lambda: -np.asarray(model.discriminate(as_float(images))),
    }
    return {name: np.asarray(found[name](), np.float64) for name in track(list(names), "scores")}


def regret(model, seen, label=None, seed: int = 0, steps: int = STEPS) -> np.ndarray:
    """Likelihood regret [N] >= 0 but for rounding, nats: the ELBO under the best normal q(z) minus the encoder's.

    Args:
        model: a `Variational` model with the posterior's mean and stddev.
        seen: images [N, H, W, C] as the likelihood sees them.
        label: [N] for conditional models.
        seed: of the noise; both ELBOs have the same.
        steps: of Adam.
    """
    parts = []
    for start in range(0, len(seen), CHUNK):
        part = tf.constant(as_float(seen[start : start + CHUNK]))
        condition = {} if label is None else {"label": tf.constant(label[start : start + CHUNK])}
        parts.append(_regret_of(model, part, condition, tf.constant([seed, start], tf.int32), steps))
    return np.concatenate(parts)


def _regret_of(model, image, condition, seed, steps: int) -> np.ndarray:
    posterior = model.posterior(image, **condition)
    mean, stddev = posterior.mean(), posterior.stddev()  # [B, Z]
    code = tf.Variable(tf.concat([mean, tf.math.log(stddev)], -1))
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    optimizer.build([code])

    @graph
    def bound(code, noise):  # the ELBO [B] of q(z) = N(mean, stddev^2) under noise [L, B, Z]
        mean, log_stddev = tf.split(code, 2, -1)
        latent = mean + tf.exp(log_stddev) * noise
        log_joint = model.likelihood(latent, **condition).log_prob(image) + model.prior.log_prob(latent)
        return tf.reduce_mean(log_joint, 0) + tf.reduce_sum(log_stddev, -1)  # the entropy, but for a constant

    @graph
    def step(noise):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_sum(bound(code, noise))
        optimizer.apply([tape.gradient(loss, code)])

    evaluated = seeds.normal([DRAWS, *mean.shape], seed)
    before = bound(code, evaluated)
    for number in range(steps):
        step(seeds.normal([1, *mean.shape], tf.stack([seed[0] + 1 + number, seed[1]])))
    return (tf.maximum(bound(code, evaluated), before) - before).numpy()  # the encoder's own is a candidate too


def png_bits(images) -> np.ndarray:
    """The length of each image [N, H, W, C] as an optimised PNG file, in bits; binary images have one bit a pixel."""
    from PIL import Image

    def length(image) -> int:
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", optimize=True)
        return BYTE * len(file.getvalue())

    array = np.asarray(images)
    if array.dtype != np.bool_:
        array = np.rint(255 * as_float(array)).astype(np.uint8)
    return np.array([length(image) for image in array], np.float64)


def _residual(model, image, label) -> np.ndarray:
    parts = []
    for start in range(0, len(image), CHUNK):
        part = image[start : start + CHUNK]
        told = {} if label is None else {"label": label[start : start + CHUNK]}
        parts.append(np.sum((np.asarray(model.reconstruct(part, **told)) - part) ** 2, axis=(1, 2, 3)))
    return np.concatenate(parts)


def likeliest(model, seen, rows) -> np.ndarray:
    """The class of each image under which its ELBO, or exact likelihood, is highest, int64 [N].

    A model that has neither tells the class by `classify`.
    """
    can = model.signatures()
    if "score" not in can:
        return np.asarray(model.classify(seen)).argmax(1)
    bounded = "elbo" in can["score"].outputs
    bound = functools.partial(model.elbo, seed=rows) if bounded else model.log_likelihood
    return np.argmax([np.asarray(bound(seen, label=label)) for label in range(len(model.class_names))], 0)
