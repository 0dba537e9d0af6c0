"""Bounds against a model whose likelihood is known exactly: z ~ N(0, I), x = W z + b + noise, all of it Gaussian."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfgen.models import bounds

LOADINGS = np.array([[1.0, 0.5], [-0.3, 0.8], [0.2, -1.1]])  # W, [3, 2]
OFFSET = np.array([0.1, -0.2, 0.3])
NOISE = 0.7
X = np.array([0.9, 0.4, -1.0])

EXACT = stats.multivariate_normal(OFFSET, LOADINGS @ LOADINGS.T + NOISE**2 * np.eye(3)).logpdf(X)
POSTERIOR_COVARIANCE = np.linalg.inv(np.eye(2) + LOADINGS.T @ LOADINGS / NOISE**2)
POSTERIOR_MEAN = POSTERIOR_COVARIANCE @ LOADINGS.T @ (X - OFFSET) / NOISE**2
WRONG_MEAN, WRONG_SCALE = POSTERIOR_MEAN + np.array([0.4, -0.3]), np.diag([0.6, 0.7])


def log_weights(noise, mean=WRONG_MEAN, scale=WRONG_SCALE):
    """log p(x, z) - log q(z|x) of noise [..., 2] under q = N(mean, scale scale^T)."""
    latent = mean + noise @ scale.T
    prior = stats.multivariate_normal(np.zeros(2)).logpdf(latent)
    likelihood = stats.norm(latent @ LOADINGS.T + OFFSET, NOISE).logpdf(X).sum(-1)
    return prior + likelihood - stats.multivariate_normal(mean, scale @ scale.T).logpdf(latent)


def estimates(samples: int, repetitions: int) -> np.ndarray:
    """Independent estimates of L_K with K samples each."""
    noise = np.random.default_rng(samples).standard_normal([samples, repetitions, 2])
    return bounds.importance_weighted_bound(tf.constant(log_weights(noise))).numpy()


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    return values.mean(), values.std() / np.sqrt(len(values))


def test_one_sample_gives_the_elbo():
    spread = WRONG_SCALE @ WRONG_SCALE.T
    precision = np.linalg.inv(POSTERIOR_COVARIANCE)
    shift = WRONG_MEAN - POSTERIOR_MEAN
    determinants = np.linalg.det(POSTERIOR_COVARIANCE) / np.linalg.det(spread)
    divergence = 0.5 * (np.trace(precision @ spread) + shift @ precision @ shift - 2 + np.log(determinants))
    mean, error = mean_and_error(estimates(1, 100_000))
    assert error < 0.01
    assert mean == pytest.approx(EXACT - divergence, abs=4 * error)


def test_bound_grows_with_samples_and_approaches_the_likelihood():
    measured = [mean_and_error(estimates(samples, 20_000)) for samples in (1, 4, 16)]
    for (lower, lower_error), (upper, upper_error) in itertools.pairwise(measured):
        assert upper - lower > 4 * (lower_error + upper_error)
    assert all(mean < EXACT for mean, _ in measured)
    assert mean_and_error(estimates(4096, 50))[0] == pytest.approx(EXACT, abs=0.01)


def test_exact_posterior_makes_every_bound_the_likelihood():
    noise = np.random.default_rng(0).standard_normal([8, 5, 2])
    weights = log_weights(noise, POSTERIOR_MEAN, np.linalg.cholesky(POSTERIOR_COVARIANCE))
    for samples in (1, 3, 8):
        np.testing.assert_allclose(bounds.importance_weighted_bound(tf.constant(weights[:samples])), EXACT, atol=1e-9)


def test_bound_is_taken_along_the_axis_named():
    weights = np.random.default_rng(0).standard_normal([4, 6])
    np.testing.assert_allclose(
        bounds.importance_weighted_bound(tf.constant(weights), axis=1),
        bounds.importance_weighted_bound(tf.constant(weights.T)),
    )


@pytest.mark.parametrize("chunk", [1, 7, 10, 64])
def test_streamed_bound_equals_the_plain_one(chunk):
    noise = tf.random.stateless_normal([5, 10, 3], [0, 1])  # [B, K, Z]
    scale = 8.0  # weights that differ by many nats: a sum of exponentials would overflow or vanish

    def weigh(part):  # [k, B, Z] -> [k, B]
        assert part.shape[0] is None or part.shape[0] <= chunk
        return scale * tf.reduce_sum(part**2, -1) - 300.0

    plain = bounds.importance_weighted_bound(weigh_all(weigh, noise, chunk))
    np.testing.assert_allclose(bounds.streamed_bound(weigh, noise, chunk), plain, rtol=1e-5)


def weigh_all(weigh, noise, chunk):
    """The log weights [K, B] of all samples, at most `chunk` at once."""
    samples = tf.transpose(noise, [1, 0, 2])
    return tf.concat([weigh(samples[start : start + chunk]) for start in range(0, len(samples), chunk)], 0)
