"""Pixel likelihoods against their formulas, and what images they are measured on."""

from typing import get_args

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import special, stats

from tfgen.distributions import likelihoods
from tfgen.distributions.logistic import DiscretisedLogistic
from tfgen.networks import convolutional, dense

tfd, tfb = tfp.distributions, tfp.bijectors
SHAPE = (20, 17, 3)
LEVELS = np.arange(256, dtype=np.float32) / 255


def make(name):
    return likelihoods.make(name, SHAPE)


def raw_of(likelihood):
    return 3 * tf.random.stateless_normal([2, *likelihood.parameter_shape], [1, 1])


@pytest.fixture(scope="module")
def levels():
    return (np.random.default_rng(0).integers(0, 256, [2, *SHAPE]) / 255).astype(np.float32)


def test_bernoulli_sums_the_log_probabilities_of_the_pixels():
    likelihood = make("bernoulli")
    raw, pixels = raw_of(likelihood), np.random.default_rng(0).random([2, *SHAPE]) < 0.4
    expected = np.where(pixels, special.log_expit(raw), special.log_expit(-raw)).sum((1, 2, 3))
    np.testing.assert_allclose(likelihood(raw).log_prob(pixels.astype(np.float32)), expected, rtol=1e-5)
    np.testing.assert_allclose(likelihood(raw).mean(), special.expit(raw), rtol=1e-5)


def test_normal_sums_the_log_densities_of_the_pixels(levels):
    likelihood = make("normal")
    raw = raw_of(likelihood)
    expected = stats.norm(special.expit(raw.numpy().astype(np.float64)), 0.3).logpdf(levels).sum((1, 2, 3))
    np.testing.assert_allclose(likelihood(raw).log_prob(levels), expected, rtol=1e-4)
    np.testing.assert_allclose(likelihood(raw).mean(), special.expit(raw), rtol=1e-5)


def test_normal_with_a_stddev_for_each_pixel_sums_their_log_densities(levels):
    likelihood = make("normal_pixel_stddev")
    raw = raw_of(likelihood)
    mean, stddev = np.split(raw.numpy().astype(np.float64), 2, axis=-1)
    expected = stats.norm(special.expit(mean), np.log1p(np.exp(stddev)) + 0.02).logpdf(levels).sum((1, 2, 3))
    np.testing.assert_allclose(likelihood(raw).log_prob(levels), expected, rtol=1e-4)
    assert likelihood.parameter_shape == (20, 17, 6)


@pytest.mark.parametrize("decoder", ["dense", "conv"])
def test_global_stddev_is_one_number_that_is_learned_with_the_decoder(decoder, levels):
    """The number that is best for given means is the root of their mean squared error (Rybkin et al. 2021)."""
    likelihood = make("normal_global_stddev")
    if decoder == "dense":
        plain = dense.decoder(4, likelihood.parameter_shape, (8,))
    else:
        plain = convolutional.decoder(4, likelihood.parameter_shape, (2, 4))
    network = likelihood.complete(plain)
    assert network.count_params() == plain.count_params() + 1
    value = next(variable for variable in network.trainable_variables if variable.path == "stddev/value")
    code = tf.random.stateless_normal([2, 4], [2, 2])
    mean = tf.sigmoid(plain(code))
    best = np.sqrt(np.mean((mean - levels) ** 2))
    value.assign(np.log(np.expm1(best - likelihoods.SMALLEST_STDDEV)))
    with tf.GradientTape() as tape:
        distribution = likelihood(network(code))
        distortion = -tf.reduce_sum(distribution.log_prob(levels))
    np.testing.assert_allclose(distribution.mean(), mean, rtol=1e-6)
    np.testing.assert_allclose(distribution.stddev(), np.full([2, *SHAPE], best), rtol=1e-4)
    assert abs(tape.gradient(distortion, value)) < 0.5  # of sums over 2,040 pixels


@pytest.mark.parametrize("name", [name for name in get_args(likelihoods.Likelihood) if name != "normal_global_stddev"])
def test_other_likelihoods_leave_the_decoder_as_it_is(name):
    likelihood = make(name)
    decoder = dense.decoder(4, likelihood.parameter_shape, (8,))
    assert likelihood.complete(decoder) is decoder
    assert likelihood(decoder(tf.zeros([2, 4]))).event_shape == SHAPE


@pytest.mark.parametrize("location", [-0.7, 0.0, 0.31, 1.0, 1.4])
@pytest.mark.parametrize("scale", [likelihoods.SMALLEST_SCALE, 0.003, 0.05, 2.0])
def test_mass_of_the_discretised_logistic_sums_to_one_and_has_the_mean_that_it_says(location, scale):
    distribution = DiscretisedLogistic(tf.constant(location), tf.constant(scale))
    mass = np.exp(distribution.log_prob(LEVELS).numpy().astype(np.float64))
    assert mass.sum() == pytest.approx(1, abs=1e-5)
    assert float(distribution.mean()) == pytest.approx(mass @ LEVELS, abs=0.5 / 255)


def test_discretised_logistic_agrees_with_tfp_and_holds_in_the_tails():
    """TFP's quantised distribution takes the ceiling of a value, in float64 as the oracle."""
    rng = np.random.default_rng(0)
    location, scale = rng.uniform(-0.2, 1.2, 500), np.exp(rng.uniform(-6, 0, 500))
    level = rng.integers(0, 256, 500).astype(np.float64)
    base = tfd.TransformedDistribution(tfd.Logistic(255 * location, 255 * scale), tfb.Shift(np.float64(-0.5)))
    expected = tfd.QuantizedDistribution(base, low=np.float64(0), high=np.float64(255)).log_prob(level)
    ours = DiscretisedLogistic(tf.constant(location, tf.float32), tf.constant(scale, tf.float32))
    np.testing.assert_allclose(ours.log_prob((level / 255).astype(np.float32)), expected, rtol=2e-4, atol=2e-4)
    far = DiscretisedLogistic(tf.constant(0.0), tf.constant(0.001)).log_prob(LEVELS[200])
    assert float(far) == pytest.approx(-199.5 / 255 / 0.001, rel=0.01)


def test_discretised_logistic_draws_levels_as_often_as_it_says():
    distribution = DiscretisedLogistic(tf.constant([0.02, 0.6]), tf.constant([0.02, 0.05]))
    drawn = distribution.sample(40_000, seed=(1, 2)).numpy()
    for column in range(2):
        mass = np.exp(distribution[column].log_prob(LEVELS).numpy().astype(np.float64))
        counts = np.bincount(np.round(255 * drawn[:, column]).astype(int), minlength=256)
        often = 40_000 * mass > 20
        expected = mass[often] / mass[often].sum() * counts[often].sum()
        assert stats.chisquare(counts[often], expected).pvalue > 1e-3


def test_logistic_scores_levels_and_is_given_in_bits(levels):
    likelihood = make("logistic")
    raw = raw_of(likelihood)
    location, scale = np.split(raw.numpy(), 2, axis=-1)
    scale = (np.log1p(np.exp(scale)) + 2 * likelihoods.SMALLEST_SCALE) / 2
    one = DiscretisedLogistic(tf.constant((1 + location) / 2), tf.constant(scale))
    np.testing.assert_allclose(likelihood(raw).log_prob(levels), np.sum(one.log_prob(levels), (1, 2, 3)), rtol=1e-4)
    assert likelihood.bits_per_dimension(20 * 17 * 3 * np.log(256)) == pytest.approx(8)


def test_gradient_of_the_logistic_is_finite_wherever_the_decoder_points(levels):
    likelihood = make("logistic")
    for size in (1.0, 30.0, 1e3):
        raw = size * raw_of(likelihood)
        with tf.GradientTape() as tape:
            tape.watch(raw)
            loss = tf.reduce_sum(likelihood(raw).log_prob(levels))
        assert np.isfinite(tape.gradient(loss, raw)).all(), size


@pytest.mark.parametrize(
    ("name", "channels", "protocol"),
    [
        ("bernoulli", 1, "dynamic"),
        ("normal", 1, "grey"),
        ("normal", 3, "colour"),
        ("normal_global_stddev", 1, "grey"),
        ("normal_pixel_stddev", 3, "colour"),
        ("logistic", 1, "8bit"),
        ("logistic", 3, "8bit"),
    ],
)
def test_protocol_is_named(name, channels, protocol):
    likelihood = likelihoods.make(name, (20, 17, channels))
    assert (likelihood.name, likelihood.protocol) == (name, protocol)


def test_every_name_has_a_likelihood_and_colour_the_logistic_by_default():
    assert set(likelihoods.LIKELIHOODS) == set(get_args(likelihoods.Likelihood))
    assert (likelihoods.default((28, 28, 1)), likelihoods.default(SHAPE)) == ("bernoulli", "logistic")
    assert [likelihoods.Pixels((16, 16, channels)).protocol for channels in (1, 3)] == ["grey", "colour"]


def test_bernoulli_images_are_binarised_by_their_levels():
    levels, noise = np.array([0.0, 0.3, 0.3, 1.0], np.float32), np.array([0.0, 0.2, 0.4, 0.99], np.float32)
    np.testing.assert_array_equal(make("bernoulli").prepare(levels, lambda: noise), [0, 1, 0, 1])


def test_bernoulli_models_are_tested_on_images_binarised_once(digits):
    images = digits.test.images
    found = make("bernoulli").held_out(images)
    np.testing.assert_array_equal(found, digits.test.binarised())
    assert found.dtype == bool


@pytest.mark.parametrize("likelihood", [make("normal"), make("logistic"), likelihoods.Pixels(SHAPE)])
def test_other_models_see_the_images_as_they_are(likelihood, digits):
    assert likelihood.held_out(digits.test.images) is digits.test.images
    levels = np.array([0.2, 0.7], np.float32)
    np.testing.assert_array_equal(likelihood.prepare(levels, lambda: pytest.fail("no noise is needed")), levels)


def test_wrong_name_is_named_with_the_choices():
    with pytest.raises(ValueError, match=r"likelihood must be one of bernoulli, .*normal.*; got 'poisson'"):
        make("poisson")
