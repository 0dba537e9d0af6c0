"""What users hand to `fit`, `evaluate` and `predict`, checked, as the batches that a step of the model takes.

Arrays, `tf.data` data sets, `keras.utils.PyDataset`s and generators pass the same check, batch by batch where they come
in batches. A step then gets a dictionary:

    image (or latent)   [B, H, W, C], or codes [B, Z] for a model without an encoder to predict from
    label               int64 [B], where the model takes labels
    weight              float32 [B], where rows are weighted
"""

import contextlib
import math
import types

import keras
import numpy as np
import tensorflow as tf

from tfgen import inputs

KINDS = "arrays, a tf.data.Dataset, a keras.utils.PyDataset or a generator of batches"


class Feed:
    """Checks what goes into a model and brings it into the form of its steps.

    Attributes:
        purpose: "train", "test", whose images are binarised once, as the protocol says, or "predict".
        errors: what a check raised inside of a pipeline, of which TensorFlow raises no more than the text.
    """

    def __init__(self, model, purpose: str, class_weight=None):
        self.purpose, self.errors = purpose, []
        self.entry, self.class_names, self.pixels = model.entry, model.class_names, model.pixels
        self.image_shape, self.latent_dim = model.image_shape, model.latent_dim
        self.of_codes = purpose == "predict" and model.answer == "decode"
        self.labelled = model.needs_labels if purpose == "train" else model.conditional
        self.class_weight = None if class_weight is None else self._class_weight(class_weight)
        self.weighs = purpose != "train" or model.weighs_rows

    def __call__(self, x, y=None, weight=None):
        """What Keras is given as its `x`.

        Args:
            x: images, or codes; with labels as a list or tuple; a dictionary of them; or a data set of such batches.
            y: labels [N], or the images again. weight: [N].

        Raises:
            TypeError, ValueError: they are not what the model takes; the message names them.
        """
        if not isinstance(x, tf.data.Dataset | keras.utils.PyDataset | types.GeneratorType):
            if isinstance(x, tf.distribute.DistributedDataset | tf.distribute.DistributedIterator):
                return x
            if hasattr(x, "__next__") or (hasattr(x, "__iter__") and not hasattr(x, "__len__")):
                raise TypeError(f"{self.entry} takes {KINDS}; got {type(x).__name__}")
            return self.rows(x, y, weight)
        if y is not None or weight is not None:
            name = "labels" if y is not None else "weights"
            raise ValueError(f"a data set brings its {name} in its batches, (images, labels, weights)")
        if isinstance(x, tf.data.Dataset):
            return self._dataset(x)
        return _Checked(x, self) if isinstance(x, keras.utils.PyDataset) else self._generated(x)

    def split(self, x, y, weight, share: float):
        """Arrays in two parts, as Keras's `validation_split` cuts them: (x, y, weight) but for the last share, and that.

        Raises ValueError where they are no arrays.
        """
        x, y, weight = (value if value is None else _array(value) for value in _unpacked(x, y, weight))
        if not isinstance(x, np.ndarray):
            raise ValueError(f"validation_split cuts arrays in two, got {type(x).__name__}; give validation_data")
        if not 0 < share < 1:
            raise ValueError(f"validation_split must lie between 0 and 1, got {share}")
        kept = math.floor(len(x) * (1 - share))
        if not 0 < kept < len(x):
            raise ValueError(f"validation_split {share} of {len(x)} images leaves one of the two parts empty")
        parts = slice(0, kept), slice(kept, None)
        return tuple(tuple(value if value is None else value[part] for value in (x, y, weight)) for part in parts)

    def rows(self, x, y=None, weight=None, first: int = 0) -> dict:
        """Rows as a step takes them, from arrays; `first` is the number of the first one in its data set."""
        x, y, weight = _unpacked(x, y, weight)
        if self.of_codes:
            rows = {"latent": inputs.latents(x, self.latent_dim)}
        else:
            image = inputs.image_array(x, self.image_shape)
            rows = {"image": self.pixels.held_out(image, first) if self.purpose == "test" else image}
        (values,) = rows.values()
        if y is not None:
            y = self._labels(x, y, len(values))
        if self.labelled:
            if y is None:
                raise ValueError(self._needs_labels())
            y = rows["label"] = inputs.labels(y, len(values), self.class_names or None, self.entry)
        if self.purpose != "predict" and (weight is not None or self.class_weight is not None):
            rows["weight"] = self._weights(weight, y, len(values))
        return rows

    def count(self, rows: dict) -> int:
        """How many rows there are."""
        return len(next(iter(rows.values())))

    @contextlib.contextmanager
    def own_errors(self):
        """Raises what a check raised inside of a pipeline in place of what became of it on the way."""
        try:
            yield
        except Exception:
            if self.errors:
                raise self.errors[0] from None
            raise

    def _dataset(self, dataset):
        """A `tf.data` data set with its batches checked."""
        spec = dataset.element_spec
        x, y, weight = _unpacked(spec, None, None, element=True)
        self._check_spec(x, y)
        names = {"latent" if self.of_codes else "image": tf.float32}
        names |= {"label": tf.int64} if self.labelled else {}
        weighted = self.purpose != "predict" and (weight is not None or self.class_weight is not None)
        names |= {"weight": tf.float32} if weighted else {}
        shapes = {"image": [None, *self.image_shape], "latent": [None, self.latent_dim]}

        def check(first, *flat):
            with self._noting():
                parts = _unpacked(tf.nest.pack_sequence_as(spec, flat), None, None, element=True)
                rows = self.rows(*parts, first=int(first))
                return self.count(rows), *(_plain(rows[name]) for name in names)

        def step(first, *element):
            flat = [tf.convert_to_tensor(part) for part in tf.nest.flatten(element)]
            types = [tf.int64, *names.values()]
            count, *values = tf.numpy_function(check, [first, *flat], types, stateful=False)
            for name, value in zip(names, values, strict=True):
                value.set_shape(shapes.get(name, [None]))
            return first + tf.reshape(count, []), dict(zip(names, values, strict=True))

        checked = dataset.scan(np.int64(0), tf.autograph.experimental.do_not_convert(step))
        if (batches := int(dataset.cardinality())) >= 0:
            checked = checked.apply(tf.data.experimental.assert_cardinality(batches))
        return checked.prefetch(tf.data.AUTOTUNE)

    def _check_spec(self, x, y) -> None:
        """Raises ValueError for elements of a data set that cannot be batches of what the model takes."""
        if not isinstance(x, tf.TensorSpec):
            raise ValueError(f"{self.entry} takes a data set of (images, labels, weights), got elements {x}")
        single = (self.latent_dim,) if self.of_codes else self.image_shape
        if x.shape.rank is not None and tuple(x.shape) == single:
            raise ValueError(f"a data set comes in batches, got single elements {list(x.shape)}: use dataset.batch(200)")
        if self.labelled and y is None:
            raise ValueError(self._needs_labels())

    def _generated(self, batches):
        """A generator with its batches checked."""
        first = 0
        for element in batches:
            with self._noting():
                rows = self.rows(*_unpacked(element, None, None, element=True), first=first)
            first += self.count(rows)
            yield {name: _plain(value) for name, value in rows.items()}

    @contextlib.contextmanager
    def _noting(self):
        try:
            yield
        except Exception as error:
            self.errors.append(error)
            raise

    def _needs_labels(self) -> str:
        if self.purpose == "predict":
            return f"{self.entry} predicts from images and labels: predict([images, labels])"
        call = "fit" if self.purpose == "train" else "evaluate"
        verb = "trained" if self.purpose == "train" else "measured"
        return f"this {self.entry} is {verb} with labels: call {call}(images, labels)"

    def _labels(self, x, y, count: int):
        """The labels that `y` holds; None where it is the images again, as in `fit(x, x)`."""
        array = np.asarray(y)
        if array.ndim > 2 or (array.ndim > 1 and array.shape == np.shape(x)):
            if not (y is x or (array.shape == np.shape(x) and np.array_equal(array, x))):
                raise ValueError(
                    f"{self.entry} reconstructs its own images; y must be labels or the same images as x, and differs"
                )
            return None
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if len(np.atleast_1d(array)) != count:
            raise ValueError(f"there must be as many labels as images, {count}; got shape {list(array.shape)}")
        return array

    def _class_weight(self, given) -> dict:
        """Weights by class number, from numbers or names. Raises TypeError, ValueError."""
        if not isinstance(given, dict):
            raise TypeError(f"class_weight must be a dictionary from classes to weights, got {given!r}")
        names = self.class_names or None
        numbers = [int(inputs.labels(label, 1, names, self.entry)[0]) for label in given]
        return dict(zip(numbers, self._finite("class_weight", list(given.values())), strict=True))

    def _weights(self, weight, label, count: int) -> np.ndarray:
        """The weights of rows, float32 [count], from those of rows and those of their classes."""
        if not self.weighs:
            raise ValueError(
                f"the training step of {self.entry} does not weigh its rows; leave out sample_weight and class_weight"
            )
        weights = np.ones(count, np.float32)
        if weight is not None:
            weights = self._finite("sample_weight", weight)
            weights = weights[:, 0] if weights.ndim == 2 and weights.shape[1] == 1 else weights
            if weights.shape != (count,):
                raise ValueError(f"sample_weight must have shape [{count}], one a row, got {list(weights.shape)}")
        if self.class_weight is not None:
            if label is None:
                raise ValueError("class_weight weighs rows by their labels, and there are none")
            label = inputs.labels(label, count, self.class_names or None, self.entry)
            weights = weights * np.array([self.class_weight.get(int(number), 1.0) for number in label], np.float32)
        return weights

    def _finite(self, name: str, values) -> np.ndarray:
        """Weights as float32. Raises TypeError, ValueError unless they are finite numbers of at least 0."""
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name} must hold numbers, got {values!r}")
        if not (np.isfinite(array) & (array >= 0)).all():
            raise ValueError(f"{name} must be finite and at least 0, got {array.min():g}")
        return array.astype(np.float32)


class _Checked(keras.utils.PyDataset):
    """A user's PyDataset with its batches checked."""

    def __init__(self, dataset, feed: Feed):
        in_order = feed.purpose == "test"  # the numbers of rows count on
        super().__init__(workers=1 if in_order else dataset.workers, max_queue_size=dataset.max_queue_size)
        self.dataset, self.feed, self.sizes = dataset, feed, {}

    def __len__(self):
        return len(self.dataset)

    @property
    def num_batches(self):
        return self.dataset.num_batches

    def __getitem__(self, index):
        element, first = self.dataset[index], sum(self.sizes.get(before, 0) for before in range(index))
        with self.feed._noting():
            rows = self.feed.rows(*_unpacked(element, None, None, element=True), first=first)
        self.sizes[index] = self.feed.count(rows)
        return {name: _plain(value) for name, value in rows.items()}

    def on_epoch_begin(self):
        self.dataset.on_epoch_begin()

    def on_epoch_end(self):
        self.dataset.on_epoch_end()


def _unpacked(x, y, weight, element: bool = False) -> tuple:
    """(x, y, weight), whether they come one by one, as a batch of Keras's, as [images, labels], or by name."""
    if element:
        x, y, weight = (x, None, None) if isinstance(x, dict) else keras.utils.unpack_x_y_sample_weight(x)
    if y is None and isinstance(x, dict):
        known = ("image", "latent", "label", "weight")
        if not set(known[:2]) & set(x):
            raise ValueError(f"a dictionary of a batch has the names {', '.join(known)}; got {', '.join(map(str, x))}")
        return x.get("image", x.get("latent")), x.get("label"), x.get("weight", weight)
    if y is None and isinstance(x, tuple | list):
        pair = len(x) == 2 and _rank(x[1]) <= min(1, _rank(x[0]) - 1)
        if isinstance(x, tuple) and len(x) in (2, 3) and (pair or len(x) == 3):
            return (*x, *(weight,) * (3 - len(x)))
        if pair:
            return (*x, weight)
    return x, y, weight


def _rank(value) -> int:
    shape = getattr(value, "shape", None)
    return np.ndim(value) if shape is None else len(shape)


def _array(value):
    """A list, tensor or PIL image as an array; data sets stay as they are."""
    kinds = tf.data.Dataset | keras.utils.PyDataset | types.GeneratorType
    return value if isinstance(value, np.ndarray | kinds) else np.asarray(value)


def _plain(values) -> np.ndarray:
    """Images of bytes or bits as fractions, float32; all else as it is."""
    if values.dtype in (np.uint8, np.bool_):
        return values.astype(np.float32) / np.float32(255 if values.dtype == np.uint8 else 1)
    return values.astype(np.float32) if values.dtype.kind == "f" else values
