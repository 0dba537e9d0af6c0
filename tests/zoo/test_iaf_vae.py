"""IAF-VAE: what the flow changes, and what it does not."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfgen
from tfgen.distributions import posteriors
from tfgen.evaluation.images import as_float
from zoo.models import iaf_vae

TINY = {"latent_dim": 4, "channels": (4, 8), "flow_width": 16, "context_dim": 4}


def built(**hyperparameters):
    keras.utils.set_random_seed(0)
    return iaf_vae.build(**(TINY | hyperparameters))


@pytest.fixture(scope="module")
def images(digits):
    return tf.constant(as_float(digits.test.binarised()[:8]))


def test_without_steps_it_is_the_plain_posterior(images):
    model = built(flow_steps=0)
    posterior, plain = model.posterior(images), posteriors.diagonal_normal(model.encoder(images))
    np.testing.assert_array_equal(posterior.mean(), plain.mean())
    np.testing.assert_array_equal(posterior.stddev(), plain.stddev())
    noise = tf.random.stateless_normal([1, 8, 4], [0, 1])
    _, rate = model.elbo_terms(images, noise)
    np.testing.assert_allclose(rate, tfp.distributions.kl_divergence(plain, model.prior), rtol=1e-5)


def test_rate_is_the_mean_of_log_ratios(images):
    """The Monte Carlo rate of a flow whose gates are all open is the closed form of its start."""
    model = built(flow_steps=2)
    for network in model.flow:
        network.layers[-1].bias.assign(np.repeat([0.0, 50.0], model.latent_dim))  # m = 0, gate = 1
    images = images[:2]
    noise = tf.random.stateless_normal([4000, 2, 4], [0, 1])
    _, rate = model.elbo_terms(images, noise)
    start = posteriors.diagonal_normal(model.encoder(images)[:, : 2 * model.latent_dim])
    np.testing.assert_allclose(rate, tfp.distributions.kl_divergence(start, model.prior), rtol=0.05)


def test_encode_gives_a_sample_and_its_log_density(images):
    model = built(flow_steps=2)
    latent, log_density = model.encode(images, seed=3)
    np.testing.assert_array_equal(latent, model.encode(images, seed=3)[0])
    assert np.abs(latent - model.encode(images, seed=4)[0]).max() > 1e-3
    fresh = model.posterior(images)  # remembers no sample: its log-density takes the inverse of the flow
    np.testing.assert_allclose(fresh.log_prob(tf.identity(latent)), log_density, rtol=1e-3)
    alone = model.encode(images[2:3], seed=tfgen.row_seeds(3, 8)[2:3])
    np.testing.assert_allclose(alone[0][0], latent[2], atol=1e-5)


def test_reconstruction_pushes_zero_noise_through_the_flow(images):
    model = built(flow_steps=2)
    latent = model.posterior(images).bijector.forward(tf.zeros([8, 4]))
    np.testing.assert_allclose(model.reconstruct(images), model.decode(latent), atol=1e-5)


def test_the_context_of_an_image_enters_every_step(images):
    model = built(flow_steps=2)
    for network in model.flow:
        latent = tf.zeros([2, 4])
        first, other = (network([latent, tf.fill([2, 4], value)]) for value in (0.0, 5.0))
        assert np.abs(first - other).max() > 1e-4


def test_free_bits_stop_the_rates_gradient(images):
    model = built(free_bits=1e6)
    batch = {"image": images}
    terms = model.training_loss(batch, tf.constant([0, 1]), 0)
    np.testing.assert_allclose(terms["loss"], terms["distortion"] + 1e6, rtol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"flow_steps": -1}, "flow_steps must be at least 0, got -1"),
        ({"channels": (4, 4, 4)}, "channels must be at most 2 ints for images of 28 x 28, got 4 4 4"),
        ({"flow_width": 0}, "flow_width"),
        ({"warmup": 2.0}, "warmup must be in 0"),
    ],
)
def test_hyperparameters_out_of_range_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        built(**wrong)
