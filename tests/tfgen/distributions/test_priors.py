"""Priors against their moments, and draws that depend on their row seeds alone."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.distributions import priors
from tfgen.inputs import row_seeds


def test_uniform_cube_fills_the_cube_evenly():
    prior = priors.uniform_cube(2)
    codes = prior.bijector.forward(tf.random.stateless_normal([20_000, 2], [0, 1])).numpy()
    assert np.abs(codes).max() <= 1
    np.testing.assert_allclose(codes.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(codes.var(0), 1 / 3, atol=0.01)
    np.testing.assert_allclose(prior.log_prob(codes[:5]), -2 * np.log(2), rtol=1e-3)


@pytest.mark.parametrize("classes", [3, 10, 40])
def test_petals_lie_around_the_origin_and_apart(classes):
    petals = priors.petal(tf.range(classes), classes)
    means, covariances = petals.mean().numpy(), petals.covariance().numpy()
    angles = 2 * np.pi * np.arange(classes) / classes
    directions = np.stack([np.cos(angles), np.sin(angles)], 1)
    np.testing.assert_allclose(means, 3 * directions, atol=1e-5)
    width = 0.2 * min(1, 10 / classes)
    for direction, covariance in zip(directions, covariances, strict=True):
        np.testing.assert_allclose(covariance @ direction, 0.8**2 * direction, atol=1e-5)
        np.testing.assert_allclose(np.linalg.eigvalsh(covariance), [width**2, 0.8**2], atol=1e-5)


def test_petals_are_the_even_mixture_of_the_classes():
    points = np.random.default_rng(0).normal(size=[50, 1, 2]).astype(np.float32)
    densities = np.exp(priors.petal(tf.range(5), 5).log_prob(points).numpy().astype(np.float64))
    np.testing.assert_allclose(priors.petals(5).log_prob(points[:, 0]), np.log(densities.mean(1)), rtol=1e-4)


def test_draws_of_petals_are_of_the_prior_and_of_their_row_alone():
    draw = tf.function(lambda rows: priors.draw_petals(rows, 4), reduce_retracing=True)  # row by row is slow otherwise
    rows = tf.constant(row_seeds(0, 10_000))
    codes = draw(rows).numpy()
    np.testing.assert_allclose(codes.mean(0), priors.petals(4).mean(), atol=0.05)
    np.testing.assert_allclose(np.cov(codes.T), priors.petals(4).covariance(), atol=0.1)
    nearest = priors.petal(tf.range(4), 4).log_prob(codes[:, None]).numpy().argmax(1)
    np.testing.assert_allclose(np.bincount(nearest) / len(codes), 0.25, atol=0.02)
    np.testing.assert_allclose(draw(rows[5:7]), codes[5:7], atol=1e-6)
