"""Data sets from arrays: values of every usual type end as the same uint8, labels as indices into class names."""

import numpy as np
import pytest

from tfgen import data
from tfgen.data import arrays


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (20, 16, 16, 1), np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_every_type_gives_the_same_images(images, dtype):
    stored = (images / 255).astype(dtype) if np.issubdtype(dtype, np.floating) else images.astype(dtype)
    np.testing.assert_array_equal(arrays.uint8_images(stored), images)
    assert arrays.uint8_images(stored[..., 0]).shape == images.shape


def test_bool_images_are_black_and_white(images):
    np.testing.assert_array_equal(np.unique(arrays.uint8_images(images > 127)), [0, 255])


def test_integers_that_reach_only_1_are_refused(images):
    with pytest.raises(ValueError, match=r"got 0 and 1 only; store them as bool or float"):
        arrays.uint8_images((images > 127).astype(np.uint8))


def test_channels_that_come_first_are_noticed(images):
    with pytest.raises(ValueError, match=r"got 16 in \[20, 1, 16, 16\]; channels come last"):
        arrays.uint8_images(images.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("wrong", [np.zeros((20, 256)), np.zeros((0, 16, 16)), np.zeros((2, 2, 16, 16, 1))])
def test_other_shapes_are_refused(wrong):
    with pytest.raises(ValueError, match=r"shape \["):
        arrays.uint8_images(wrong)


@pytest.mark.parametrize(
    ("labels", "classes", "names", "numbers"),
    [
        ([3, 5, 3], None, ("3", "5"), [0, 1, 0]),
        (["dog", "cat", "dog"], None, ("cat", "dog"), [1, 0, 1]),
        ([b"dog", b"cat", b"dog"], None, ("cat", "dog"), [1, 0, 1]),
        ([2, 0, 2], ["a", "b", "c"], ("a", "b", "c"), [2, 0, 2]),
        (["c", "a", "c"], ["a", "b", "c"], ("a", "b", "c"), [2, 0, 2]),
        ([True, False, True], None, ("0", "1"), [1, 0, 1]),
    ],
)
def test_labels_become_indices_of_class_names(labels, classes, names, numbers):
    (found,), found_names = arrays.class_numbers([labels], classes)
    assert found_names == names
    assert found.dtype == np.int64
    assert list(found) == numbers


def test_parts_share_their_classes():
    (train, test), names = arrays.class_numbers([[0, 1, 2], [2, 2]])
    assert names == ("0", "1", "2")
    assert (list(train), list(test)) == ([0, 1, 2], [2, 2])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"labels": [-1] * 20}, "integers from 0 on, got -1"),
        ({"labels": [2] * 20, "classes": 2}, r"must be in 0\.\.1, the indices of the 2 classes; got 2"),
        ({"labels": ["x"] * 20, "classes": ["a", "b"]}, "among the classes a, b; got 'x'"),
        ({"classes": ["a", "b"]}, "there are no labels"),
        ({"image_size": 300}, r"image_size .* 16\.\.128, got 300"),
        ({"channels": 4}, "channels must be one of 1, 3; got 4"),
    ],
)
def test_what_cannot_be_meant_is_refused(images, options, words):
    with pytest.raises(ValueError, match=words):
        data.from_arrays(images, **options)


def test_data_set_from_arrays_is_divided_by_the_seed(images):
    labels = np.arange(20)
    dataset = data.from_arrays(images, labels, name="mine", seed=1, classes=20)
    order = np.random.default_rng(1).permutation(20)
    np.testing.assert_array_equal(dataset.train.labels, order[:16])
    np.testing.assert_array_equal(dataset.test.images, images[order[18:]])
    assert (dataset.name, dataset.source, dataset.sha256) == ("mine", "", "")


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("form", ["images", "pairs", "dictionaries"])
def test_tf_data_gives_what_the_arrays_give(images, batched, form):
    import tensorflow as tf

    labels = np.arange(20) % 3
    content = {"images": images, "pairs": (images, labels), "dictionaries": {"image": images, "label": labels}}[form]
    elements = tf.data.Dataset.from_tensor_slices(content)
    found = data.from_arrays(elements.batch(8) if batched else elements)
    expected = data.from_arrays(images, None if form == "images" else labels)
    np.testing.assert_array_equal(found.train.images, expected.train.images)
    np.testing.assert_array_equal(found.train.labels, expected.train.labels)
    assert found.classes == expected.classes


def test_tf_data_without_images_is_refused(images):
    import tensorflow as tf

    with pytest.raises(ValueError, match="'image' among their keys"):
        data.from_arrays(tf.data.Dataset.from_tensor_slices({"picture": images}))
    with pytest.raises(ValueError, match="holds its own labels"):
        data.from_arrays(tf.data.Dataset.from_tensor_slices(images), np.zeros(20, int))
    with pytest.raises(ValueError, match="is empty"):
        data.from_arrays(tf.data.Dataset.from_tensor_slices(images[:0]))
