"""Pixel likelihoods against their formulas, and what images they are measured on."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from tfgen.distributions import likelihoods

SHAPE = [2, 20, 17, 3]


@pytest.fixture(scope="module")
def raw():
    return 3 * tf.random.stateless_normal(SHAPE, [1, 1])


def test_bernoulli_sums_the_log_probabilities_of_the_pixels(raw):
    pixels = np.random.default_rng(0).random(SHAPE) < 0.4
    expected = np.where(pixels, special.log_expit(raw), special.log_expit(-raw)).sum((1, 2, 3))
    likelihood = likelihoods.make("bernoulli")(raw)
    np.testing.assert_allclose(likelihood.log_prob(pixels.astype(np.float32)), expected, rtol=1e-5)
    np.testing.assert_allclose(likelihood.mean(), special.expit(raw), rtol=1e-5)


def test_normal_sums_the_log_densities_of_the_pixels(raw):
    pixels = np.random.default_rng(0).random(SHAPE)
    expected = stats.norm(special.expit(raw.numpy().astype(np.float64)), 0.3).logpdf(pixels).sum((1, 2, 3))
    likelihood = likelihoods.make("normal")(raw)
    np.testing.assert_allclose(likelihood.log_prob(pixels.astype(np.float32)), expected, rtol=1e-4)
    np.testing.assert_allclose(likelihood.mean(), special.expit(raw), rtol=1e-5)


@pytest.mark.parametrize(("name", "protocol"), [("bernoulli", "dynamic"), ("normal", "grey")])
def test_protocol_is_named(name, protocol):
    likelihood = likelihoods.make(name)
    assert (likelihood.name, likelihood.protocol) == (name, protocol)
    assert likelihood.parameter_shape((20, 17, 3)) == (20, 17, 3 * likelihood.parameters)


def test_bernoulli_images_are_binarised_by_their_levels():
    levels, noise = np.array([0.0, 0.3, 0.3, 1.0], np.float32), np.array([0.0, 0.2, 0.4, 0.99], np.float32)
    np.testing.assert_array_equal(likelihoods.make("bernoulli").prepare(levels, lambda: noise), [0, 1, 0, 1])


def test_bernoulli_models_are_tested_on_images_binarised_once(digits):
    images = digits.test.images
    found = likelihoods.make("bernoulli").held_out(images)
    np.testing.assert_array_equal(found, digits.test.binarised())
    assert found.dtype == bool


@pytest.mark.parametrize("likelihood", [likelihoods.make("normal"), likelihoods.Pixels()])
def test_other_models_see_grey_levels(likelihood, digits):
    assert likelihood.held_out(digits.test.images) is digits.test.images
    levels = np.array([0.2, 0.7], np.float32)
    np.testing.assert_array_equal(likelihood.prepare(levels, lambda: pytest.fail("no noise is needed")), levels)


def test_wrong_name_is_named_with_the_choices():
    with pytest.raises(ValueError, match=r"likelihood must be one of bernoulli, .*normal.*; got 'poisson'"):
        likelihoods.make("poisson")
