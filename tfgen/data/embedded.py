"""The embedded data set: scikit-learn's digits, which need no download."""

import numpy as np

from tfgen.data.dataset import Dataset, Split

NAME = "digits"


def load() -> Dataset:
    """scikit-learn's 1,797 digits of 8 x 8 pixels in 0..16, resized to 28 x 28 pixels in 0..255."""
    from sklearn.datasets import load_digits

    from tfgen.quiet import tf

    digits = load_digits()
    large = tf.image.resize(digits.images[..., None] * (255 / 16), (28, 28), method="bicubic").numpy()
    images, labels = large.clip(0, 255).round().astype(np.uint8), digits.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], labels[order]
    return Dataset(
        NAME,
        Split("shuffled[:1297]", images[:1297], labels[:1297]),
        Split("shuffled[1297:1497]", images[1297:1497], labels[1297:1497]),
        Split("shuffled[1497:]", images[1497:], labels[1497:]),
        classes=tuple(map(str, range(10))),
        source=NAME,
    )
