"""Grey 28 x 28 data sets, whole in memory, and the protocol that trains and tests on them.

MNIST and its siblings are read through TensorFlow Datasets; scikit-learn's embedded 8 x 8 digits, resized, stand in
where nothing is prepared and nothing can be downloaded.
"""

import contextlib
import dataclasses
import os
import re
import socket
import threading
from pathlib import Path

import numpy as np

from tfgen import checks

DATASETS = {  # name -> the host that TFDS downloads it from
    "mnist": "storage.googleapis.com",
    "fashion_mnist": "fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    "kmnist": "codh.rois.ac.jp",
    "emnist/digits": "biometrics.nist.gov",
}
EMBEDDED = "digits"
DEFAULT = "mnist"
VALIDATION = 5000  # the last images of the training split, to choose on
NETWORK_TIMEOUT = 4.0  # seconds until a host counts as out of reach
VERSION = re.compile(r"\d+\.\d+\.\d+")  # a download that was cut short has more behind it


@dataclasses.dataclass(frozen=True)
class Split:
    """Grey images, uint8 [N, 28, 28, 1], and their labels, int64 [N]; `name` says where they come from."""

    name: str
    images: np.ndarray
    labels: np.ndarray

    def binarised(self, seed: int = 0) -> np.ndarray:
        """The images binarised once, x ~ Bernoulli(grey / 255) from `numpy.random.default_rng(seed)`; bool."""
        return np.random.default_rng(seed).random(self.images.shape) < self.images / 255


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set in memory: train to fit, validation to choose on, test to report on."""

    name: str
    train: Split
    validation: Split
    test: Split

    @property
    def protocol(self) -> str:
        """Binarised afresh in every epoch, tested on test images binarised once with seed 0."""
        return f"{self.name.replace('/', '-')}-dynamic"


class UnavailableError(ValueError):
    """A data set is neither prepared nor downloadable."""


def load(name: str, data_dir: str | os.PathLike | None = None) -> Dataset:
    """A data set by name.

    Args:
        name: one of `DATASETS`, or "digits" for the embedded ones.
        data_dir: a TFDS directory that holds it prepared; nothing is downloaded then. None: `TFDS_DATA_DIR` or TFDS's
            own default directory, and a download if nothing is prepared there.

    Raises:
        ValueError: unknown name, or `data_dir` does not exist or holds no such data set.
        UnavailableError: neither prepared nor downloadable.
    """
    checks.one_of("data set", name, (*DATASETS, EMBEDDED))
    if data_dir is not None and not Path(data_dir).is_dir():
        raise ValueError(f"data directory {str(data_dir)!r} does not exist")
    return _embedded() if name == EMBEDDED else _tfds(name, data_dir)


def load_or_embedded(data_dir=None) -> tuple[Dataset, str]:
    """The default data set, or the embedded digits with the reason why; the reason is "" if MNIST is there."""
    try:
        return load(DEFAULT, data_dir), ""
    except UnavailableError as error:
        return _embedded(), f"{error}; training on the embedded digits (scikit-learn's, resized) instead"


def _tfds(name: str, data_dir) -> Dataset:
    directory = prepared(name, data_dir)
    if directory is None:
        if data_dir is not None:
            raise ValueError(f"data directory {str(data_dir)!r} holds no prepared {name!r} (looked for {name}/VERSION)")
        directory = _download(name)
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(directory)
    splits = {}
    for split in ("train", "test"):
        whole = builder.as_dataset(split=split, batch_size=-1)
        images = whole["image"].numpy()
        if name.startswith("emnist"):
            images = images.transpose(0, 2, 1, 3)  # stored with rows and columns exchanged
        splits[split] = images, whole["label"].numpy().astype(np.int64)
    (images, labels), (test_images, test_labels) = splits["train"], splits["test"]
    cut = len(images) - VALIDATION
    return Dataset(
        name,
        Split(f"train[:{cut}]", images[:cut], labels[:cut]),
        Split(f"train[{cut}:]", images[cut:], labels[cut:]),
        Split("test", test_images, test_labels),
    )


def prepared(name: str, data_dir=None) -> Path | None:
    """The directory of the newest prepared version of a TFDS data set, or None."""
    root = Path(data_dir or os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets") / name
    versions = [path.parent for path in root.glob("*/dataset_info.json") if VERSION.fullmatch(path.parent.name)]
    return max(versions, key=lambda path: [int(part) for part in path.name.split(".")], default=None)


def _download(name: str) -> Path:
    host = DATASETS[name]
    if not _reachable(host):
        raise UnavailableError(f"{name} is not prepared and {host} is out of reach")
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name)
        builder.download_and_prepare()
    except Exception as error:  # TFDS raises whatever its download raised
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnavailableError(f"{name} is not prepared and could not be downloaded ({reason})") from error
    return Path(builder.data_dir)


def _reachable(host: str) -> bool:
    """Whether a host answers: TFDS itself retries a lost download for minutes before it says so."""
    answered = threading.Event()

    def connect():
        with contextlib.suppress(OSError), socket.create_connection((host, 443), NETWORK_TIMEOUT):
            answered.set()

    # A thread, because looking up a name has no time limit, and a connection's limit holds for each address of a host.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(NETWORK_TIMEOUT)
    return answered.is_set()


def _embedded() -> Dataset:
    """scikit-learn's 1,797 digits of 8 x 8 pixels in 0..16, resized to 28 x 28 pixels in 0..255."""
    import tensorflow as tf
    from sklearn.datasets import load_digits

    digits = load_digits()
    large = tf.image.resize(digits.images[..., None] * (255 / 16), (28, 28), method="bicubic").numpy()
    images, labels = large.clip(0, 255).round().astype(np.uint8), digits.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], labels[order]
    return Dataset(
        EMBEDDED,
        Split("shuffled[:1297]", images[:1297], labels[:1297]),
        Split("shuffled[1297:1497]", images[1297:1497], labels[1297:1497]),
        Split("shuffled[1497:]", images[1497:], labels[1497:]),
    )
