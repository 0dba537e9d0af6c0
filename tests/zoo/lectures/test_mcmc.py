"""The posterior of a mean and a standard deviation, and of codes, against what is known of them in closed form."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import gammaln

from zoo.lectures import _chains, _codes, mcmc


def untracked(loop, name):
    return loop


@pytest.fixture(scope="module")
def observed():
    return np.random.default_rng(0).normal(10, 2, 100)


@pytest.fixture(scope="module")
def posterior(observed):
    return mcmc.joint(100).experimental_pin(x=observed)


@pytest.fixture(scope="module")
def highest(posterior):
    return mcmc.highest(posterior)


def power(observed, exponent: int) -> float:
    """E[sigma^exponent | x]: the marginal density is sigma^-(n - 1) exp(-S / (2 sigma^2)), S the sum of squares."""
    total, half = np.square(observed - observed.mean()).sum(), (len(observed) - 2) / 2
    return np.exp(exponent / 2 * np.log(total / 2) + gammaln(half - exponent / 2) - gammaln(half))


def test_the_highest_density_is_at_the_mean_and_standard_deviation(observed, highest):
    mode, _ = highest
    np.testing.assert_allclose(mcmc.bounds().forward(mode), (observed.mean(), observed.std()), rtol=1e-6)


def test_quadrature_gives_the_moments_in_closed_form(observed, posterior, highest):
    exact = mcmc.quadrature(posterior, *highest)
    np.testing.assert_allclose(exact["mean"], (observed.mean(), power(observed, 1)), rtol=1e-8)
    variances = power(observed, 2) / 100, power(observed, 2) - power(observed, 1) ** 2
    np.testing.assert_allclose(exact["stddev"], np.sqrt(variances), rtol=1e-8)


def test_errors_of_independent_draws_are_those_of_statistics():
    values = np.random.default_rng(0).normal(1, 3, (2000, 4, 2))
    (means, errors), (stddevs, stddev_errors) = _chains.mean(values), _chains.stddev(values)
    np.testing.assert_allclose(errors, 3 / np.sqrt(8000), rtol=0.1)
    np.testing.assert_allclose(stddev_errors, 3 / np.sqrt(2 * 8000), rtol=0.1)
    assert np.all(np.abs(means - 1) < 4 * errors)
    assert np.all(np.abs(stddevs - 3) < 4 * stddev_errors)
    assert _chains.rhat(values).max() < 1.01
    assert _chains.rhat(values + np.arange(4)[:, None]).min() > 1.05


def test_distances_of_normal_codes_are_those_in_closed_form():
    """The noise of p(z|x) is N(1/2, (3/2)^2) in each of two dimensions, and log p(x) = -7."""
    random = np.random.default_rng(0)

    def log_weights(noise):
        return (-7 + 0.5 * np.square(noise) - 0.5 * np.square((noise - 0.5) / 1.5) - np.log(1.5)).sum(-1) + 7

    values = random.normal(0.5, 1.5, (4000, 4, 2))
    found = _codes.compare(log_weights(random.normal(size=(20_000, 2))), values, log_weights(values))
    divergence = {"kl_q_p": 2 * (np.log(1.5) + 1.25 / 4.5 - 0.5), "kl_p_q": 2 * (-np.log(1.5) + 2.5 / 2 - 0.5)}
    for name, exact in divergence.items():
        value, error = found[name]
        assert 0 < error < 0.1
        assert abs(value - exact) < 4 * error
    assert found["shift"][0] == pytest.approx(0.5, abs=0.05)
    assert found["width"][0] == pytest.approx(1.5, abs=0.05)


def test_chains_find_the_posterior_of_several_codes_at_once():
    """p(z|x) of three images, N(m, s^2) in the noise of q, each with a step size of its own."""
    mean, stddev = np.array([[0.0], [1.0], [-2.0]], np.float32), np.array([[1.0], [0.3], [2.0]], np.float32)

    def log_weights(noise):
        normal = 0.5 * tf.square(noise) - 0.5 * tf.square((noise - mean) / stddev)
        return tf.reduce_sum(normal - tf.math.log(stddev), -1)

    found = _codes.sample(log_weights, (8, 3, 2), draws=400, burn_in=200, seed=0)
    values = found.values.astype(np.float64)
    (means, errors), (stddevs, stddev_errors) = _chains.mean(values), _chains.stddev(values)
    assert np.all(np.abs(means - mean) < 5 * errors)
    assert np.all(np.abs(stddevs - stddev) < 5 * stddev_errors)
    expected = 0.5 * np.square(found.values) - 0.5 * np.square((found.values - mean) / stddev) - np.log(stddev)
    np.testing.assert_allclose(found.log_density, expected.sum(-1), atol=1e-3)


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.parametrize("start", ["map", "spread"])
def test_four_samplers_agree_with_quadrature(start):
    result, shown = mcmc.compute(untracked, start=start)
    *samplers, reference = result.rows
    assert [row.name for row in samplers] == list(_chains.SAMPLERS)
    for row in samplers:
        assert row.values["off"][0] < 4
        assert row.values["r_hat"][0] < 1.01
        assert row.values["ess"][0] > 400
        assert abs(row.values["mu"][0] - reference.values["mu"][0]) < 0.02
    assert len(mcmc.draw(**shown).axes) == 12


@pytest.mark.slow
@pytest.mark.ci
def test_codes_of_a_run_and_a_model_without_a_density_is_refused(trained_run):
    options = {"images": 2, "draws": 200, "burn_in": 100, "chains": 2}
    result, shown = mcmc.compute(untracked, model=str(trained_run), **options)
    assert [row.name for row in result.rows] == ["shuffled 0", "shuffled 1", "mean"]
    for row in result.rows[:2]:
        assert row.values["kl_q_p"][0] > -3 * row.values["kl_q_p"][1]
        assert row.values["kl_p_q"][0] > -3 * row.values["kl_p_q"][1]
    assert len(mcmc.draw(**shown).axes) == 6
    with pytest.raises(ValueError, match="asks a model for score with elbo"):
        mcmc.compute(untracked, model="dcgan", **options)
