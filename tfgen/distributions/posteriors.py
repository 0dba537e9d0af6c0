"""Posteriors q(z|x): normal distributions from the raw outputs of an encoder."""

import tensorflow as tf
import tensorflow_probability as tfp

tfb, tfd = tfp.bijectors, tfp.distributions

SMALLEST_STDDEV = 1e-5  # nats stay finite when a posterior wants to be a point


def diagonal_normal(parameters, smallest_stddev: float = SMALLEST_STDDEV):
    """N(mu, diag(sigma^2)) from raw network outputs [..., 2 Z], event [Z]; sigma is above `smallest_stddev`."""
    mean, raw = tf.split(parameters, 2, axis=-1)
    return tfd.MultivariateNormalDiag(mean, tf.nn.softplus(raw) + smallest_stddev)


def full_normal(parameters, dim: int):
    """N(mu, L L^T) from raw network outputs [..., Z + Z (Z + 1) / 2], event [Z]; L is lower triangular, diagonal > 0.

    The full-covariance posterior z = mu + L eps of Kingma and Welling 2019, section 2.5.1.
    """
    mean, raw = tf.split(parameters, [dim, dim * (dim + 1) // 2], axis=-1)
    lower = tfb.FillScaleTriL(diag_bijector=tfb.Softplus(), diag_shift=SMALLEST_STDDEV)(raw)
    return tfd.MultivariateNormalTriL(mean, lower)


def outputs(dim: int, covariance: str) -> int:
    """The raw network outputs that a posterior of this covariance, "diagonal" or "full", is made from."""
    return dim + (dim if covariance == "diagonal" else dim * (dim + 1) // 2)
