"""Models with a learned prior: what it changes, and what it does not."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.distributions import learned_priors
from tfgen.distributions.divergence import kl_divergence
from tfgen.evaluation import codes, pictures

tfd = tfp.distributions


@pytest.fixture(scope="module", params=learned_priors.LEARNED)
def model(request, small_vae):
    """A small VAE with each learned prior, whose codes are of a plane."""
    model = small_vae(latent_dim=2, prior=request.param)
    generator = np.random.default_rng(0)
    for variable in model.learned_prior.trainable_variables:
        variable.assign(variable + 0.1 * generator.normal(size=variable.shape))
    return model


def test_the_default_has_no_variables_more_and_the_same_first_weights(small_vae):
    plain, flow = small_vae(), small_vae(prior="flow")
    assert plain.learned_prior is None
    assert len(plain.weights) == 8
    for ours, theirs in zip(plain.weights, flow.weights, strict=False):
        np.testing.assert_array_equal(ours, theirs)


def test_the_divergence_of_two_normals_is_in_closed_form():
    posterior, prior = (tfd.MultivariateNormalDiag(tf.fill([2], mean), tf.ones([2])) for mean in (1.0, 0.0))
    assert kl_divergence(posterior, prior, tf.fill([1, 2], np.nan)).numpy() == pytest.approx(1.0)


def test_the_divergence_at_samples_has_the_closed_form_as_its_mean():
    posterior = tfd.MultivariateNormalDiag([1.0, -0.5], [0.5, 0.8])
    prior = tfd.MultivariateNormalDiag([0.0, 0.0], [1.0, 1.0])
    same = tfd.MixtureSameFamily(tfd.Categorical(logits=[0.0]), tfd.BatchReshape(prior, [1]))
    samples = posterior.sample(20_000, seed=tf.constant([0, 1]))
    estimated = kl_divergence(posterior, same, samples)
    assert float(estimated) == pytest.approx(float(tfd.kl_divergence(posterior, prior)), abs=0.03)


def test_the_rate_is_measured_against_the_prior(model, digits):
    image = tf.constant(model.pixels.held_out(digits.test.images[:4]), tf.float32)
    noise = tf.random.stateless_normal([1, 4, 2], [0, 1])
    posterior = model.posterior(image)
    latent = posterior.bijector.forward(noise)
    _, rate = model.elbo_terms(image, noise)
    np.testing.assert_allclose(rate, (posterior.log_prob(latent) - model.prior.log_prob(latent))[0], atol=1e-4)


def test_lines_between_codes_end_at_these_and_go_through_the_noise_of_a_flow(model):
    start, end = tf.constant([[0.5, -1.0]]), tf.constant([[-1.5, 0.3]])
    fraction = np.array([0, 0.5, 1], np.float32)[:, None, None]
    line = model.between(start, end, fraction)
    np.testing.assert_allclose(line[0], start, atol=1e-4)
    np.testing.assert_allclose(line[2], end, atol=1e-4)
    noise = model.prior.bijector.inverse(line) if hasattr(model.prior, "bijector") else line
    np.testing.assert_allclose(noise[1], (noise[0] + noise[2]) / 2, atol=1e-4)


def test_a_dimension_is_active_in_units_of_the_priors_variance(small_vae, digits):
    model = small_vae(latent_dim=2, prior="mixture", prior_components=1)
    spread = float(np.var(codes.codes(model, digits.test), 0).min()) ** 0.5
    for stddev, count in ((5 * spread, 2), (20 * spread, 0)):
        raw = np.log(np.expm1(stddev))
        model.learned_prior.raw_stddevs.assign(np.full([1, 2], raw))
        usage = codes.code_usage(model, digits.test)
        assert (usage["active_units"] >= 1) == (count > 0)
        assert "kl_per_dimension" not in usage


def test_pictures_of_a_plane_show_the_prior(model, digits, monkeypatch):
    monkeypatch.setattr(pictures, "CODES", 100)
    drawn = pictures.of_model(model, digits)
    assert {"samples", "manifold", "latent"} <= set(drawn)
    assert len(drawn["latent"].axes) == 2


def test_a_learned_prior_is_kept_in_a_file_of_keras(model, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(model.sample(3, seed=1), again.sample(3, seed=1))
    model.summary(print_fn=lambda line: None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prior": "cauchy"}, f"prior must be one of {', '.join(learned_priors.KINDS)}; got 'cauchy'"),
        ({"prior": "flow", "prior_steps": 0}, "prior_steps must be at least 1, got 0"),
        ({"prior": "flow", "latent_dim": 1}, "prior flow needs a latent_dim of at least 2"),
        ({"prior": "vamp", "prior_components": 0}, "prior_components must be at least 1, got 0"),
        ({"prior_steps": 4}, "prior_steps is for prior flow; got 4 with prior normal"),
        ({"prior": "flow", "prior_components": 4}, "prior_components is for prior mixture or vamp; got 4"),
    ],
)
def test_options_that_do_not_fit_are_named(small_vae, options, message):
    with pytest.raises(ValueError, match=message):
        small_vae(**options)
