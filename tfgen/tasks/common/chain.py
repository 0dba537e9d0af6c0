"""Markov chains over the missing pixels of images, by a VAE.

    z' ~ q(z | x_seen, x_missing),   x_missing ~ p(x_missing | z)

Without a correction (pseudo-Gibbs: Rezende, Mohamed and Wierstra 2014, appendix F) the chain is right only where q is
the true posterior. Metropolis within Gibbs (Mattei and Frellsen 2018, algorithm 1) accepts z' with probability

    min(1, p(x, z') q(z | x) / (p(x, z) q(z' | x)))

and converges to p(x_missing | x_seen). The chain begins at an image of the prior, with steps of the former, as they
advise: at first the missing pixels and the seen ones do not fit, and hardly any proposal would be accepted.
"""

import numpy as np
import tensorflow as tf

from tfgen import seeds
from tfgen.graphs import graph

ROWS = 1000  # images at once


def run(model, image, missing, *, label=None, seed: int = 0, steps: int = 200, burn_in: int | None = None):
    """Completes images, each by a chain of its own.

    Args:
        model: a `Variational` model whose posterior has a density.
        image: float32 [N, H, W, C] in [0, 1].
        missing: bool [N, H, W].
        label: [N], for conditional models.
        seed: of all that is drawn.
        steps: of the chain.
        burn_in: the first steps, which are not corrected; half of them by default, all for pseudo-Gibbs.

    Returns:
        (the mean image over the second half of the steps, the mean image of the last code, both [N, H, W, C] in [0, 1]
        with the seen pixels as they are; the share of proposals accepted).
    """
    parts, burn_in = [], steps // 2 if burn_in is None else burn_in
    for start in range(0, len(image), ROWS):
        part = slice(start, start + ROWS)
        condition = {} if label is None else {"label": tf.constant(label[part])}
        parts.append(_part(model, image[part], missing[part], condition, (seed, start), steps, burn_in))
    means, lasts, accepted = zip(*parts, strict=True)
    return np.concatenate(means), np.concatenate(lasts), float(np.mean(np.concatenate(accepted)))


def _part(model, image, missing, condition, seed, steps: int, burn_in: int):
    known, missing = tf.constant(image), tf.constant(missing[..., None])
    shape = [len(image), model.latent_dim]

    @graph
    def step(image, latent, turn, corrected):
        noise, choice, pixels = seeds.split(tf.stack([seed[0] + turn, seed[1]]), 3)
        posterior = model.posterior(image, **condition)
        proposal = posterior.bijector.forward(seeds.normal(shape, noise))

        def log_weight(latent):
            log_joint = model.likelihood(latent, **condition).log_prob(image) + model.prior.log_prob(latent)
            return log_joint - posterior.log_prob(latent)

        ratio = log_weight(proposal) - log_weight(latent)
        accepted = tf.math.log(seeds.uniform([shape[0]], choice)) < ratio
        latent = tf.where((accepted | ~corrected)[:, None], proposal, latent)
        likelihood = model.likelihood(latent, **condition)
        drawn = tf.cast(likelihood.sample(seed=pixels), tf.float32)
        return tf.where(missing, drawn, known), latent, tf.where(missing, likelihood.mean(), known), accepted

    at_first, first_pixels = seeds.split(tf.constant(seed, tf.int32), 2)
    latent = model.prior.sample(shape[0], seed=at_first)
    drawn = tf.cast(model.likelihood(latent, **condition).sample(seed=first_pixels), tf.float32)
    current = tf.where(missing, drawn, known)
    total, counted, accepts = 0.0, 0, []
    for turn in range(steps):
        corrected = turn >= burn_in
        current, latent, mean, accepted = step(current, latent, tf.constant(turn), tf.constant(corrected))
        if corrected:
            accepts.append(accepted.numpy())
        if turn >= steps // 2:
            total, counted = total + mean, counted + 1
    accepts = np.mean(accepts, 0) if accepts else np.ones(shape[0])
    return (total / counted).numpy(), mean.numpy(), accepts
