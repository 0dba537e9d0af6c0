"""What users hand to a model: taken where it is right, and named with the choices where it is not."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgen import inputs

PETS = ("cat", "dog", "fish")


@pytest.mark.parametrize("kind", [np.uint8, np.bool_, np.float16, np.float32, np.float64])
def test_images_of_every_kind_become_fractions(kind):
    image = (np.eye(20)[None, ..., None] * (255 if kind == np.uint8 else 1)).astype(kind)
    taken = inputs.images(image, (20, 20, 1))
    assert taken.dtype == np.float32
    np.testing.assert_array_equal(taken[0, ..., 0], np.eye(20))
    assert inputs.image_array(image, (20, 20, 1)).dtype == kind


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        (np.zeros([2, 20, 20, 3]), ValueError, ["[B, 20, 20, 1]", "[2, 20, 20, 3]"]),
        (np.zeros([2, 1, 20, 20]), ValueError, ["[2, 1, 20, 20]", "numpy.moveaxis(image, -3, -1)"]),
        (np.zeros([40, 20]), ValueError, ["[40, 20]", "image.reshape(2, 20, 20, 1)"]),
        (np.zeros([2, 10, 40]), ValueError, ["[2, 10, 40]", "image.reshape(2, 20, 20, 1)"]),
        (np.zeros([2, 20, 21]), ValueError, ["[B, 20, 20, 1]", "[2, 20, 21]"]),
        (np.float32(0.5), ValueError, ["[B, 20, 20, 1]", "[]"]),
        (np.zeros([1, 20, 20, 1], np.int32), TypeError, ["uint8", "bool", "float", "int32", "astype"]),
        (np.zeros([1, 20, 20, 1], np.complex64), TypeError, ["uint8", "complex64"]),
        (np.full([1, 20, 20, 1], 1.5), ValueError, ["[0, 1]", "1.5", "divide by 255"]),
        (np.full([1, 20, 20, 1], -0.5), ValueError, ["[0, 1]", "values in [-0.5, -0.5]"]),
        (np.full([1, 20, 20, 1], 300.0), ValueError, ["[0, 1]", "values in [300, 300]"]),
        (np.full([1, 20, 20, 1], np.nan), ValueError, ["[0, 1]", "NaN"]),
        (Image.new("L", (21, 20)), ValueError, ["20 x 20", "21 x 20", "image.resize((20, 20))"]),
        (["picture.png"], TypeError, ["image", "numbers"]),
        ([[1, 2], [3]], TypeError, ["image", "array"]),
        (None, TypeError, ["image", "NoneType"]),
    ],
)
def test_wrong_images_are_named(image, error, words):
    with pytest.raises(error) as caught:
        inputs.images(image, (20, 20, 1))
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("shape", [(20, 20), (1, 20, 20), (20, 20, 1), (400,), (1, 400), (1, 20, 20, 1)])
def test_shapes_that_can_mean_one_thing_are_taken(shape):
    level = np.arange(400, dtype=np.float32) / 400
    taken = inputs.images(level.reshape(shape), (20, 20, 1))
    np.testing.assert_array_equal(taken, level.reshape(1, 20, 20, 1))
    np.testing.assert_array_equal(inputs.images(level.reshape(shape).tolist(), (20, 20, 1)), taken)


def test_rows_of_pixels_are_images_and_a_batch_stays_one():
    colour = np.random.default_rng(0).random([3, 20, 24, 3])
    np.testing.assert_array_equal(inputs.image_array(colour.reshape(3, -1), (20, 24, 3)), colour)
    grey = colour[..., 0]
    np.testing.assert_array_equal(inputs.image_array(grey, (20, 24, 1)), grey[..., None])
    with pytest.raises(ValueError, match=r"shape \[B, 20, 24, 3\], got \[3, 20, 24\]"):
        inputs.image_array(grey, (20, 24, 3))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "CMYK", "LA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pillow_images_are_laid_on_white_and_given_the_channels_of_the_model(mode, channels):
    picture = Image.new("RGBA", (24, 20), (0, 0, 0, 0)).convert(mode)
    taken = inputs.image_array(picture, (20, 24, channels))
    assert (taken.shape, taken.dtype) == ((1, 20, 24, channels), np.uint8)
    assert (taken == (255 if mode in ("RGBA", "LA", "P") else 0)).all()
    np.testing.assert_array_equal(inputs.image_array([picture, picture], (20, 24, channels)), np.repeat(taken, 2, 0))


def test_no_images_are_images():
    assert inputs.images(np.zeros([0, 20, 20, 1]), (20, 20, 1)).shape == (0, 20, 20, 1)


@pytest.mark.parametrize("label", [3, np.int64(3), [3, 3], np.array([3, 3], np.uint8), tf.constant([3, 3]), "3"])
def test_label_is_one_class_or_one_a_row(label):
    taken = inputs.labels(label, 2, inputs.DIGITS, "cvae")
    assert taken.dtype == np.int64
    np.testing.assert_array_equal(taken, [3, 3])


@pytest.mark.parametrize("label", [["fish", "cat"], np.array(["fish", "cat"]), ("fish", "cat"), [2, 0]])
def test_labels_may_be_names(label):
    np.testing.assert_array_equal(inputs.labels(label, 2, PETS, "cvae"), [2, 0])


def test_one_name_holds_for_every_row():
    np.testing.assert_array_equal(inputs.labels("dog", 3, PETS, "cvae"), [1, 1, 1])
    assert inputs.labels("dog", 0, PETS, "cvae").shape == (0,)


def test_any_number_may_be_right_where_classes_are_not_known():
    np.testing.assert_array_equal(inputs.labels([0, 999], 2, None, "aae"), [0, 999])
    with pytest.raises(ValueError, match="an int from 0 on; got -1"):
        inputs.labels(-1, 1, None, "aae")
    with pytest.raises(TypeError, match="an int from 0 on"):
        inputs.labels("cat", 1, None, "aae")


@pytest.mark.parametrize(
    ("label", "names", "error", "words"),
    [
        (None, inputs.DIGITS, TypeError, ["cvae", "label=", "0..9"]),
        (None, PETS, TypeError, ["cvae", "label=", "0..2", "'cat', 'dog', 'fish'"]),
        (10, inputs.DIGITS, ValueError, ["0..9", "10"]),
        (-1, inputs.DIGITS, ValueError, ["0..9", "-1"]),
        ([1, 11], inputs.DIGITS, ValueError, ["0..9", "11"]),
        (2.0, inputs.DIGITS, TypeError, ["0..9", "2.0"]),
        (True, inputs.DIGITS, TypeError, ["0..9", "True"]),
        ("cow", PETS, ValueError, ["0..2", "'cat', 'dog', 'fish'", "'cow'"]),
        (["cat", "cow"], PETS, ValueError, ["'cat', 'dog', 'fish'", "'cow'"]),
        ("11", inputs.DIGITS, ValueError, ["0..9", "'11'"]),
        ([1, 2, 3], inputs.DIGITS, ValueError, ["2 of them", "[3]"]),
        (["cat", "dog", "cat"], PETS, ValueError, ["2 of them", "[3]"]),
        ([[1, 2]], inputs.DIGITS, ValueError, ["2 of them", "[1, 2]"]),
        ([], inputs.DIGITS, ValueError, ["2 of them", "[0]"]),
    ],
)
def test_wrong_labels_are_named(label, names, error, words):
    with pytest.raises(error) as caught:
        inputs.labels(label, 2, names, "cvae")
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("label", "count"), [(None, None), (3, None), (np.int64(3), None), ("cat", None), ([3, 4], 2), (["cat"], 1)]
)
def test_rows_that_a_label_stands_for(label, count):
    assert inputs.label_count(label) == count


def test_codes_become_float32():
    taken = inputs.latents([[1, 2], [3, 4]], 2)
    assert taken.dtype == np.float32
    np.testing.assert_array_equal(taken, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("latent", "error", "words"),
    [
        (np.zeros([2, 4]), ValueError, ["[B, 3]", "[2, 4]"]),
        (np.zeros(3), ValueError, ["[B, 3]", "[3]"]),
        (np.full([2, 3], np.inf), ValueError, ["finite", "infinity"]),
        (np.zeros([2, 3], bool), TypeError, ["numbers", "bool"]),
        ([["a", "b", "c"]], TypeError, ["latent", "numbers"]),
    ],
)
def test_wrong_codes_are_named(latent, error, words):
    with pytest.raises(error) as caught:
        inputs.latents(latent, 3)
    assert all(word in str(caught.value) for word in words), str(caught.value)
