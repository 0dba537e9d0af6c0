"""Networks: the shapes they promise, any number of leading axes, and the mirror of an encoder."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen import networks

KINDS = [("dense", (24, 16)), ("conv", (4, 6))]


@pytest.mark.parametrize(("kind", "widths"), KINDS)
@pytest.mark.parametrize("classes", [0, 10])
def test_shapes_with_labels_and_without(kind, widths, classes):
    images, codes, labels = tf.ones([2, 28, 28, 1]), tf.ones([2, 3]), tf.one_hot([3, 4], 10)
    encoder = networks.encoder(kind, 6, widths, classes)
    decoder = networks.decoder(kind, 3, widths, classes)
    assert encoder([images, labels] if classes else images).shape == (2, 6)
    assert decoder([codes, labels] if classes else codes).shape == (2, 28, 28, 1)


@pytest.mark.parametrize(("kind", "widths"), KINDS)
def test_label_matters(kind, widths):
    codes, labels = tf.ones([10, 3]), tf.eye(10)
    logits = networks.decoder(kind, 3, widths, 10)([codes, labels]).numpy().reshape(10, -1)
    assert len(np.unique(logits.round(4), axis=0)) == 10


@pytest.mark.parametrize(("kind", "widths"), KINDS)
def test_leading_axes_are_kept(kind, widths):
    decoder = networks.decoder(kind, 3, widths)
    codes = tf.random.stateless_normal([4, 5, 3], [0, 0])
    logits = networks.apply(decoder, codes)
    assert logits.shape == (4, 5, 28, 28, 1)
    np.testing.assert_allclose(logits[2], decoder(codes[2]), atol=1e-5)


def test_decoder_mirrors_its_encoder():
    encoder, decoder = networks.encoder("dense", 6, (24, 16)), networks.decoder("dense", 3, (24, 16))
    widths = [[weight.shape[1] for weight in net.weights if len(weight.shape) == 2] for net in (encoder, decoder)]
    assert widths == [[24, 16, 6], [16, 24, 784]]


@pytest.mark.parametrize(
    ("kind", "widths", "words"),
    [("round", (8,), ["network", "dense, conv", "'round'"]), ("dense", (8, 0), ["hidden_units", "0"])],
)
def test_wrong_networks_are_named(kind, widths, words):
    with pytest.raises(ValueError, match=words[0]) as caught:
        networks.check(kind, widths)
    assert all(word in str(caught.value) for word in words), str(caught.value)
