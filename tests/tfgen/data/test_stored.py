"""Images in a file are those of an array, however they are asked for, and binarised as an array is."""

import numpy as np
import pytest

from tfgen import files, inputs
from tfgen.data import stored

SHAPE = (40, 5, 4, 3)


@pytest.fixture
def array():
    return np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)


@pytest.fixture
def images(array, tmp_path):
    (tmp_path / "images").write_bytes(array.tobytes())
    return stored.StoredImages(tmp_path / "images", SHAPE, memory=1000)


@pytest.mark.parametrize(
    "rows",
    [slice(None), slice(3, 9), slice(30, 99), slice(0, 0), 7, [5, 2, 39, 2], np.array([], np.int64), slice(9, 2, -3)],
)
def test_rows_are_those_of_the_array(images, array, rows):
    found = images[rows]
    assert (found.dtype, len(images), images.shape) == (np.uint8, 40, SHAPE)
    np.testing.assert_array_equal(found, array[rows])
    np.testing.assert_array_equal(np.asarray(images), array)


def test_selected_images_are_those_of_the_selected_array(images, array):
    order = np.random.default_rng(1).permutation(40)
    for rows in (order, slice(8, 20), array[:, 0, 0, 0] > 128):
        chosen, expected = images.select(rows), array[rows]
        assert chosen.shape == expected.shape
        np.testing.assert_array_equal(chosen[:], expected)
        np.testing.assert_array_equal(chosen.select(slice(2, 5))[::-1], expected[2:5][::-1])


def test_binarised_parts_are_those_of_the_binarised_whole(images, array):
    whole, lazy = inputs.binarised(array, 3), inputs.binarised(images, 3)
    assert (lazy.shape, lazy.dtype, len(lazy)) == (whole.shape, whole.dtype, len(whole))
    for rows in (slice(None), slice(7), slice(7, 20), slice(33, 50)):
        np.testing.assert_array_equal(lazy[rows], whole[rows])
    np.testing.assert_array_equal(np.asarray(lazy), whole)


def test_images_are_put_where_they_belong(tmp_path, array):
    (tmp_path / "images").write_bytes(b"")
    in_file, in_memory = stored.StoredImages(tmp_path / "images", SHAPE, 0), np.empty(SHAPE, np.uint8)
    for images in (in_file, in_memory):
        stored.put(images, 0, array[:25])
        stored.put(images, 25, array[25:, ..., :1])  # grey ones among those in colour
        np.testing.assert_array_equal(images[:25], array[:25])
        np.testing.assert_array_equal(images[25:], array[25:, ..., [0, 0, 0]])


def test_what_can_no_longer_be_read_is_named(images, tmp_path):
    (tmp_path / "images").write_bytes(bytes(100))
    with pytest.raises(files.ReadError, match=r"images' cannot be read: it is cut off"):
        _ = images[1:3]
    (tmp_path / "images").unlink()
    with pytest.raises(files.ReadError, match=r"images' cannot be read: No such file"):
        _ = images[0]
