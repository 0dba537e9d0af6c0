"""CVAE: the digit matters to each of its networks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.networks import autoencoder
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
