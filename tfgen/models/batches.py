"""Data sets that users hand to `fit`, `evaluate` and `predict`: every batch passes the check that arrays pass.

That is so for `tf.data` data sets, `keras.utils.PyDataset`s and generators. Rows are counted from the first batch on,
so that an evaluation binarises and draws each as it would in one array.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from tfgen import inputs
from tfgen.models import feeding


def fed(feed: feeding.Feed, x, y=None, weight=None):
    """What Keras is given as its `x`: a dictionary of rows, or a data set of such.

    Raises TypeError, ValueError as `Feed.rows` does; for batches it is raised when they come.
    """
    if not isinstance(x, feeding.BATCHES):
        return feed.rows(x, y, weight)
    if y is not None or weight is not None:
        name = "labels" if y is not None else "weights"
        raise ValueError(f"a data set brings its {name} in its batches, (images, labels, weights)")
    if isinstance(x, tf.data.Dataset):
        return _dataset(feed, x)
    if not isinstance(x, keras.utils.PyDataset):
        return _generated(feed, x)
    checked = _Checked(feed, x)
    if feed.purpose == "test":
        checked[0]  # validation begins an epoch too late to say what is wrong
    return checked


def _dataset(feed, dataset):
    spec = dataset.element_spec
    x, y, weight = feeding.of_element(spec)
    _check_spec(feed, x, y)
    names = {"latent" if feed.of_codes else "image": tf.float32}
    names |= {"label": tf.int64} if feed.labelled else {}
    names |= {"weight": tf.float32} if feed.weighs(weight) else {}
    shapes = {"image": [None, *feed.image_shape], "latent": [None, feed.latent_dim]}

    def check(first, *parts):
        with feed.noting():
            element = tf.nest.pack_sequence_as(spec, [_text(part) for part in parts])
            rows = feeding.as_floats(feed.rows(*feeding.of_element(element), first=int(first)))
            return np.int64(count(rows)), *(rows[name] for name in names)

    @tf.autograph.experimental.do_not_convert
    def step(first, *element):
        parts = tf.nest.flatten(element)
        rows, *values = tf.numpy_function(check, [first, *parts], [tf.int64, *names.values()], stateful=False)
        for name, value in zip(names, values, strict=True):
            value.set_shape(shapes.get(name, [None]))
        return first + tf.reshape(rows, []), dict(zip(names, values, strict=True))

    checked = dataset.scan(np.int64(0), step)
    if (batches := int(dataset.cardinality())) >= 0:
        checked = checked.apply(tf.data.experimental.assert_cardinality(batches))
    return checked.prefetch(tf.data.AUTOTUNE)


def _text(part: np.ndarray) -> np.ndarray:
    """A part of an element; strings, which come as bytes, as the text that they encode."""
    return np.char.decode(part.astype(bytes), "utf-8") if part.dtype == object else part


def _check_spec(feed, x, y) -> None:
    """Raises TypeError, ValueError for elements that cannot be batches of what the model takes."""
    if not isinstance(x, tf.TensorSpec):
        raise ValueError(f"{feed.entry} takes a data set of (images, labels, weights), got elements {x}")
    shape = feed.image_shape
    singles = [(feed.latent_dim,)] if feed.of_codes else [shape, shape[:2], (math.prod(shape),)]
    if x.shape.rank is not None and tuple(x.shape) in singles:
        raise ValueError(f"a data set comes in batches, got single elements {list(x.shape)}: use dataset.batch(200)")
    if not feed.of_codes:
        inputs.check_dtype(np.dtype(x.dtype.as_numpy_dtype))
        if x.shape.rank is not None:
            inputs.check_shape(tuple(x.shape), shape)
    if feed.labelled and y is None:
        raise ValueError(feed.missing_labels())


def _generated(feed, batches):
    first = 0
    for element in batches:
        with feed.noting():
            rows = feed.rows(*feeding.of_element(element), first=first)
        first += count(rows)
        yield (feeding.as_floats(rows),)  # Keras takes a tuple from a generator


class _Checked(keras.utils.PyDataset):
    """A user's PyDataset with its batches checked; in order where rows are counted."""

    def __init__(self, feed, dataset):
        workers = 1 if feed.purpose == "test" else dataset.workers
        super().__init__(workers=workers, max_queue_size=dataset.max_queue_size)
        self.feed, self.dataset, self.counts = feed, dataset, {}

    @property
    def num_batches(self):
        return self.dataset.num_batches

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        first = sum(self.counts.get(before, 0) for before in range(index)) if self.feed.purpose == "test" else 0
        with self.feed.noting():
            rows = self.feed.rows(*feeding.of_element(self.dataset[index]), first=first)
        self.counts[index] = count(rows)
        return feeding.as_floats(rows)

    def on_epoch_begin(self):
        self.dataset.on_epoch_begin()

    def on_epoch_end(self):
        self.dataset.on_epoch_end()


def count(rows: dict) -> int:
    """The number of rows in a dictionary of them."""
    return len(next(iter(rows.values())))
