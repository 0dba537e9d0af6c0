"""Categorical codes: their noise, exact KL and bound against enumeration, both estimators, the temperature."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfgen
from tfgen.distributions import categorical
from zoo.models import discrete_vae

tfd = tfp.distributions


def built(**hyperparameters):
    keras.utils.set_random_seed(0)
    model = discrete_vae.build(**discrete_vae.SMALL | hyperparameters)
    model.compile_recipe(learning_rate=1e-3, steps=100)
    return model


@pytest.fixture(scope="module")
def tiny():
    """A model of 2 groups of 3 classes, whose 9 codes can be gone through, with a prior that is not uniform."""
    model = built(groups=2, categories=3, prior="learned")
    model.prior_logits.value.assign([0.5, -0.2, 0.1, 1.0, 0.0, -1.0])
    return model


CODES = np.array([np.concatenate([np.eye(3)[i], np.eye(3)[j]]) for i, j in itertools.product(range(3), range(3))], "f")


@pytest.fixture(scope="module")
def image(digits):
    return tf.constant(digits.test.binarised()[:4], tf.float32)


@pytest.fixture(scope="module")
def noise():
    return tf.constant(np.random.default_rng(0).normal(size=[20_000, 1, 6]).astype(np.float32))


LOGITS = tf.constant([[[1.0, 0.0, -1.0], [0.3, 0.3, 2.0]]])


def test_normal_noise_becomes_gumbel_noise(noise):
    """By the distribution function, exp(-exp(-g)), which is that of the normal at the noise."""
    found = categorical.gumbel(LOGITS, noise)
    expected = tfd.Normal(0.0, 1.0).cdf(tf.reshape(noise, [-1, 1, 2, 3]))
    np.testing.assert_allclose(tfd.Gumbel(0.0, 1.0).cdf(found), expected, atol=1e-5)


def test_drawn_codes_have_the_probabilities_of_their_logits(noise):
    codes = categorical.drawn(LOGITS, noise).numpy()
    np.testing.assert_array_equal(np.unique(codes), [0, 1])
    expected = tf.reshape(tf.nn.softmax(LOGITS), [6])
    np.testing.assert_allclose(codes.mean((0, 1)), expected, atol=0.012)  # 3 standard errors of 20,000 draws
    np.testing.assert_allclose(categorical.codes(LOGITS).mean()[0], expected, rtol=1e-5)


def test_relaxed_codes_are_those_of_tfp_and_have_the_class_of_the_drawn_ones(noise):
    relaxed = categorical.relaxed(LOGITS, noise, 0.7)
    groups = tf.reshape(relaxed, [-1, 2, 3])
    np.testing.assert_allclose(tf.reduce_sum(groups, -1), 1, atol=1e-5)
    np.testing.assert_array_equal(categorical.one_hot(groups), categorical.drawn(LOGITS, noise)[:, 0])
    theirs = tfd.RelaxedOneHotCategorical(0.7, LOGITS[0]).sample(20_000, seed=[1, 2])
    for moment in (1, 2):
        np.testing.assert_allclose(
            tf.reduce_mean(groups**moment, 0), tf.reduce_mean(theirs**moment, 0), atol=0.015, err_msg=str(moment)
        )


def test_rate_is_the_kl_over_all_codes(tiny, image):
    posterior = tiny.posterior(image)
    log_q = posterior.log_prob(CODES[:, None])  # [9, B]
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(log_q), 0), 1, rtol=1e-5)
    log_p = tiny.prior.log_prob(CODES)[:, None]
    expected = tf.reduce_sum(tf.exp(log_q) * (log_q - log_p), 0)
    _, rate = tiny.elbo_terms(image, tf.zeros([1, 4, 6]))
    np.testing.assert_allclose(rate, expected, rtol=1e-4, atol=1e-5)


def test_bounds_are_those_of_true_codes(tiny, image, noise):
    """The mean distortion over draws is its expectation over the 9 codes, and the bound of many draws is log p(x)."""
    posterior, log_likelihood = tiny.posterior(image), tiny.likelihood(CODES[:, None]).log_prob(image)  # [9, B]
    weights = tf.exp(posterior.log_prob(CODES[:, None]))
    draws = tf.reshape(noise[:2000], [500, 4, 6])
    distortion, _ = tiny.elbo_terms(image, draws)
    np.testing.assert_allclose(distortion, -tf.reduce_sum(weights * log_likelihood, 0), rtol=2e-3)
    exact = tf.reduce_logsumexp(log_likelihood + tiny.prior.log_prob(CODES)[:, None], 0)
    np.testing.assert_allclose(tiny.log_likelihood(image, k=2000, seed=0), exact, atol=0.1)
    assert (exact.numpy() >= -(distortion + posterior.kl_divergence(tiny.prior)).numpy() - 0.1).all()


def test_drawn_images_come_from_the_prior(tiny):
    codes = tiny.draw_prior(tfgen.row_seeds(0, 4000)).numpy()
    np.testing.assert_allclose(codes.mean(0), tiny.prior.mean(), atol=0.025)
    assert set(map(tuple, codes)) <= set(map(tuple, CODES))


def test_temperature_falls_to_its_smallest():
    model = built(temperature=2.0, smallest_temperature=0.5, cooling=1e-2)
    found = [float(model.temperature_at(tf.constant(step))) for step in (0, 50, 10_000)]
    assert found == pytest.approx([2.0, 2.0 * np.exp(-0.5), 0.5])


def test_straight_through_sees_one_hot_codes_and_passes_the_gradient_of_relaxed_ones(image, monkeypatch):
    model, seen = built(estimator="straight-through", warmup=0.0), []
    likelihood = discrete_vae.DiscreteVAE.likelihood
    monkeypatch.setattr(
        discrete_vae.DiscreteVAE, "likelihood", lambda self, latent: (seen.append(latent), likelihood(self, latent))[1]
    )
    with tf.GradientTape() as tape:
        terms = model.training_loss({"image": image}, tf.constant([0, 1]), tf.constant(0))
    np.testing.assert_allclose(tf.reduce_max(tf.reshape(seen[0], [4, 6, 5]), -1), 1, atol=1e-6)
    assert np.abs(tape.gradient(terms["distortion"], model.encoder.trainable_variables[0])).max() > 0
    np.testing.assert_allclose(terms["loss"], terms["distortion"] + terms["rate"], rtol=1e-6)
    relaxed = built(warmup=0.0).training_loss({"image": image}, tf.constant([0, 1]), tf.constant(0))
    np.testing.assert_allclose(relaxed["rate"], terms["rate"], rtol=1e-6)
    assert not np.allclose(relaxed["distortion"], terms["distortion"], rtol=1e-4)


def test_encode_gives_the_logits_and_code_their_largest(image):
    model = built()
    logits, code = model.encode(image).numpy(), model.code(image).numpy()
    assert logits.shape == code.shape == (4, 30)
    np.testing.assert_array_equal(logits.reshape(4, 6, 5).argmax(-1), code.reshape(4, 6, 5).argmax(-1))
    np.testing.assert_allclose(model.reconstruct(image), model.decode(code), atol=1e-6)


def test_groups_are_swept_in_a_figure(digits):
    figure = discrete_vae.draw(built(), digits)["classes"]
    assert figure.get_size_inches()[1] > 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"groups": 0}, "groups must be at least 1, got 0"),
        ({"categories": 1}, "categories must be at least 2, got 1"),
        ({"smallest_temperature": 2.0}, "smallest_temperature must be in 0.001..1.0, got 2.0"),
        ({"temperature": 0.0}, "temperature must be above 0, got 0"),
        ({"estimator": "reinforce"}, "estimator must be one of gumbel, straight-through; got 'reinforce'"),
        ({"prior": "normal"}, "prior must be one of uniform, learned; got 'normal'"),
    ],
)
def test_hyperparameters_out_of_range_are_named(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        built(**wrong)
