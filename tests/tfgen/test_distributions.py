"""The normals and the Bernoulli image against Monte Carlo, SciPy and their formulas."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import special, stats

from tfgen import distributions

DIM = 3
PARAMETERS = {"diagonal": 2 * DIM, "full": DIM + DIM * (DIM + 1) // 2}


@pytest.fixture(params=["diagonal", "full"])
def posterior(request):
    """Two normals of each kind, from raw network outputs."""
    raw = tf.random.stateless_normal([2, PARAMETERS[request.param]], [3, 1])
    return distributions.diagonal_normal(raw) if request.param == "diagonal" else distributions.full_normal(raw, DIM)


def reparameterised(posterior, samples: int) -> np.ndarray:
    """z = mu + L eps, [samples, 2, DIM]."""
    return posterior.bijector.forward(tf.random.stateless_normal([samples, 2, DIM], [1, 2])).numpy()


def test_analytic_kl_agrees_with_monte_carlo(posterior):
    prior, latent = distributions.standard_normal(DIM), reparameterised(posterior, 200_000)
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
    covariance = distributions.full_normal(raw, DIM).covariance().numpy()[0]
    assert np.abs(covariance[np.triu_indices(DIM, 1)]).max() > 0.1
    assert np.linalg.eigvalsh(covariance).min() > 0
    raw = tf.random.stateless_normal([1, PARAMETERS["diagonal"]], [0, 0])
    covariance = distributions.diagonal_normal(raw).covariance().numpy()[0]
    np.testing.assert_array_equal(covariance, np.diag(np.diag(covariance)))


@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_posterior_that_wants_to_be_a_point_stays_finite(kind):
    raw = tf.fill([1, PARAMETERS[kind]], -1e4)
    posterior = distributions.diagonal_normal(raw) if kind == "diagonal" else distributions.full_normal(raw, DIM)
    latent = posterior.bijector.forward(tf.ones([1, DIM]))
    assert np.isfinite(posterior.log_prob(latent)).all()
    assert np.isfinite(tfp.distributions.kl_divergence(posterior, distributions.standard_normal(DIM))).all()


def test_bernoulli_image_sums_the_log_probabilities_of_its_pixels():
    logits = 3 * tf.random.stateless_normal([2, 28, 28, 1], [1, 1])
    pixels = np.random.default_rng(0).random([2, 28, 28, 1]) < 0.4
    expected = np.where(pixels, special.log_expit(logits), special.log_expit(-logits)).sum((1, 2, 3))
    likelihood = distributions.bernoulli_image(logits)
    np.testing.assert_allclose(likelihood.log_prob(pixels.astype(np.float32)), expected, rtol=1e-5)
    np.testing.assert_allclose(likelihood.mean(), special.expit(logits), rtol=1e-5)
