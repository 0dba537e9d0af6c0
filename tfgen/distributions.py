"""The distributions of the zoo, as TensorFlow Probability objects.

Every normal here is a bijector over standard normal noise, so `q.bijector.forward(noise)` is the reparameterised sample
z = mu + L eps (Kingma and Welling 2014, section 2.4), whoever drew the noise and however it was seeded.
"""

import tensorflow as tf
import tensorflow_probability as tfp

tfb, tfd = tfp.bijectors, tfp.distributions

SMALLEST_STDDEV = 1e-5  # nats stay finite when a posterior wants to be a point


def standard_normal(dim: int):
    """p(z) = N(0, I), event [Z]."""
    return tfd.MultivariateNormalDiag(tf.zeros([dim]), tf.ones([dim]))


def diagonal_normal(parameters):
    """N(mu, diag(sigma^2)) from raw network outputs [..., 2 Z], event [Z]."""
    mean, raw = tf.split(parameters, 2, axis=-1)
    return tfd.MultivariateNormalDiag(mean, tf.nn.softplus(raw) + SMALLEST_STDDEV)


def full_normal(parameters, dim: int):
    """N(mu, L L^T) from raw network outputs [..., Z + Z (Z + 1) / 2], event [Z]; L is lower triangular, diagonal > 0.

    The full-covariance posterior z = mu + L eps of Kingma and Welling 2019, section 2.5.1.
    """
    mean, raw = tf.split(parameters, [dim, dim * (dim + 1) // 2], axis=-1)
    lower = tfb.FillScaleTriL(diag_bijector=tfb.Softplus(), diag_shift=SMALLEST_STDDEV)(raw)
    return tfd.MultivariateNormalTriL(mean, lower)


def bernoulli_image(logits):
    """p(x|z), independent Bernoulli pixels from logits [..., 28, 28, 1], event [28, 28, 1]."""
    return tfd.Independent(tfd.Bernoulli(logits=logits, dtype=tf.float32), 3)
