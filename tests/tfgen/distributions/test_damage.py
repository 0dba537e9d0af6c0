"""Damage: what it leaves, what it takes, and that what is known of an image stays known."""

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.distributions import damage

SHAPE = (28, 28, 1)
ALL = ("quadrants:1", "half", "random:0.3", "holes", "gaussian:0.1-0.5", "salt:0.2", "blocks:4")


@pytest.fixture(scope="module")
def images(digits):
    return tf.constant(digits.test.images[:20] / np.float32(255))


def damaged(words, images, seed=0):
    made = damage.Damage(words, images.shape[1:])
    return made, made(images, made.noise(tf.constant(tfgen.row_seeds(seed, len(images))))).numpy()


@pytest.mark.parametrize("words", ALL)
def test_each_image_is_damaged_by_its_own_seed(words, images):
    made, both = damaged(words, images)
    assert both.shape == (20, *made.shape)
    alone = made(images[3:4], made.noise(tf.constant(tfgen.row_seeds(0, 20)[3:4]))).numpy()
    np.testing.assert_array_equal(alone[0], both[3])
    assert not np.array_equal(both, damaged(words, images, 1)[1]) or not made.numbers


@pytest.mark.parametrize("words", ["quadrants:3", "random:0.3", "holes"])
def test_masks_leave_the_other_pixels_as_they_are(words, images):
    made, left = damaged(words, images)
    missing = left == damage.MISSING
    assert 0 < missing.mean() < 1
    np.testing.assert_array_equal(left[~missing], images.numpy()[~missing])
    np.testing.assert_array_equal(made.missing(left).numpy() > 0, missing)
    np.testing.assert_array_equal(made.consistent(images, left), images)


def test_noise_is_as_strong_as_it_says(images):
    grey = tf.fill([50, *SHAPE], 0.5)
    assert damaged("gaussian:0.1", grey)[1].std() == pytest.approx(0.1, rel=0.02)
    left = damaged("salt:0.2", grey)[1]
    assert (left != 0.5).mean() == pytest.approx(0.2, abs=0.01)
    assert (left == 1).mean() == pytest.approx(0.1, abs=0.01)
    levels = damaged("gaussian:0.1-0.3", grey)[1].std((1, 2, 3))
    assert 0.09 < levels.min() < 0.13 < 0.25 < levels.max() < 0.31


def test_block_means_and_grey_levels_are_kept_by_what_is_made_consistent(images):
    made, left = damaged("blocks:4", images)
    np.testing.assert_allclose(left, images.numpy().reshape(20, 7, 4, 7, 4, 1).mean((2, 4)), atol=1e-6)
    restored = made.consistent(tf.fill(images.shape, 0.5), left)
    inner = (left > 0.02) & (left < 0.98)  # elsewhere a level may be clipped
    np.testing.assert_allclose(made(restored, None).numpy()[inner], left[inner], atol=1e-5)
    colours = tf.constant(np.random.default_rng(0).random((3, 8, 8, 3), np.float32))
    grey, levels = damaged("grey", colours)
    np.testing.assert_allclose(levels[..., 0], colours.numpy() @ np.array(damage.LUMINANCE), atol=1e-6)
    half = grey.consistent(tf.fill(colours.shape, 0.5), levels)
    np.testing.assert_allclose(damage.luminance(half), levels, atol=1e-5)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "quadrants",
        "quadrants:4",
        "random:1",
        "random:0",
        "salt:1.5",
        "gaussian",
        "gaussian:0.5-0.1",
        "blocks:1",
        "fog",
        3,
    ],
)
def test_other_damage_is_refused_with_the_choices(words):
    with pytest.raises((TypeError, ValueError), match=r"damage must be one of quadrants:1, .* got"):
        damage.Damage(words, SHAPE)


def test_damage_that_images_of_this_shape_cannot_have_is_refused():
    with pytest.raises(ValueError, match="28 x 28 cannot be cut into blocks of 5"):
        damage.Damage("blocks:5", SHAPE)
    with pytest.raises(ValueError, match="takes the colour of images"):
        damage.Damage("grey", SHAPE)
