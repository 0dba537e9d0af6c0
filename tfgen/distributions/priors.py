"""Priors p(z) over codes."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import seeds

tfb, tfd = tfp.bijectors, tfp.distributions

PETAL_DISTANCE, PETAL_LENGTH, PETAL_WIDTH = 3.0, 0.8, 0.2  # in units of the plane; the last two at ten petals


def standard_normal(dim: int):
    """p(z) = N(0, I), event [Z]."""
    return tfd.MultivariateNormalDiag(tf.zeros([dim]), tf.ones([dim]))


def uniform_cube(dim: int):
    """p(z) uniform in [-1, 1]^Z, event [Z]: the normal's distribution function, stretched."""
    return tfd.TransformedDistribution(
        standard_normal(dim), tfb.Chain([tfb.Shift(-1.0), tfb.Scale(2.0), tfb.NormalCDF()])
    )


def petals(classes: int):
    """p(z), event [2]: the mixture of as many 2-D normals as there are classes, each as likely as the others."""
    return tfd.MixtureSameFamily(
        tfd.Categorical(probs=tf.fill([classes], 1 / classes)), petal(tf.range(classes), classes)
    )


def petal(label, classes: int):
    """N(mu_y, S_y) in the plane for labels y [B], batch [B], event [2]: petals around the origin, one per class.

    The mixture of ten 2-D Gaussians of Makhzani et al. 2015, figure 4; more petals are narrower.
    """
    angle = tf.cast(label, tf.float32) * (2 * math.pi / classes)
    width = PETAL_WIDTH * min(1.0, 10 / classes)
    along, across = [tf.cos(angle), tf.sin(angle)], [-tf.sin(angle), tf.cos(angle)]
    scale = tf.stack([tf.stack(along, -1) * PETAL_LENGTH, tf.stack(across, -1) * width], -1)  # [B, 2, 2]
    return tfd.MultivariateNormalLinearOperator(
        tf.stack(along, -1) * PETAL_DISTANCE, tf.linalg.LinearOperatorFullMatrix(scale, is_non_singular=True)
    )


def draw_petals(rows, classes: int):
    """Codes [B, 2], each from a petal of its own, drawn from its row seed (int64 [B]) alone."""

    def draw(seed):  # a class and the noise of its petal, [3], from one stateless seed
        first, second = seeds.split(seed, 2)
        return tf.concat([tf.floor(classes * seeds.uniform([1], first)), seeds.normal([2], second)], 0)

    draws = seeds.map_rows(draw, rows)
    return petal(tf.cast(draws[:, 0], tf.int64), classes).bijector.forward(draws[:, 1:])
