"""Learned priors: they start near N(0, I), their density is that of their draws, and a seed names its code."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen import graphs, seeds
from tfgen.distributions import learned_priors


def lively(prior, stddev=0.3):
    """A prior whose parameters are far from their start."""
    generator = np.random.default_rng(0)
    for variable in prior.trainable_variables:
        variable.assign(generator.normal(0, stddev, variable.shape))
    return prior


def drawn(prior, count: int, seed: int = 0):
    """Codes [count, Z] and the row seeds that they are drawn from; in a graph, as models draw them."""
    rows = tf.constant(seeds.row_seeds(seed, count))
    return graphs.graph(prior.draws)(rows).numpy(), rows


@pytest.fixture(scope="module")
def flow():
    keras.utils.set_random_seed(0)
    return lively(learned_priors.FlowPrior(2, 4, 16))


def test_a_fresh_flow_is_nearly_the_standard_normal():
    keras.utils.set_random_seed(0)
    codes, rows = drawn(learned_priors.FlowPrior(5, 10, 32), 20)
    np.testing.assert_allclose(codes, seeds.normal_rows([5], rows), atol=0.1)  # ten reversals: none


def test_the_density_of_a_flow_is_that_of_its_draws(flow):
    """On a plane: it integrates to one, and the share of draws in a half-plane is the integral over it."""
    axis = np.linspace(-12, 12, 401, dtype=np.float32)
    plane = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    mass = np.exp(flow.distribution().log_prob(plane).numpy().astype(np.float64)) * (axis[1] - axis[0]) ** 2
    assert mass.sum() == pytest.approx(1, abs=5e-3)
    codes, _ = drawn(flow, 1000)
    middle = float(np.median(codes[:, 0]))
    assert mass[plane[:, 0] < middle].sum() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(1000))


def test_a_row_has_the_same_code_bit_for_bit_whatever_it_is_drawn_beside(flow):
    draw = graphs.graph(flow.draws)
    rows = seeds.row_seeds(3, 40)
    together = draw(tf.constant(rows)).numpy()
    for count in (1, 2, 8, 17):
        np.testing.assert_array_equal(draw(tf.constant(rows[7 : 7 + count])), together[7 : 7 + count])
    assert draw(tf.constant(rows[:0])).shape == (0, 2)
