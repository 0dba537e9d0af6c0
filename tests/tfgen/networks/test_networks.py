"""Networks: the shapes they promise for images of any size, leading axes, and the mirror of an encoder."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgen.distributions import likelihoods
from tfgen.networks import autoencoder, common, convolutional, dense

KINDS = [("dense", (24, 16)), ("conv", (4, 6))]
SHAPES = [(28, 28, 1), (32, 32, 3), (17, 30, 1), (16, 16, 3), (50, 21, 1)]


def model(image_shape=(28, 28, 1), classes=10):
    """What `autoencoder.make` reads of a model."""
    names = tuple(map(str, range(classes)))
    return SimpleNamespace(
        image_shape=image_shape, latent_dim=3, pixels=likelihoods.Bernoulli(image_shape), class_names=names
    )


@pytest.mark.parametrize(("kind", "widths"), KINDS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("labelled", [False, True])
def test_shapes_with_labels_and_without(kind, widths, shape, labelled):
    images, codes, labels = tf.ones([2, *shape]), tf.ones([2, 3]), tf.one_hot([3, 4], 10)
    encoder, decoder = autoencoder.make(kind, widths, model(shape), 6, labelled)
    assert encoder([images, labels] if labelled else images).shape == (2, 6)
    assert decoder([codes, labels] if labelled else codes).shape == (2, *shape)


@pytest.mark.parametrize(("kind", "widths"), KINDS)
def test_label_matters(kind, widths):
    codes, labels = tf.ones([10, 3]), tf.eye(10)
    _, decoder = autoencoder.make(kind, widths, model(), 6, labelled=True)
    logits = decoder([codes, labels]).numpy().reshape(10, -1)
    assert len(np.unique(logits.round(4), axis=0)) == 10


@pytest.mark.parametrize(("kind", "widths"), KINDS)
def test_leading_axes_are_kept(kind, widths):
    _, decoder = autoencoder.make(kind, widths, model(), 6)
    codes = tf.random.stateless_normal([4, 5, 3], [0, 0])
    logits = common.apply(decoder, codes)
    assert logits.shape == (4, 5, 28, 28, 1)
    np.testing.assert_allclose(logits[2], decoder(codes[2]), atol=1e-5)


def test_decoder_mirrors_its_encoder():
    widths = [
        [weight.shape[1] for weight in network.weights if len(weight.shape) == 2]
        for network in autoencoder.make("dense", (24, 16), model(), 6)
    ]
    assert widths == [[24, 16, 6], [16, 24, 784]]


@pytest.mark.parametrize(
    ("shape", "sides"),
    [
        ((28, 28, 1), [(28, 28), (14, 14), (7, 7)]),
        ((16, 16, 1), [(16, 16), (8, 8), (4, 4)]),
        ((32, 32, 3), [(32, 32), (16, 16), (8, 8)]),
        ((64, 64, 3), [(64, 64), (32, 32), (16, 16), (8, 8)]),
        ((17, 30, 1), [(17, 30), (9, 15), (5, 8)]),
        ((128, 100, 3), [(128, 100), (64, 50), (32, 25), (16, 13), (8, 7)]),
    ],
)
def test_stages_halve_the_maps_to_eight_pixels_or_less(shape, sides):
    assert convolutional.sizes(shape) == sides


def test_28_by_28_pixels_are_two_stages_and_nothing_is_cropped():
    """What the weights that ship were trained with."""
    channels = convolutional.stage_channels("channels", (), (28, 28, 1))
    assert channels == (32, 64)
    encoder = convolutional.encoder((28, 28, 1), 6, channels)
    decoder = convolutional.decoder(3, (28, 28, 1), channels)
    maps = [layer.output.shape[1:] for layer in encoder.layers if _strides(layer) == (2, 2)]
    assert maps == [(14, 14, 32), (7, 7, 64)]
    maps = [layer.output.shape[1:] for layer in decoder.layers if _strides(layer) == (2, 2)]
    assert maps == [(14, 14, 32), (28, 28, 1)]
    assert not [layer for layer in decoder.layers if isinstance(layer, keras.layers.Cropping2D)]


def _strides(layer):
    return getattr(layer, "strides", None)


def test_the_last_channels_hold_for_further_stages():
    assert convolutional.stage_channels("channels", (4, 6), (100, 128, 3)) == (4, 6, 6, 6)
    assert convolutional.stage_channels("channels", (4,), (28, 28, 1)) == (4, 4)


def test_maps_are_cropped_to_the_encoders_at_their_end():
    maps = tf.reshape(tf.range(1 * 4 * 6 * 1), [1, 4, 6, 1])
    np.testing.assert_array_equal(convolutional.cropped(maps, (3, 6)), maps[:, :3])
    np.testing.assert_array_equal(convolutional.cropped(maps, (3, 5)), maps[:, :3, :5])
    assert convolutional.cropped(maps, (4, 6)) is maps


@pytest.mark.parametrize(
    ("kind", "widths", "words"),
    [
        ("round", (8,), ["network", "dense, conv", "'round'"]),
        ("dense", (8, 0), ["hidden_units", "0"]),
        ("conv", (8, 8, 8), ["hidden_units", "at most 2", "28 x 28", "8 8 8"]),
        ("conv", (8, 0), ["hidden_units", "0"]),
    ],
)
def test_wrong_networks_are_named(kind, widths, words):
    with pytest.raises(ValueError, match=words[0]) as caught:
        autoencoder.make(kind, widths, model(), 6)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_default_widths_are_the_papers():
    assert dense.widths(()) == (500, 500)
    assert dense.widths([3, np.int64(4)]) == (3, 4)


@pytest.mark.parametrize("classes", [0, 10])
def test_discriminator_of_codes_gives_a_logit(classes):
    network = dense.code_discriminator(3, (8,), classes)
    codes, labels = tf.ones([2, 3]), tf.one_hot([3, 4], 10)
    assert network([codes, labels] if classes else codes).shape == (2, 1)


def test_labels_are_repeated_over_leading_axes():
    vectors = common.one_hot(tf.constant([1, 0]), [4, 2], 3)
    assert vectors.shape == (4, 2, 3)
    np.testing.assert_array_equal(vectors[3], [[0, 1, 0], [1, 0, 0]])
    assert not common.one_hot(tf.constant([3]), [1], 3).numpy().any()


def test_precision_holds_for_a_block_and_outputs_stay_float32():
    before = keras.config.dtype_policy()
    with common.precision("mixed_bfloat16"):
        network = dense.encoder((16, 16, 1), 2, (4,))
    assert keras.config.dtype_policy() == before
    assert {layer.compute_dtype for layer in network.layers if isinstance(layer, keras.layers.Dense)} == {"bfloat16"}
    assert network(tf.ones([1, 16, 16, 1])).dtype == tf.float32
    assert {variable.dtype for variable in network.weights} == {"float32"}
    with pytest.raises(ValueError, match="precision must be one of float32, mixed_bfloat16"), common.precision("half"):
        pass
