"""Sums of codes: what is measured of images, against strokes that are drawn to measure, and whose codes are added."""

import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.storage import entries
from tfgen.tasks.common import attributes, codes
from tfgen.training import loop


def stroke(width=3.0, slope=0.0, length=20.0) -> np.ndarray:
    """A smooth straight stroke [1, 40, 40, 1] that leans `slope` pixels to the right for each one that it rises."""
    y, x = np.mgrid[:40, :40] - 19.5
    across = np.abs(x + slope * y) / np.hypot(1, slope)
    inside = np.clip(width / 2 + 0.5 - across, 0, 1) * np.clip(length / 2 + 0.5 - np.abs(y), 0, 1)
    return inside[None, :, :, None]


def of(image, name) -> float:
    return float(attributes.measure(image)[name][0])


@pytest.mark.parametrize("width", [2, 3, 5])
def test_thickness_is_the_width_of_a_stroke(width):
    assert of(stroke(width, length=30), "thickness") == pytest.approx(width, rel=0.25)
    assert of(stroke(width, slope=0.5, length=30), "thickness") == pytest.approx(width, rel=0.25)
    assert of(stroke(width + 1), "thickness") > of(stroke(width), "thickness")


@pytest.mark.parametrize("slope", [-0.6, 0, 0.3, 1])
def test_slant_is_the_angle_of_a_stroke_whatever_its_thickness_and_ink(slope):
    for image in (stroke(2, slope), stroke(4, slope), 0.3 * stroke(3, slope)):
        assert of(image, "slant") == pytest.approx(np.degrees(np.arctan(slope)), abs=2)


def test_ink_width_and_height_are_moments():
    wide = stroke(10, length=20)
    assert of(wide, "ink") == pytest.approx(200 / 1600, rel=0.02)
    assert of(wide, "width") == pytest.approx(10 / np.sqrt(12), rel=0.05)
    assert of(wide, "height") == pytest.approx(20 / np.sqrt(12), rel=0.05)
    assert of(0.5 * wide, "ink") == pytest.approx(100 / 1600, rel=0.02)


def test_an_empty_image_has_attributes_and_colours_are_those_above_the_others():
    assert all(np.isfinite(values).all() for values in attributes.measure(np.zeros((2, 16, 16, 1))).values())
    red = np.zeros((1, 16, 16, 3))
    red[..., 0] = 0.9
    assert of(red, "red") == pytest.approx(0.6)
    assert of(red, "blue") == pytest.approx(-0.3)
    assert "red" not in attributes.measure(red[..., :1])
    with pytest.raises(ValueError, match=r"images must have shape \[N, H, W, 1 or 3\], got \[28, 28\]"):
        tfgen.tasks.attributes(np.zeros((28, 28)))


def test_every_word_names_an_attribute_of_some_images():
    measured = attributes.measure(np.zeros((1, 8, 8, 3)))
    assert {name for name, _ in attributes.WORDS.values()} == set(measured) == set(attributes.UNITS)


def test_words_that_mean_nothing_or_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match=r"add must be one of thin, .* got 'bold'"):
        attributes.check(["bold"])
    with pytest.raises(ValueError, match="add takes one word about thickness, got thin and thick"):
        attributes.check(["thin", "thick"])
    with pytest.raises(ValueError, match="add needs at least one of"):
        attributes.check([])


def small(entry):
    loop.set_initial_seed(0)
    return entries.build(entry, entries.module(entry).SMALL)


@pytest.fixture(scope="module")
def few(digits):
    return digits.test.images[:6]


def test_the_sum_is_that_of_the_codes_of_the_encoder(few):
    model = small("vae")
    start, plus, minus = (model.encode(few[part])[0].numpy() for part in (slice(2), slice(2, 5), slice(4, 6)))
    made = tfgen.tasks.arithmetic(model, few[:2], few[2:5], few[4:], strength=0.5)
    expected = model.decode(start + 0.5 * (plus.mean(0) - minus.mean(0)))
    np.testing.assert_allclose(made, expected, atol=1e-5)
    same = tfgen.tasks.arithmetic(model, few[:2], few[3:], few[3:])
    np.testing.assert_allclose(same, model.reconstruct(few[:2]), atol=1e-5)


@pytest.mark.parametrize("entry", ["cvae", "iaf_vae", "aae", "discrete_vae", "autoencoder"])
def test_every_model_with_an_encoder_and_a_decoder_adds(entry, few):
    model = small(entry)
    told = {"label": [3, 3]} if model.conditional else {}
    made = tfgen.tasks.arithmetic(model, few[:2], few[2:5], few[2:5], **told)
    np.testing.assert_allclose(made, model.reconstruct(few[:2], **told), atol=1e-5)
    other = tfgen.tasks.arithmetic(model, few[:2], few[2:3], few[5:], strength=20, **told)
    assert other.shape == (2, 28, 28, 1)
    assert np.abs(other - made).max() > 1e-4


def test_a_gan_adds_codes(few):
    model = small("dcgan")
    drawn = codes.drawn(model, 6)
    made = tfgen.tasks.arithmetic(model, drawn[:2], drawn[2:4], drawn[4:])
    expected = model.decode(drawn[:2] + drawn[2:4].mean(0) - drawn[4:].mean(0))
    np.testing.assert_allclose(made, expected, atol=1e-5)
    with pytest.raises(ValueError, match="latent"):
        tfgen.tasks.arithmetic(model, few, few, few)
    with pytest.raises(ValueError, match=r"asks a model for decode and encode, or decode, which vae, .*; pixelcnn has"):
        tfgen.tasks.arithmetic(small("pixelcnn"), few, few, few)


def test_sums_of_discrete_codes_are_decoded_from_one_hot_codes():
    model = small("discrete_vae")
    random = np.random.default_rng(0)
    groups, classes = model.sizes
    soft = random.random((3, groups, classes))
    hard = tf.one_hot(soft.argmax(-1), classes).numpy().reshape(3, -1)
    np.testing.assert_allclose(codes.decoded(model, soft.reshape(3, -1)), model.decode(hard), atol=1e-6)


def test_a_group_is_the_tenth_with_most_or_least_of_an_attribute():
    module = tfgen.tasks.module("arithmetic")
    images = np.concatenate([stroke(slope=slope) for slope in np.linspace(-1, 1, 40)])
    groups, limits = module._groups(images, ["slanted", "backslanted"])
    assert sorted(groups["slanted"]) == [36, 37, 38, 39]
    assert sorted(groups["backslanted"]) == [0, 1, 2, 3]
    inside = module._measures(images, ["slanted"], limits, None)["came_out"]
    assert inside.tolist() == [0.0] * 36 + [100.0] * 4
