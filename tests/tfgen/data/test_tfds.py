"""TensorFlow Datasets: MNIST as published, small data sets written by its own tools, and damaged ones."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from tfgen import data

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 19832042\n"


def shard(root, name="cifar10", version="3.0.2", part="train"):
    return root / name / version / f"{name.partition('/')[0]}-{part}.tfrecord-00000-of-00001"


@pytest.fixture(scope="session")
def whole_cifar10(tmp_path_factory, write_tfds):
    """A TFDS directory with a cifar10 of 24 and 6 images, not to be changed; and these images."""
    folder = tmp_path_factory.mktemp("tfds")
    return folder, write_tfds(folder, "cifar10", {"train": 24, "test": 6})


@pytest.fixture
def cifar10(tmp_path, whole_cifar10):
    """A copy of that directory, to be damaged."""
    return shutil.copytree(whole_cifar10[0], tmp_path / "tfds")


@pytest.mark.slow
@pytest.mark.ci
def test_mnist_is_the_published_one(mnist):
    parts = (mnist.train, mnist.validation, mnist.test)
    assert [len(part.images) for part in parts] == [55_000, 5_000, 10_000]
    assert [part.name for part in parts] == ["train[:55000]", "train[55000:]", "test"]
    np.testing.assert_array_equal(
        np.bincount(mnist.test.labels), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    )
    whole = np.concatenate([mnist.train.images, mnist.validation.images])
    assert whole.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert whole.std() / 255 == pytest.approx(0.3081, abs=5e-5)
    assert (mnist.name, mnist.source, mnist.sha256) == ("mnist", "mnist", "")
    assert mnist.classes == tuple("0123456789")


@pytest.mark.slow
@pytest.mark.ci
def test_mnist_is_split_in_reading_order(mnist):
    builder = tfds.builder_from_directory(data.prepared("mnist"))
    for split, part in (("train[:3]", mnist.train), ("train[55000:55003]", mnist.validation), ("test[:3]", mnist.test)):
        for i, example in enumerate(tfds.as_numpy(builder.as_dataset(split=split))):
            np.testing.assert_array_equal(part.images[i], example["image"])
            assert part.labels[i] == example["label"]


def test_colour_images_with_class_names_are_read(whole_cifar10):
    folder, images = whole_cifar10
    dataset = data.load("cifar10", folder)
    np.testing.assert_array_equal(dataset.train.images, images["train"][:22])
    np.testing.assert_array_equal(dataset.validation.images, images["train"][22:])
    np.testing.assert_array_equal(dataset.test.images, images["test"])
    np.testing.assert_array_equal(dataset.validation.labels, [2, 3])
    assert dataset.classes[8] == "ship"
    assert dataset.image_shape == (32, 32, 3)


def test_image_size_and_channels_are_those_of_pictures(cifar10):
    from tfgen.data import pictures

    whole, small = data.load("cifar10", cifar10), data.load("cifar10", cifar10, image_size=16, channels=1)
    np.testing.assert_array_equal(small.train.images, pictures.fitted(whole.train.images, 16, 1))
    np.testing.assert_array_equal(small.train.labels, whole.train.labels)


def test_emnist_is_turned_upright(tmp_path, write_tfds):
    images = write_tfds(tmp_path, "emnist", {"train": 12, "test": 4}, shape=(28, 28, 1), config="digits")
    upright = {part: stored.transpose(0, 2, 1, 3) for part, stored in images.items()}
    emnist = data.load("emnist/digits", tmp_path)
    np.testing.assert_array_equal(emnist.train.images, upright["train"][:11])
    np.testing.assert_array_equal(emnist.test.images, upright["test"])
    assert (emnist.train.name, emnist.validation.name) == ("train[:11]", "train[11:]")
    assert emnist.protocol() == "emnist-digits-dynamic"
    large = data.load("emnist/digits", tmp_path, image_size=56).train.images[0, ..., 0]
    assert np.corrcoef(large.reshape(28, 2, 28, 2).mean((1, 3)).ravel(), upright["train"][0].ravel())[0, 1] > 0.9


def test_the_only_prepared_configuration_is_taken(tmp_path, write_tfds):
    write_tfds(tmp_path, "emnist", {"train": 12, "test": 4}, shape=(28, 28, 1), config="digits")
    assert data.load("emnist", tmp_path).name == "emnist/digits"
    write_tfds(tmp_path, "emnist", {"train": 12, "test": 4}, shape=(28, 28, 1), config="letters")
    with pytest.raises(ValueError, match=r"choose one of emnist/digits, emnist/letters"):
        data.load("emnist", tmp_path)


def test_own_validation_part_and_missing_labels(tmp_path, write_tfds):
    images = write_tfds(tmp_path, "celeb_a", {"train": 7, "validation": 3, "test": 2}, classes=None)
    dataset = data.load("celeb_a", tmp_path)
    np.testing.assert_array_equal(dataset.validation.images, images["validation"])
    assert dataset.classes == ()
    assert not dataset.train.labels.any()


def test_a_lone_part_is_divided_by_the_seed(tmp_path, write_tfds):
    images = write_tfds(tmp_path, "lfw", {"train": 20}, classes=None)
    dataset = data.load("lfw", tmp_path, seed=4)
    order = np.random.default_rng(4).permutation(20)
    np.testing.assert_array_equal(dataset.test.images, images["train"][order[18:]])
    assert dataset.train.name == "train shuffled(4)[:16]"


def test_images_that_vary_in_size_need_image_size(tmp_path):
    sizes = [(20, 30 + i) for i in range(12)]
    folder = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(None, None, 3))})
    examples = [{"image": np.full((*size, 3), i, np.uint8)} for i, size in enumerate(sizes)]
    elements = tf.data.Dataset.from_generator(
        lambda: iter(examples), output_signature={"image": tf.TensorSpec([None, None, 3], tf.uint8)}
    )
    tfds.dataset_builders.store_as_tfds_dataset(
        "dtd", "1.0.0", folder, {"train": elements}, data_dir=tmp_path, disable_shuffling=True
    )
    with pytest.raises(ValueError, match=r"'dtd' vary in size; give --image-size"):
        data.load("dtd", tmp_path)
    dataset = data.load("dtd", tmp_path, image_size=16)
    shades = np.concatenate([part.images for part in (dataset.train, dataset.validation, dataset.test)])
    assert sorted(shades[:, 0, 0, 0]) == list(range(12))


def test_unfit_sizes_and_features_are_refused(tmp_path, write_tfds):
    write_tfds(tmp_path, "beans", {"train": 10}, shape=(130, 16, 3))
    with pytest.raises(ValueError, match=r"16 to 128 pixels a side, got 130 x 16; give --image-size"):
        data.load("beans", tmp_path)
    tfds.dataset_builders.store_as_tfds_dataset(
        "glue",
        "1.0.0",
        tfds.features.FeaturesDict({"text": tfds.features.Text()}),
        {"train": tf.data.Dataset.from_tensor_slices({"text": ["a", "b"]})},
        data_dir=tmp_path,
    )
    with pytest.raises(ValueError, match=r"'glue' has no images under 'image'; it has text"):
        data.load("glue", tmp_path)


def test_labels_that_are_missing_somewhere_are_not_used(tmp_path, write_tfds, monkeypatch, notes):
    from tfgen.data import tfds as reading

    write_tfds(tmp_path, "stl10", {"train": 12, "test": 4})
    elements = reading._elements

    def unlabelled(builder, part, labelled):
        found = elements(builder, part, labelled)
        return found.map(lambda image, label: (image, label - 99)) if part == "test" else found

    monkeypatch.setattr(reading, "_elements", unlabelled)
    dataset = data.load("stl10", tmp_path, notify=notes.append)
    assert dataset.classes == ()
    assert not dataset.train.labels.any()
    assert "without a label" in notes[0]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def drop_a_record(path):
    records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records[:-1]:
            writer.write(record)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncate, r"cifar10-train.tfrecord-00000-of-00001 has a corrupt record"),
        (flip, r"cifar10-train.tfrecord-00000-of-00001 has a corrupt record"),
        (drop_a_record, r"part 'train' has 23 images, where its description says 24"),
        (lambda path: path.write_text(POINTER), "cifar10-train.tfrecord-00000-of-00001 is a Git LFS pointer"),
        (lambda path: path.unlink(), "cifar10-train.tfrecord-00000-of-00001 is missing"),
        (lambda path: path.with_name("dataset_info.json").write_text("{"), "dataset_info.json is no valid JSON"),
        (lambda path: path.with_name("dataset_info.json").write_text("[]"), "its description cannot be read"),
        (lambda path: path.with_name("dataset_info.json").unlink(), "it has no dataset_info.json"),
        (lambda path: path.with_name("features.json").write_text(POINTER), "features.json is a Git LFS pointer"),
        (lambda path: path.with_name("features.json").write_text("{}"), "its description cannot be read"),
    ],
)
def test_damage_is_one_line_with_the_folder_and_what_is_wrong(cifar10, damage, words):
    damage(shard(cifar10))
    with pytest.raises(ValueError, match=words) as caught:
        data.load("cifar10", cifar10)
    assert str(shard(cifar10).parent) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", [truncate, lambda path: path.unlink()])
def test_an_older_whole_version_is_used_with_a_note(cifar10, write_tfds, notes, damage):
    older = write_tfds(cifar10, "cifar10", {"train": 24, "test": 6}, version="3.0.1", seed=1)
    damage(shard(cifar10))
    dataset = data.load("cifar10", cifar10, notify=notes.append)
    np.testing.assert_array_equal(dataset.test.images, older["test"])
    assert len(notes) == 1
    assert str(shard(cifar10).parent) in notes[0]
    assert notes[0].endswith("using version 3.0.1")
