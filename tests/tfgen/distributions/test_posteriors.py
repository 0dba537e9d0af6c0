"""The normal posteriors against Monte Carlo, SciPy and their formulas."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import stats

from tfgen.distributions import posteriors, priors

DIM = 3
PARAMETERS = {"diagonal": 2 * DIM, "full": DIM + DIM * (DIM + 1) // 2}


@pytest.fixture(params=["diagonal", "full"])
def posterior(request):
    """Two normals of each kind, from raw network outputs."""
    raw = tf.random.stateless_normal([2, PARAMETERS[request.param]], [3, 1])
    return posteriors.diagonal_normal(raw) if request.param == "diagonal" else posteriors.full_normal(raw, DIM)


def reparameterised(posterior, samples: int) -> np.ndarray:
    """z = mu + L eps, [samples, 2, DIM]."""
    return posterior.bijector.forward(tf.random.stateless_normal([samples, 2, DIM], [1, 2])).numpy()


def test_analytic_kl_agrees_with_monte_carlo(posterior):
    prior, latent = priors.standard_normal(DIM), reparameterised(posterior, 200_000)
    ratios = (posterior.log_prob(latent) - prior.log_prob(latent)).numpy()
    analytic = tfp.distributions.kl_divergence(posterior, prior).numpy()
    errors = ratios.std(0) / np.sqrt(len(ratios))
    assert (errors < 0.02).all()
    assert (analytic > 20 * errors).all()  # neither normal is the prior itself
    assert (np.abs(analytic - ratios.mean(0)) < 4 * errors).all()


def test_noise_becomes_samples_of_the_declared_mean_and_covariance(posterior):
    latent, mean, covariance = reparameterised(posterior, 200_000), posterior.mean(), posterior.covariance().numpy()
    np.testing.assert_allclose(latent.mean(0), mean, atol=0.02)
    for row in range(2):
        np.testing.assert_allclose(np.cov(latent[:, row].T), covariance[row], atol=0.03)
        expected = stats.multivariate_normal(mean[row], covariance[row]).logpdf(latent[:100, row])
        np.testing.assert_allclose(posterior.log_prob(latent)[:100, row], expected, rtol=1e-3, atol=1e-3)


def test_full_normal_correlates_what_the_diagonal_one_cannot():
    raw = tf.random.stateless_normal([1, PARAMETERS["full"]], [0, 0])
    covariance = posteriors.full_normal(raw, DIM).covariance().numpy()[0]
    assert np.abs(covariance[np.triu_indices(DIM, 1)]).max() > 0.1
    assert np.linalg.eigvalsh(covariance).min() > 0
    raw = tf.random.stateless_normal([1, PARAMETERS["diagonal"]], [0, 0])
    covariance = posteriors.diagonal_normal(raw).covariance().numpy()[0]
    np.testing.assert_array_equal(covariance, np.diag(np.diag(covariance)))


@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_posterior_that_wants_to_be_a_point_stays_finite(kind):
    raw = tf.fill([1, PARAMETERS[kind]], -1e4)
    posterior = posteriors.diagonal_normal(raw) if kind == "diagonal" else posteriors.full_normal(raw, DIM)
    latent = posterior.bijector.forward(tf.ones([1, DIM]))
    assert np.isfinite(posterior.log_prob(latent)).all()
    assert np.isfinite(tfp.distributions.kl_divergence(posterior, priors.standard_normal(DIM))).all()


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_outputs_are_what_a_posterior_is_made_from(covariance):
    assert posteriors.outputs(DIM, covariance) == PARAMETERS[covariance]


def test_smallest_stddev_is_kept():
    posterior = posteriors.diagonal_normal(tf.fill([1, 4], -1e4), 0.1)
    np.testing.assert_allclose(posterior.stddev(), 0.1, rtol=1e-6)
