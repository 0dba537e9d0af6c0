"""What the code carries: against the model's rate, and against closed forms."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import seeds
from tfgen.evaluation import codes, likelihood
from tfgen.evaluation.images import held_out
from zoo.models import aae, cvae

tfd = tfp.distributions


@pytest.fixture(scope="module")
def few(digits):
    """Thirty test images."""
    return dataclasses.replace(digits.test, images=digits.test.images[:30], labels=digits.test.labels[:30])


def test_divergences_of_the_dimensions_add_up_to_the_rate(small_vae, few):
    model = small_vae()
    usage = codes.code_usage(model, few)
    rate = likelihood.means(model, held_out(model, few), few.labels)["rate"]
    assert len(usage["kl_per_dimension"]) == model.latent_dim
    assert sum(usage["kl_per_dimension"]) == pytest.approx(rate, rel=1e-5)


def test_full_covariance_has_active_units_and_no_divergence_of_a_dimension(small_vae, few):
    usage = codes.code_usage(small_vae(covariance="full"), few)
    assert set(usage) == {"active_units"}
    assert usage["active_units"] == 3


def test_a_dimension_that_ignores_the_image_is_not_active(small_vae, few):
    model = small_vae()
    assert codes.code_usage(model, few)["active_units"] == 3
    last = model.encoder.layers[-1]
    kernel, bias = last.get_weights()
    kernel[:, 1] = 0.0  # the mean of dimension 1 is its bias, whatever the image
    last.set_weights([kernel, bias])
    assert codes.code_usage(model, few)["active_units"] == 2


def test_a_mean_without_closed_form_is_estimated_twice(few):
    """Against a normal posterior that hides behind its bijector, as a flow's does."""
    random = np.random.default_rng(0)
    mean, stddev = (tf.constant(random.random((400, 3)), tf.float32) for _ in range(2))
    known = tfd.MultivariateNormalDiag(mean, stddev)
    hidden = tfd.TransformedDistribution(tfd.MultivariateNormalDiag(tf.zeros([3]), tf.ones([3])), known.bijector)
    rows = seeds.row_seeds(0, 400)
    first, second = (half.numpy() for half in codes._two_means(hidden, rows, 3))
    error = stddev / np.sqrt(codes.DRAWS)
    for half in (first, second):
        assert np.std((half - mean) / error) == pytest.approx(1, abs=0.1)
    assert np.corrcoef(((first - mean) / error).numpy().flat, ((second - mean) / error).numpy().flat)[0, 1] < 0.15
    np.testing.assert_array_equal(*codes._two_means(known, rows, 3))


@pytest.mark.parametrize(("prior", "latent_dim"), [("normal", 3), ("petals", 2)])
def test_codes_are_compared_with_the_moments_of_the_prior(monkeypatch, few, prior, latent_dim):
    keras.utils.set_random_seed(0)
    model = aae.build(latent_dim=latent_dim, hidden_units=(8,), prior=prior)
    draws = model.draw_prior(seeds.row_seeds(0, 20_000)).numpy()
    half = np.sqrt(0.5)
    exact, noisy = (draws, 0 * draws), (half * (draws - draws.mean(0)) + draws.mean(0), half * draws.std(0) + 0 * draws)
    for posterior in (exact, noisy) if prior == "normal" else (exact,):
        monkeypatch.setattr(model, "encode", lambda image, posterior=posterior: posterior)
        assert max(codes.code_moments(model, few).values()) < 0.05
    monkeypatch.setattr(model, "encode", lambda image: (2 * draws + 1, 0 * draws))
    moved, variance = codes.code_moments(model, few), np.var(draws, 0).max()
    assert moved["code_mean_error"] == pytest.approx(1, abs=0.1)
    assert moved["code_covariance_error"] == pytest.approx(3 * variance, rel=0.1)


def test_codes_stand_for_their_images_in_order(small_vae, few):
    model = small_vae()
    np.testing.assert_allclose(codes.codes(model, few), model.encode(few.binarised())[0], atol=1e-5)


def test_codes_of_a_conditional_model_are_of_their_labels(few):
    keras.utils.set_random_seed(0)
    model = cvae.build(latent_dim=2, hidden_units=(16,))
    mean, _ = model.encode(few.binarised(), label=few.labels)
    np.testing.assert_allclose(codes.codes(model, few), mean, atol=1e-5)


def test_moments_of_a_conditional_model_are_of_the_codes_of_its_labels(few):
    keras.utils.set_random_seed(0)
    model = cvae.build(latent_dim=2, hidden_units=(16,))
    mean, stddev = (part.numpy() for part in model.encode(few.binarised(), label=few.labels))
    covariance = np.cov(mean.T) + np.diag((stddev**2).mean(0))
    found = codes.code_moments(model, few)
    assert found["code_mean_error"] == pytest.approx(np.abs(mean.mean(0)).max(), rel=1e-4)
    assert found["code_covariance_error"] == pytest.approx(np.abs(covariance - np.eye(2)).max(), rel=1e-4)
