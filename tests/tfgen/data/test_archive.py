"""Files of arrays: what Keras and users write is read, and nothing in them is unpickled."""

import hashlib
import pickle
import re
import zipfile

import numpy as np
import pytest

from tfgen import data


@pytest.fixture
def write(tmp_path):
    """A function that writes arrays to mine.npz and returns its path."""

    def save(**arrays):
        np.savez(tmp_path / "mine.npz", **arrays)
        return tmp_path / "mine.npz"

    return save


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (20, 16, 18, 3), np.uint8)


def test_images_and_labels_are_read(write, images):
    labels = np.arange(20) % 4
    path = write(images=images, labels=labels)
    dataset = data.load(path, seed=2)
    order = np.random.default_rng(2).permutation(20)
    np.testing.assert_array_equal(dataset.train.images, images[order[:16]])
    np.testing.assert_array_equal(dataset.test.labels, labels[order[18:]])
    assert (dataset.name, dataset.source, dataset.classes) == ("mine", str(path), ("0", "1", "2", "3"))
    assert dataset.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_classes_are_named_by_the_file(write, images):
    path = write(images=images, labels=np.arange(20) % 2, classes=np.array(["cat", "dog", "fish"]))
    assert data.load(path).classes == ("cat", "dog", "fish")


def test_keras_own_layout_keeps_its_parts(write, images):
    """As in mnist.npz ([N, H, W]) and cifar10 (labels [N, 1])."""
    path = write(
        x_train=images[:15, ..., 0], y_train=np.arange(15)[:, None] % 3, x_test=images[15:, ..., 0], y_test=[[0]] * 5
    )
    dataset = data.load(path)
    assert dataset.image_shape == (16, 18, 1)
    np.testing.assert_array_equal(dataset.train.images[..., 0], images[:14, ..., 0])
    np.testing.assert_array_equal(dataset.validation.labels, [14 % 3])
    assert [split.name for split in (dataset.train, dataset.validation, dataset.test)] == [
        "train[:14]",
        "train[14:]",
        "test",
    ]
    assert list(dataset.test.labels) == [0] * 5


def test_images_are_resized_and_turned_grey(write, images):
    assert data.load(write(images=images), image_size=32, channels=1).image_shape == (32, 32, 1)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (
            {"pictures": np.zeros((20, 16, 16))},
            "has no images; it needs images .* or x_train and x_test .*; it has pictures",
        ),
        ({"x_train": np.zeros((20, 16, 16))}, "it has x_train"),
        ({"images": np.array([{}] * 20)}, "images has dtype object, which is not read"),
        ({"images": np.zeros((20, 16, 16)), "labels": np.array([{}] * 20)}, "labels has dtype object"),
        ({"images": np.zeros((20, 16, 16, 2), np.uint8)}, r"1 channel \(grey\) or 3 \(colour\), got 2"),
        ({"images": np.full((20, 16, 16), 1.5)}, r"must lie in \[0, 1\], got values in \[1.5, 1.5\]"),
        ({"images": np.full((20, 16, 16), 256)}, r"must lie in 0..255, got values in \[256, 256\]"),
        ({"images": np.full((20, 16, 16), np.nan)}, r"must lie in \[0, 1\], got NaN"),
        ({"images": np.zeros((20, 8, 8))}, "16 to 128 pixels a side, got 8 x 8; give --image-size"),
        ({"images": np.zeros((9, 16, 16))}, "has 9 images; at least 10 are needed"),
        ({"images": np.zeros((20, 16, 16)), "labels": np.zeros(19, int)}, r"labels must have shape \[20\].*got \[19\]"),
        (
            {"images": np.zeros((20, 16, 16)), "labels": np.zeros(20)},
            "labels must be integers or names, got dtype float64",
        ),
        (
            {"x_train": np.zeros((20, 16, 16)), "x_test": np.zeros((2, 16, 20))},
            r"differ in shape: train .*16, 16, 1.* test",
        ),
        ({"x_train": np.zeros((20, 16, 16)), "x_test": np.full((2, 16, 16), 2.0)}, "x_test of dtype float64 must lie"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(write, arrays, words):
    path = write(**arrays)
    with pytest.raises(ValueError, match=words) as caught:
        data.load(path)
    assert "mine.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_is_unpickled(tmp_path):
    """Not from an array of objects, and not from a pickle in place of the file."""
    ran = tmp_path / "ran"

    class Trap:
        def __reduce__(self):
            return (ran.touch, ())

    np.savez(tmp_path / "inside.npz", images=np.array([Trap()] * 20, object))
    (tmp_path / "whole.npz").write_bytes(pickle.dumps(Trap()))
    for name in ("inside.npz", "whole.npz"):
        with pytest.raises(ValueError, match=re.escape(name)):
            data.load(tmp_path / name)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no .npz file, or is cut off"),
        (b"text", "is no .npz file, or is cut off"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    ],
)
def test_other_files_are_refused(tmp_path, content, words):
    (tmp_path / "mine.npz").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        data.load(tmp_path / "mine.npz")


def test_damaged_files_are_refused(write, images, tmp_path):
    whole = write(images=images).read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    (tmp_path / "flipped.npz").write_bytes(flipped)
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:  # a header that promises more than there is
        header = (
            b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (1099511627776, 16, 16), }"
        )
        archive.writestr("images.npy", header.ljust(127) + b"\n")
    for name in ("half", "flipped", "huge"):
        with pytest.raises(ValueError, match=rf"{name}\.npz.*(cut off|cannot be read|does not fit)"):
            data.load(tmp_path / f"{name}.npz")
