"""Search over codes: the image of a decoder that is nearest to what is known of an image, by gradient descent.

    z* = argmin  sum_i w_i (G(z)_i - x_i)^2 / 2 s^2  -  log p(z)  [ - logit D(G(z)) where there is a discriminator ]

(Yeh et al. 2017 for GANs; the maximum a posteriori code under normal pixels.) It asks a model for `decode` alone.
"""

import keras
import numpy as np
import tensorflow as tf

from tfgen import inputs
from tfgen.graphs import graph

STEPS, LEARNING_RATE, RESTARTS = 150, 0.05, 3
STDDEV = 0.3  # of a pixel
CHUNK = 250  # images at once


def codes(model, image, weight=None, *, label=None, seed: int = 0, start=None, stddev: float = STDDEV, steps=STEPS):
    """The codes whose images are nearest to images, of a search from each of several starts.

    Args:
        model: a `tfgen.Model`.
        image: float32 [B, H, W, C] in [0, 1].
        weight: of each pixel, broadcast to the images; 1 by default, 0 where a pixel is not known.
        label: [B], for conditional models.
        seed: of the codes of the prior that the search starts from.
        start: [B, Z], codes to start from instead, once.
        stddev: of a pixel: the smaller, the less the prior counts.
        steps: of Adam.

    Returns:
        (codes [B, Z], the least sum of weighted squared errors [B]).
    """
    image = np.asarray(image, np.float32)
    weight = np.broadcast_to(np.float32(1) if weight is None else np.asarray(weight, np.float32), image.shape)
    found, errors = [], []
    for first in range(0, len(image), CHUNK):
        part = slice(first, first + CHUNK)
        condition = {} if label is None else {"label": tf.constant(label[part])}
        count = len(image[part])
        if start is None:
            rows = inputs.row_seeds(seed, RESTARTS * len(image)).reshape(RESTARTS, -1)
            draws = [rows[turn, part] for turn in range(RESTARTS)]
            starts = [model.draw_prior(tf.constant(draw)) for draw in draws]
        else:
            starts = [tf.constant(start[part])]
        step, state = _descent(model, tf.constant(image[part]), tf.constant(weight[part]), condition, stddev, count)
        tries = [_run(step, state, origin, steps) for origin in starts]
        losses, errors_of, latents = (np.stack(values) for values in zip(*tries, strict=True))
        best = losses.argmin(0), np.arange(count)
        found.append(latents[best])
        errors.append(errors_of[best])
    return np.concatenate(found), np.concatenate(errors)


def residual(model, image, *, label=None, seed: int = 0) -> np.ndarray:
    """The squared error [N] of the nearest image that the decoder makes."""
    return codes(model, image, label=label, seed=seed)[1]


def _descent(model, image, weight, condition, stddev: float, count: int):
    """A compiled step of the search over a variable of codes."""
    latent = tf.Variable(tf.zeros([count, model.latent_dim]))
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    optimizer.build([latent])
    judges = "discriminate" in model.signatures()

    @graph
    def terms():
        made = model.image_mean(latent, **condition)
        error = tf.reduce_sum(weight * (made - image) ** 2, [1, 2, 3])
        loss = error / (2 * stddev**2) - model.prior.log_prob(latent)
        return (loss - model.logit(made) if judges else loss), error

    @graph
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(terms()[0])
        optimizer.apply([tape.gradient(loss, latent)])

    return step, (latent, optimizer, terms)


def _run(step, state, origin, steps: int):
    latent, optimizer, terms = state
    latent.assign(origin)
    for variable in optimizer.variables:
        if variable is not optimizer.learning_rate:
            variable.assign(tf.zeros_like(variable))
    for _ in range(steps):
        step()
    loss, error = terms()
    return loss.numpy(), error.numpy(), latent.numpy()
