"""The distributions of the zoo, as TensorFlow Probability objects.

Every normal here is a bijector over standard normal noise, so `q.bijector.forward(noise)` is the reparameterised sample
z = mu + L eps (Kingma and Welling 2014, section 2.4), whoever drew the noise and however it was seeded.
"""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import seeds

tfb, tfd = tfp.bijectors, tfp.distributions

SMALLEST_STDDEV = 1e-5  # nats stay finite when a posterior wants to be a point
PIXEL_STDDEV = 0.3  # of the normal likelihood, about what reconstructions of grey levels are off by
PETAL_DISTANCE, PETAL_LENGTH, PETAL_WIDTH = 3.0, 0.8, 0.2  # of the ten petals, in units of the plane


def standard_normal(dim: int):
    """p(z) = N(0, I), event [Z]."""
    return tfd.MultivariateNormalDiag(tf.zeros([dim]), tf.ones([dim]))


def uniform_cube(dim: int):
    """p(z) uniform in [-1, 1]^Z, event [Z]: the normal's distribution function, stretched."""
    return tfd.TransformedDistribution(
        standard_normal(dim), tfb.Chain([tfb.Shift(-1.0), tfb.Scale(2.0), tfb.NormalCDF()])
    )


def digit_petals(digit):
    """N(mu_y, S_y) in the plane for digits y [B], batch [B], event [2]: ten petals around the origin, one a digit.

    The mixture of ten 2-D Gaussians of Makhzani et al. 2015, figure 4.
    """
    angle = tf.cast(digit, tf.float32) * (2 * math.pi / 10)
    along, across = [tf.cos(angle), tf.sin(angle)], [-tf.sin(angle), tf.cos(angle)]
    petal = tf.stack([tf.stack(along, -1) * PETAL_LENGTH, tf.stack(across, -1) * PETAL_WIDTH], -1)  # [B, 2, 2]
    return tfd.MultivariateNormalLinearOperator(
        tf.stack(along, -1) * PETAL_DISTANCE, tf.linalg.LinearOperatorFullMatrix(petal, is_non_singular=True)
    )


def draw_petal(seed):
    """A digit and the noise of its petal, [3], from one stateless seed, int32 [2]."""
    first, second = seeds.split(seed, 2)
    return tf.concat([tf.floor(10 * seeds.uniform([1], first)), seeds.normal([2], second)], 0)


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


def bernoulli_image(logits):
    """p(x|z), independent Bernoulli pixels from logits [..., 28, 28, 1], event [28, 28, 1]."""
    return tfd.Independent(tfd.Bernoulli(logits=logits, dtype=tf.float32), 3)


def normal_image(logits):
    """p(x|z), independent normal pixels around sigmoid(logits) [..., 28, 28, 1], event [28, 28, 1]."""
    return tfd.Independent(tfd.Normal(tf.sigmoid(logits), PIXEL_STDDEV), 3)
