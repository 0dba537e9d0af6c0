"""What the tests of data share: pictures as files, and small data sets written by TFDS's own tools."""

import numpy as np
import pytest
from PIL import Image

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.fixture
def write_pictures():
    """A function that writes noise as picture files of the given names in a folder; returns the arrays by name."""

    def write(folder, names, size=(32, 32), colour=True, seed=0):
        draw = np.random.default_rng(seed)
        written = {}
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = draw.integers(0, 256, (*size, 3) if colour else size, np.uint8)
            Image.fromarray(pixels).save(path)
            written[name] = pixels if colour else pixels[..., None]
        return written

    return write


@pytest.fixture(scope="session")
def write_tfds():
    """A function that prepares a data set with TFDS's own tools; returns the images by part.

    Labels count 0, 1, 2, ... by image, modulo the number of classes; `classes=None` leaves them out.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def write(root, name, counts, *, shape=(32, 32, 3), classes=CIFAR10, version="3.0.2", config=None, seed=0):
        draw = np.random.default_rng(seed)
        images = {part: draw.integers(0, 256, (count, *shape), np.uint8) for part, count in counts.items()}
        features = {"image": tfds.features.Image(shape=shape)}
        content = {part: {"image": stored} for part, stored in images.items()}
        if classes:
            features["label"] = tfds.features.ClassLabel(names=classes)
            content = {part: c | {"label": np.arange(len(c["image"])) % len(classes)} for part, c in content.items()}
        tfds.dataset_builders.store_as_tfds_dataset(
            name=name,
            config=config,
            version=version,
            data_dir=root,
            features=tfds.features.FeaturesDict(features),
            split_datasets={part: tf.data.Dataset.from_tensor_slices(c) for part, c in content.items()},
            disable_shuffling=True,
        )
        return images

    return write


@pytest.fixture
def notes():
    """A list that notes for the user go to: `load(..., notify=notes.append)`."""
    return []
