"""Learned priors: they start near N(0, I), their density is that of their draws, and a seed names its code."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen import seeds
from tfgen.distributions import learned_priors


def lively(prior, stddev=0.3):
    """A prior whose parameters are far from their start."""
    generator = np.random.default_rng(0)
    for variable in prior.trainable_variables:
        variable.assign(generator.normal(0, stddev, variable.shape))
    return prior


@pytest.fixture(scope="module")
def flow():
    keras.utils.set_random_seed(0)
    return learned_priors.FlowPrior(2, 4, 16)


def test_a_fresh_flow_is_nearly_the_standard_normal():
    keras.utils.set_random_seed(0)
    prior = learned_priors.FlowPrior(5, 10, 32)
    rows = seeds.row_seeds(0, 20)
    np.testing.assert_allclose(prior.draws(tf.constant(rows)), prior.draws(tf.constant(rows)))
    noise = seeds.normal_rows([5], tf.constant(rows)).numpy()
    orders = [noise, noise[:, ::-1]]  # reversed once a step
    np.testing.assert_allclose(prior.draws(tf.constant(rows)), orders[10 % 2], atol=0.1)


def test_the_density_of_a_flow_is_that_of_its_draws(flow):
    """On a plane: it integrates to one, and the share of draws in a half-plane is the integral over it."""
    lively(flow)
    axis = np.linspace(-12, 12, 401, dtype=np.float32)
    plane = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    mass = np.exp(flow.distribution().log_prob(plane).numpy().astype(np.float64)) * (axis[1] - axis[0]) ** 2
    assert mass.sum() == pytest.approx(1, abs=5e-3)
    draws = flow.draws(tf.constant(seeds.row_seeds(0, 2000))).numpy()
    middle = float(np.median(draws[:, 0]))
    assert mass[plane[:, 0] < middle].sum() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2000))


def test_a_row_has_the_same_code_bit_for_bit_whatever_it_is_drawn_beside(flow):
    lively(flow)
    rows = seeds.row_seeds(3, 40)
    together = flow.draws(tf.constant(rows)).numpy()
    for count in (1, 2, 8, 17):
        np.testing.assert_array_equal(flow.draws(tf.constant(rows[7 : 7 + count])), together[7 : 7 + count])
    assert flow.draws(tf.constant(rows[:0])).shape == (0, 2)
