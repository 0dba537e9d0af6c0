"""Splits and data sets: the protocol's binarisation, what config.json records, the embedded digits."""

import numpy as np
import pytest

from tfgen import data


def test_binarisation_is_the_protocols(digits):
    split = digits.test
    expected = np.random.default_rng(0).random(split.images.shape) < split.images / 255
    np.testing.assert_array_equal(split.binarised(), expected)
    assert split.binarised().dtype == bool
    assert (split.binarised(1) != expected).any()
    assert split.binarised().mean() == pytest.approx(split.images.mean() / 255, abs=0.005)


def test_data_set_says_what_it_consists_of(digits):
    assert digits.image_shape == (28, 28, 1)
    assert digits.splits["validation"] == {"split": "shuffled[1297:1497]", "images": 200}
    assert digits.protocol("grey") == "digits-grey"
    split = digits.test
    assert repr(split) == "Split('shuffled[1497:]', 300 images of 28 x 28 x 1)"
    assert data.Dataset("emnist/digits", split, split, split).protocol() == "emnist-digits-dynamic"


def test_embedded_digits_are_grey_images_in_three_parts(digits):
    parts = (digits.train, digits.validation, digits.test)
    assert [len(part.images) for part in parts] == [1297, 200, 300]
    for part in parts:
        assert part.images.shape[1:] == (28, 28, 1)
        assert part.images.dtype == np.uint8
        assert part.labels.dtype == np.int64
        assert set(part.labels) == set(range(10))
        assert part.images.max() > 240
    assert digits.classes == tuple("0123456789")


def test_embedded_digits_are_those_of_scikit_learn(digits):
    """Every 8 x 8 digit occurs, resized, under its own label."""
    from sklearn.datasets import load_digits

    source = load_digits()
    labels = np.concatenate([part.labels for part in (digits.train, digits.validation, digits.test)])
    np.testing.assert_array_equal(np.bincount(labels), np.bincount(source.target))
    images = np.concatenate([part.images for part in (digits.train, digits.validation, digits.test)])
    ours = np.array([images[labels == digit].mean((0, 3)) for digit in range(10)])
    theirs = np.array([source.images[source.target == digit].mean(0) for digit in range(10)]) * 255 / 16
    middles = np.arange(8) * 28 // 8 + 1  # of the 3.5 pixels that each of the 8 became
    coarse = ours[:, middles][:, :, middles]
    for digit in range(10):
        assert np.corrcoef(coarse[digit].ravel(), theirs[digit].ravel())[0, 1] > 0.95
