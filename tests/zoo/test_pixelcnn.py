"""PixelCNN and MADE: what each value depends on, the sum over all images, draws with and without kept maps."""

import functools
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import checks
from tfgen.models import Autoregressive
from zoo.models import pixelcnn

NETWORKS = ({"filters": 4, "depth": 3}, {"network": "made", "hidden_units": 60})
names = pytest.mark.parametrize("network", NETWORKS, ids=["gated", "made"])


def built(**hyperparameters):
    """A small model whose weights are off their start."""
    keras.utils.set_random_seed(0)
    model = pixelcnn.build(**pixelcnn.SMALL | hyperparameters)
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(weight + 0.3 * generator.standard_normal(weight.shape))
    return model


@pytest.fixture
def tiny_images(monkeypatch):
    """Images may be as small as 2 x 2."""
    monkeypatch.setattr(checks, "SMALLEST_SIDE", 2)


@names
@pytest.mark.parametrize("shape", [(4, 4, 1), (2, 3, 3)])
def test_values_depend_on_all_values_before_them_and_on_no_other(network, shape, tiny_images):
    """By the Jacobian of the raw parameters: strictly triangular, and without a blind spot nowhere else zero."""
    likelihood = "bernoulli" if shape[-1] == 1 else "logistic"
    model = built(image_shape=shape, likelihood=likelihood, **network | ({"depth": 6} if "depth" in network else {}))
    values = int(np.prod(shape))
    image = tf.repeat(tf.constant(np.random.default_rng(1).random([1, *shape]).astype(np.float32)), values, 0)
    with tf.autodiff.ForwardAccumulator(image, tf.reshape(tf.eye(values), [values, *shape])) as tangents:
        parameters = model.parameters(image)
    jacobian = np.moveaxis(tangents.jvp(parameters).numpy(), 0, -1)  # a column a row of the batch
    jacobian = jacobian.reshape(values // shape[-1], -1, shape[-1], values)  # pixel, parameter, channel, value
    for pixel, channel in itertools.product(range(len(jacobian)), range(shape[-1])):
        own = pixel * shape[-1] + channel
        slopes = np.abs(jacobian[pixel, :, channel]).max(0)
        np.testing.assert_array_equal(slopes[own:], 0, err_msg=f"value {own}")
        assert (slopes[:own] > 0).all(), f"value {own} does not see {np.flatnonzero(slopes[:own] == 0)}"


@names
def test_probabilities_of_all_binary_images_sum_to_one(network, tiny_images):
    model = built(image_shape=(2, 2, 1), **network)
    images = np.array(list(itertools.product([0, 1], repeat=4)), np.float32).reshape(16, 2, 2, 1)
    probabilities = np.exp(model.log_likelihood(images))
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert probabilities.std() > 0.01


@names
def test_frequencies_of_samples_are_the_probabilities(network, tiny_images):
    model = built(image_shape=(2, 2, 1), **network)
    images = np.array(list(itertools.product([0, 1], repeat=4)), np.float32).reshape(16, 2, 2, 1)
    samples = model.sample(20_000, seed=0).numpy().reshape(-1, 4)
    found = np.bincount((samples @ [8, 4, 2, 1]).astype(int), minlength=16) / 20_000
    np.testing.assert_allclose(found, np.exp(model.log_likelihood(images)), atol=0.015)  # 4 standard errors


@pytest.mark.parametrize(
    "options",
    [
        {"image_shape": (5, 6, 1)},
        {"image_shape": (4, 5, 3), "likelihood": "logistic", "conditional": True},
        {"image_shape": (5, 5, 1), "likelihood": "normal_global_stddev"},
        {"image_shape": (5, 5, 1), "likelihood": "normal_pixel_stddev"},
    ],
    ids=["binary", "colour", "normal", "pixel_stddev"],
)
@pytest.mark.parametrize("network", ["gated", "made"])
def test_cached_draws_are_those_of_whole_passes(network, options, tiny_images):
    model = built(depth=3, filters=6, hidden_units=50, network=network, **options)
    label = {"label": tf.constant([1, 0, 2], tf.int64)} if model.conditional else {}
    uniform = model.uniform_rows(tfgen.row_seeds(0, 3))
    known = tf.constant(np.random.default_rng(2).random(uniform.shape) < 0.3)
    image = tf.constant(np.random.default_rng(3).random(uniform.shape).astype(np.float32).round())
    draws = model.draw_pixels, functools.partial(Autoregressive.draw_pixels, model)
    cached, naive = (tf.function(draw, autograph=False)(uniform, image, known, **label) for draw in draws)
    np.testing.assert_allclose(cached, naive, atol=1e-5)
    assert cached.shape == uniform.shape
    assert np.std(cached) > 0


@names
def test_completion_keeps_what_is_known_and_draws_the_rest(network):
    model = built(image_shape=(16, 16, 1), **network)
    image = (np.random.default_rng(0).random([3, 16, 16, 1]) < 0.5).astype(np.float32)
    known = np.arange(16)[:, None, None] < 8
    whole = model.complete(image, known, seed=1).numpy()
    np.testing.assert_array_equal(whole[:, :8], image[:, :8])
    assert 0.1 < whole[:, 8:].mean() < 0.9
    np.testing.assert_array_equal(whole, model.complete(image, known, seed=1))
    assert not np.array_equal(whole, model.complete(image, known, seed=2))
    np.testing.assert_array_equal(model.complete(image, False, seed=1), model.sample(3, seed=1))
    np.testing.assert_array_equal(model.complete(image, True, seed=1), image)


def test_made_draws_a_row_alike_in_any_batch():
    """To the last level: a sum that rounded otherwise would now and then tip one over."""
    model = built(image_shape=(16, 16, 3), likelihood="logistic", network="made", hidden_units=100)
    rows = tfgen.row_seeds(0, 9)
    whole = model.sample(9, seed=rows)
    for row in (0, 8):
        np.testing.assert_array_equal(model.sample(1, seed=rows[row : row + 1])[0], whole[row])


def test_log_likelihood_is_that_of_its_conditional_means():
    model = built(image_shape=(16, 16, 1))
    image = (np.random.default_rng(0).random([3, 16, 16, 1]) < 0.5).astype(np.float32)
    mean = model(image).numpy()
    expected = (image * np.log(mean) + (1 - image) * np.log(1 - mean)).sum((1, 2, 3))
    np.testing.assert_allclose(model.log_likelihood(image), expected, rtol=1e-4)


@names
def test_class_changes_the_probability_where_the_model_is_told_it(network):
    model = built(image_shape=(16, 16, 1), conditional=True, classes=("cat", "dog"), **network)
    image = np.zeros([1, 16, 16, 1])
    cat, dog = (float(model.log_likelihood(image, label=label)[0]) for label in ("cat", "dog"))
    assert cat != pytest.approx(dog, rel=1e-3)


def test_it_has_no_code_and_says_so():
    model = built(image_shape=(16, 16, 1))
    assert list(model.signatures()) == ["serving_default", "sample", "score"]
    for name in ("decode", "draw_prior"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}': pixelcnn has no code, which vae"):
            getattr(model, name)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"network": "dense"}, "network must be one of gated, made; got 'dense'"),
        ({"filters": 0}, "filters must be at least 1, got 0"),
        ({"depth": 0}, "depth must be at least 1, got 0"),
        ({"network": "made", "hidden_units": 0}, "hidden_units must be at least 1, got 0"),
    ],
)
def test_hyperparameters_out_of_range_are_named(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        built(**wrong)
