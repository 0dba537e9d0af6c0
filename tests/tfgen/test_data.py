"""Data sets: where they are found, how they are split, and what happens on a machine that has none."""

import socket
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tfgen import data

SIZES = {"train": 12, "test": 4}


def write_prepared(root, name, version="3.1.0"):
    """A folder that looks like a prepared TFDS data set to whoever only looks."""
    folder = root / name / version
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("{}")
    return folder


@pytest.fixture
def small_emnist(tmp_path, monkeypatch):
    """A TFDS directory with an emnist/digits of 12 and 4 images, and those images."""
    images = {part: np.random.default_rng(n).integers(0, 256, [n, 28, 28, 1], np.uint8) for part, n in SIZES.items()}
    examples = {part: {"image": stored, "label": np.arange(len(stored)) % 10} for part, stored in images.items()}
    tfds.dataset_builders.store_as_tfds_dataset(
        name="emnist",
        config="digits",
        version="3.1.0",
        data_dir=tmp_path,
        features=tfds.features.FeaturesDict(
            {"image": tfds.features.Image(shape=(28, 28, 1)), "label": tfds.features.ClassLabel(num_classes=10)}
        ),
        split_datasets={part: tf.data.Dataset.from_tensor_slices(content) for part, content in examples.items()},
        disable_shuffling=True,
    )
    monkeypatch.setattr(data, "VALIDATION", 5)
    return tmp_path, images


def test_embedded_digits_are_grey_images_in_three_parts(digits):
    parts = (digits.train, digits.validation, digits.test)
    assert [len(part.images) for part in parts] == [1297, 200, 300]
    for part in parts:
        assert part.images.shape[1:] == (28, 28, 1)
        assert part.images.dtype == np.uint8
        assert part.labels.dtype == np.int64
        assert set(part.labels) == set(range(10))
        assert part.images.max() > 240
    assert digits.protocol == "digits-dynamic"


def test_embedded_digits_are_those_of_scikit_learn(digits):
    """Every 8 x 8 digit occurs, resized, under its own label."""
    from sklearn.datasets import load_digits

    source = load_digits()
    labels = np.concatenate([part.labels for part in (digits.train, digits.validation, digits.test)])
    np.testing.assert_array_equal(np.bincount(labels), np.bincount(source.target))
    images = np.concatenate([part.images for part in (digits.train, digits.validation, digits.test)])
    ours = np.array([images[labels == digit].mean((0, 3)) for digit in range(10)])
    theirs = np.array([source.images[source.target == digit].mean(0) for digit in range(10)]) * 255 / 16
    centres = np.arange(8) * 28 // 8 + 1  # of the 3.5 pixels that each of the 8 became
    coarse = ours[:, centres][:, :, centres]
    for digit in range(10):
        assert np.corrcoef(coarse[digit].ravel(), theirs[digit].ravel())[0, 1] > 0.95


def test_binarisation_is_the_protocols(digits):
    split = digits.test
    expected = np.random.default_rng(0).random(split.images.shape) < split.images / 255
    np.testing.assert_array_equal(split.binarised(), expected)
    assert split.binarised().dtype == bool
    assert (split.binarised(1) != expected).any()
    assert split.binarised().mean() == pytest.approx(split.images.mean() / 255, abs=0.005)


def test_mnist_is_the_published_one(mnist):
    assert [len(part.images) for part in (mnist.train, mnist.validation, mnist.test)] == [55_000, 5_000, 10_000]
    assert [part.name for part in (mnist.train, mnist.validation, mnist.test)] == [
        "train[:55000]",
        "train[55000:]",
        "test",
    ]
    np.testing.assert_array_equal(
        np.bincount(mnist.test.labels), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    )
    whole = np.concatenate([mnist.train.images, mnist.validation.images])
    assert whole.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert whole.std() / 255 == pytest.approx(0.3081, abs=5e-5)
    assert mnist.protocol == "mnist-dynamic"


def test_mnist_is_split_in_reading_order(mnist):
    builder = tfds.builder_from_directory(data.prepared("mnist"))
    for split, part in (("train[:3]", mnist.train), ("train[55000:55003]", mnist.validation), ("test[:3]", mnist.test)):
        for i, example in enumerate(tfds.as_numpy(builder.as_dataset(split=split))):
            np.testing.assert_array_equal(part.images[i], example["image"])
            assert part.labels[i] == example["label"]


def test_emnist_is_turned_upright_and_its_last_images_are_set_aside(small_emnist):
    directory, images = small_emnist
    emnist = data.load("emnist/digits", directory)
    upright = {part: stored.transpose(0, 2, 1, 3) for part, stored in images.items()}
    np.testing.assert_array_equal(emnist.train.images, upright["train"][:7])
    np.testing.assert_array_equal(emnist.validation.images, upright["train"][7:])
    np.testing.assert_array_equal(emnist.test.images, upright["test"])
    np.testing.assert_array_equal(emnist.validation.labels, [7, 8, 9, 0, 1])
    assert (emnist.train.name, emnist.validation.name) == ("train[:7]", "train[7:]")
    assert emnist.protocol == "emnist-digits-dynamic"


def test_newest_prepared_version_is_found(tmp_path, monkeypatch):
    assert data.prepared("mnist", tmp_path) is None
    write_prepared(tmp_path, "mnist", "3.0.1")
    newest = write_prepared(tmp_path, "mnist", "3.0.10")
    write_prepared(tmp_path, "mnist", "3.0.11.incompleteABC123")
    (tmp_path / "mnist" / "4.0.0").mkdir()
    assert data.prepared("mnist", tmp_path) == newest
    assert data.prepared("kmnist", tmp_path) is None
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert data.prepared("mnist") == newest


def test_missing_default_directory_counts_as_nothing_prepared(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nowhere"))
    assert data.prepared("mnist") is None


def test_directory_named_by_hand_must_exist_and_hold_the_data(tmp_path, nothing_prepared):
    with pytest.raises(ValueError, match=r"nowhere.* does not exist"):
        data.load("mnist", tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"holds no prepared 'mnist'") as caught:
        data.load("mnist", tmp_path)
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(ValueError, match=r"holds no prepared 'mnist'"):
        data.load_or_embedded(tmp_path)


def test_unknown_data_set_is_named_with_the_choices():
    with pytest.raises(ValueError, match=r"mnist, fashion_mnist, kmnist, emnist/digits, digits; got 'cifar10'"):
        data.load("cifar10")


@pytest.mark.parametrize("name", data.DATASETS)
def test_named_data_set_never_falls_back(name, nothing_prepared):
    with pytest.raises(data.UnavailableError, match=f"{name} is not prepared and {data.DATASETS[name]} is out of"):
        data.load(name)


def test_default_falls_back_to_the_embedded_digits_and_says_so(nothing_prepared):
    dataset, reason = data.load_or_embedded()
    assert dataset.name == "digits"
    assert "mnist is not prepared" in reason
    assert "embedded digits" in reason
    assert "\n" not in reason


def test_failed_download_is_told_in_one_line(nothing_prepared, monkeypatch):
    class Builder:
        def download_and_prepare(self):
            raise RuntimeError("disk full\nand more")

    monkeypatch.setattr(data, "_reachable", lambda host: True)
    monkeypatch.setattr(tfds, "builder", lambda name: Builder())
    with pytest.raises(data.UnavailableError, match=r"could not be downloaded \(disk full\)$"):
        data.load("mnist")


def test_host_that_does_not_answer_is_given_up(monkeypatch):
    """Names that never resolve and packets that vanish, on however many addresses, count as out of reach."""
    done = threading.Event()

    def hang(*arguments, **options):
        done.wait(30)
        raise OSError("timed out")

    monkeypatch.setattr("socket.create_connection", hang)
    monkeypatch.setattr(data, "NETWORK_TIMEOUT", 0.2)
    start = time.monotonic()
    reachable = data._reachable("example.org")
    elapsed = time.monotonic() - start
    done.set()
    assert not reachable
    assert elapsed < 15


def test_host_that_answers_is_reachable(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = socket.create_connection
        monkeypatch.setattr("socket.create_connection", lambda address, *rest: connect(server.getsockname(), *rest))
        assert data._reachable("example.org")
