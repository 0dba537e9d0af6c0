"""The evaluation of likelihoods and codes: against the model's own bounds, and against closed forms."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import evaluation, seeds

tfd = tfp.distributions


@pytest.fixture(scope="module")
def few(digits):
    """Thirty test images."""
    return dataclasses.replace(digits.test, images=digits.test.images[:30], labels=digits.test.labels[:30])


def test_likelihood_is_the_mean_bound_whatever_the_chunks(small_vae, few, monkeypatch):
    model = small_vae()
    values = -model.log_likelihood(few.binarised(), k=7, seed=3).numpy().astype(np.float64)
    found = evaluation.negative_log_likelihood(model, few, k=7, seed=3)
    assert found["nll"] == pytest.approx(values.mean(), rel=1e-5)
    assert found["nll_error"] == pytest.approx(values.std(ddof=1) / np.sqrt(30), rel=1e-3)
    assert found["nll_k"] == 7
    monkeypatch.setattr(evaluation, "LIKELIHOOD_CHUNK", 8)
    assert evaluation.negative_log_likelihood(model, few, k=7, seed=3)["nll"] == pytest.approx(found["nll"], rel=1e-5)


def test_likelihood_is_tighter_with_more_samples(small_vae, few):
    loose, tight = (evaluation.negative_log_likelihood(small_vae(), few, k=k)["nll"] for k in (1, 100))
    assert tight < loose


def test_loop_is_tracked_to_its_end(small_vae, few):
    seen = []

    def track(loop, name):
        for item in loop:
            seen.append(name)
            yield item

    evaluation.negative_log_likelihood(small_vae(), few, k=2, track=track)
    assert seen == ["log-likelihood, K = 2"]


def test_divergences_of_the_dimensions_add_up_to_the_rate(small_vae, few):
    model = small_vae()
    usage = evaluation.code_usage(model, few)
    rate = evaluation.means(model, evaluation.held_out(model, few), few.labels)["rate"]
    assert len(usage["kl_per_dimension"]) == model.latent_dim
    assert sum(usage["kl_per_dimension"]) == pytest.approx(rate, rel=1e-5)


def test_full_covariance_has_active_units_and_no_divergence_of_a_dimension(small_vae, few):
    usage = evaluation.code_usage(small_vae(covariance="full"), few)
    assert set(usage) == {"active_units"}
    assert usage["active_units"] == 3


def test_a_dimension_that_ignores_the_image_is_not_active(small_vae, few):
    model = small_vae()
    assert evaluation.code_usage(model, few)["active_units"] == 3
    last = model.encoder.layers[-1]
    kernel, bias = last.get_weights()
    kernel[:, 1] = 0.0  # the mean of dimension 1 is its bias, whatever the image
    last.set_weights([kernel, bias])
    assert evaluation.code_usage(model, few)["active_units"] == 2


def test_a_mean_without_closed_form_is_estimated_twice(few):
    """Against a normal posterior that hides behind its bijector, as a flow's does."""
    random = np.random.default_rng(0)
    mean, stddev = (tf.constant(random.random((400, 3)), tf.float32) for _ in range(2))
    known = tfd.MultivariateNormalDiag(mean, stddev)
    hidden = tfd.TransformedDistribution(tfd.MultivariateNormalDiag(tf.zeros([3]), tf.ones([3])), known.bijector)
    rows = seeds.row_seeds(0, 400)
    first, second = (half.numpy() for half in evaluation._two_means(hidden, rows, 3))
    error = stddev / np.sqrt(evaluation.DRAWS)
    for half in (first, second):
        assert np.std((half - mean) / error) == pytest.approx(1, abs=0.1)
    assert np.corrcoef(((first - mean) / error).numpy().flat, ((second - mean) / error).numpy().flat)[0, 1] < 0.15
    np.testing.assert_array_equal(*evaluation._two_means(known, rows, 3))


@pytest.mark.parametrize(("prior", "latent_dim"), [("normal", 3), ("mixture", 2)])
def test_codes_are_compared_with_the_moments_of_the_prior(monkeypatch, few, prior, latent_dim):
    from zoo import aae

    keras.utils.set_random_seed(0)
    model = aae.build(latent_dim=latent_dim, hidden_units=(8,), prior=prior)
    draws = model.draw_prior(seeds.row_seeds(0, 20_000)).numpy()
    half = np.sqrt(0.5)
    exact, noisy = (draws, 0 * draws), (half * (draws - draws.mean(0)) + draws.mean(0), half * draws.std(0) + 0 * draws)
    for posterior in (exact, noisy) if prior == "normal" else (exact,):
        monkeypatch.setattr(model, "encode", lambda image, posterior=posterior: posterior)
        assert max(evaluation.code_moments(model, few).values()) < 0.05
    monkeypatch.setattr(model, "encode", lambda image: (2 * draws + 1, 0 * draws))
    moved, variance = evaluation.code_moments(model, few), np.var(draws, 0).max()
    assert moved["code_mean_error"] == pytest.approx(1, abs=0.1)
    assert moved["code_covariance_error"] == pytest.approx(3 * variance, rel=0.1)


def test_samples_are_those_of_the_model(small_vae):
    model = small_vae()
    found = evaluation.samples(model, np.zeros(5, np.int64), seed=2)
    np.testing.assert_allclose(found, model.sample(5, seed=2), atol=1e-6)


def test_samples_of_a_conditional_model_are_of_the_digits_asked_for(monkeypatch):
    from zoo import cvae

    keras.utils.set_random_seed(0)
    model, digits = cvae.build(latent_dim=2, hidden_units=(16,)), np.array([3, 1, 4, 1, 5])
    expected = model.sample(5, digit=digits, seed=0)
    monkeypatch.setattr(evaluation, "CHUNK", 2)
    np.testing.assert_allclose(evaluation.samples(model, digits), expected, atol=1e-6)
