"""CVAE: the digit matters to each of its networks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.models import importance
from tfgen.networks import autoencoder
from tfgen.tasks.common import abilities
from tfgen.tasks.inpaint import ASKS, inpaint
from zoo.models import cvae


@pytest.fixture(scope="module", params=autoencoder.KINDS)
def model(request):
    keras.utils.set_random_seed(0)
    return cvae.build(latent_dim=3, network=request.param, hidden_units=(8, 16))


def test_elbo_depends_on_the_digit(model, digits):
    bits = digits.test.binarised()[:4]
    bounds = [model.elbo(bits, digit=digit, seed=0).numpy() for digit in (2, 7)]
    assert np.abs(bounds[0] - bounds[1]).min() > 1e-3


def test_posterior_and_likelihood_depend_on_the_digit(model, digits):
    images, latent = digits.test.images[:2], np.zeros([2, 3], np.float32)
    means = [model.encode(images, digit=digit)[0].numpy() for digit in (0, 1)]
    assert np.abs(means[0] - means[1]).max() > 1e-4
    decoded = [model.decode(latent, digit=digit).numpy() for digit in (0, 1)]
    assert np.abs(decoded[0] - decoded[1]).max() > 1e-4


def test_digits_are_taken_row_by_row(model):
    rows = model.sample(3, digit=[1, 5, 9], seed=4).numpy()
    for row, digit in enumerate((1, 5, 9)):
        np.testing.assert_allclose(rows[row], model.sample(3, digit=digit, seed=4)[row], atol=1e-5)


def test_a_code_is_a_style_whatever_the_digit(model):
    """The prior does not know the digit: the same seed draws the same code for each."""
    np.testing.assert_array_equal(model.draw_prior(np.arange(3)), model.draw_prior(np.arange(3)))
    latent = model.draw_prior(np.arange(3)).numpy()
    np.testing.assert_allclose(model.decode(latent, digit=8), model.sample(3, digit=8, seed=np.arange(3)), atol=1e-5)


@pytest.fixture(scope="module")
def told():
    """A small CVAE whose prior is a lively flow that is told the class."""
    keras.utils.set_random_seed(0)
    model = cvae.build(latent_dim=5, hidden_units=(8,), prior="flow", prior_steps=3, prior_width=16)
    for weight in model.learned_prior.weights:
        weight.assign(weight + 0.4 * tf.random.normal(weight.shape))
    return model


def test_under_a_flow_the_code_is_the_noise_which_knows_no_digit(told, digits):
    images, labels = tf.constant(digits.test.binarised()[:6], tf.float32), tf.constant(digits.test.labels[:6])
    np.testing.assert_array_equal(told.prior.mean(), np.zeros(5))
    np.testing.assert_array_equal(told.prior.stddev(), np.ones(5))
    codes = told.encode(images.numpy(), label=labels.numpy())
    np.testing.assert_allclose(
        told.learned_prior.flow(labels).forward(codes), told.encoded(images, labels).mean(), atol=1e-4
    )
    np.testing.assert_allclose(
        told.decode(codes, label=labels.numpy()), told.reconstruct(images.numpy(), label=labels.numpy()), atol=1e-5
    )
    drawn = [told.learned_prior.flow(tf.fill([2], digit)).forward(told.draw_prior(np.arange(2))) for digit in (3, 8)]
    assert np.abs(drawn[0] - drawn[1]).max() > 0.1  # z does


def test_under_a_flow_codes_have_the_bound_of_z(told, digits):
    """-ELBO in z with p(z|y), as it is trained, is -ELBO in codes with p(code) = N(0, I), sample by sample."""
    images, labels = tf.constant(digits.test.binarised()[:6], tf.float32), tf.constant(digits.test.labels[:6])
    noise = tf.random.stateless_normal([7, 6, 5], [1, 2])
    distortion, rate = told.elbo_terms(images, noise, labels)
    posterior = told.posterior(images, labels)
    codes = posterior.bijector.forward(noise)
    joint = told.likelihood(codes, labels).log_prob(images) + told.prior.log_prob(codes)
    weights = joint - posterior.log_prob(codes)
    np.testing.assert_allclose(-(distortion + rate), tf.reduce_mean(weights, 0), rtol=1e-5)
    np.testing.assert_allclose(told.log_weights(images, noise, label=labels), weights, rtol=1e-5)


def test_under_a_flow_samples_follow_the_flow_of_their_class(told):
    rows = np.arange(3)
    latent = told.learned_prior.flow(tf.fill([3], 7)).forward(told.draw_prior(rows))
    expected = told.decoded(latent, tf.fill([3], 7)).mean()
    np.testing.assert_allclose(told.sample(3, digit=7, seed=rows), expected, atol=1e-5)
    own = told.learned_prior.given(tf.constant([2, 7]))
    assert own.sample(seed=tf.constant([0, 1])).shape == (2, 5)


def test_under_a_flow_the_importance_weighted_gradient_is_doubly_reparameterised(told, digits, monkeypatch):
    batch = {"image": tf.cast(digits.test.binarised()[:4], tf.float32), "label": tf.constant(digits.test.labels[:4])}
    asked = []
    fixed = importance._fixed
    monkeypatch.setattr(importance, "_fixed", lambda posterior: asked.append(1) or fixed(posterior))
    importance.loss_terms(told, batch["image"], tf.zeros([3, 4, 5]), 1.0, label=batch["label"])
    assert asked


def test_under_a_flow_tasks_can_do_what_they_need(told):
    assert abilities.methods(told, ASKS) == ["chain", "gibbs", "search"]
    images = np.zeros([2, 28, 28, 1], np.float32)
    made = inpaint(told, images, np.eye(28, dtype=bool), label=[1, 2], steps=4)
    assert np.isfinite(made).all()


def test_a_conditional_model_that_does_not_say_so_has_a_flow_for_all_classes():
    class Other(cvae.CVAE):
        told_flow = False

    model = Other(latent_dim=4, hidden_units=(8,), prior="flow", prior_steps=2, prior_width=8)
    assert hasattr(model.learned_prior.distribution(), "bijector")
    assert not model.learned_prior.classes


def test_under_a_flow_the_density_of_a_code_integrates_to_one(digits):
    keras.utils.set_random_seed(1)
    model = cvae.build(latent_dim=2, hidden_units=(8,), prior="flow", prior_steps=3, prior_width=16)
    for weight in model.learned_prior.weights:
        weight.assign(weight + 0.4 * tf.random.normal(weight.shape))
    axis = np.linspace(-6, 6, 400, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 1, 2)
    posterior = model.posterior(tf.constant(digits.test.images[:1] / np.float32(255)), tf.constant([4]))
    mass = np.exp(posterior.log_prob(tf.constant(grid))).sum() * (axis[1] - axis[0]) ** 2
    assert mass == pytest.approx(1, abs=1e-3)


def test_beta_weighs_the_rate_and_nothing_else(digits):
    batch = {"image": tf.cast(digits.test.binarised()[:20], tf.float32), "label": tf.constant(digits.test.labels[:20])}
    terms = {}
    for beta in (1.0, 4.0):
        keras.utils.set_random_seed(0)
        model = cvae.build(latent_dim=3, hidden_units=(8,), beta=beta)
        terms[beta] = model.training_loss(batch, tf.constant([0, 1]), 0)
        np.testing.assert_allclose(
            terms[beta]["loss"], terms[beta]["distortion"] + beta * terms[beta]["rate"], rtol=1e-5
        )
    for name in ("distortion", "rate"):
        np.testing.assert_array_equal(terms[1.0][name], terms[4.0][name])
    with pytest.raises(ValueError, match=r"beta must be at least 0, got -1\.0"):
        cvae.build(beta=-1.0)


def test_fit_needs_the_digits(digits, no_xla):
    model, other = (cvae.build(latent_dim=3, hidden_units=(8,)) for _ in range(2))
    for compiled in (model, other):
        compiled.compile_recipe(learning_rate=1e-3, steps=10)
    with pytest.raises(ValueError, match=r"fit\(images, labels\)"):
        other.fit(digits.train.images[:20], epochs=1, verbose=0)
    history = model.fit(digits.train.images[:40], digits.train.labels[:40], epochs=1, batch_size=20, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
