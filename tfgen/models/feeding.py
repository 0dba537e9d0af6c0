"""What users hand to `fit`, `evaluate` and `predict`, checked, as the dictionaries that a step of the model takes.

image (or latent)   [B, H, W, C], or codes [B, Z] for a model without an encoder to predict from
label               int64 [B], where the model takes labels
row                 int64 [B], the numbers of the rows in their data set, where they are measured
weight              float32 [B], where rows are weighted
"""

import contextlib
import math
import types

import keras
import numpy as np
import tensorflow as tf

from tfgen import inputs

NAMES = ("image", "latent", "label", "weight")
BATCHES = tf.data.Dataset | keras.utils.PyDataset | types.GeneratorType
ARRAYS = ("__array__", "__array_interface__")  # what is converted to one has: tensors, variables, Pillow images
KINDS = "arrays, a tf.data.Dataset, a keras.utils.PyDataset or a generator of batches"


class Feed:
    """Checks what goes into a model and brings it into the form of its steps.

    Attributes:
        purpose: "train", "test", whose images are binarised once, as the protocol says, or "predict".
        errors: what a check raised inside of a pipeline, of which TensorFlow raises no more than the text.
        of_codes: whether codes are fed in place of images. labelled: whether labels are needed.
        shared: whether several devices share a batch, which Keras does not do with bytes and bits.
    """

    def __init__(self, model, purpose: str, class_weight=None):
        self.purpose, self.errors = purpose, []
        self.entry, self.pixels, self.class_names = model.entry, model.pixels, model.class_names or None
        self.image_shape, self.latent_dim = model.image_shape, model.latent_dim
        self.of_codes = purpose == "predict" and model.answer == "decode"
        self.labelled = model.needs_labels if purpose == "train" else model.conditional
        self.class_weight = None if class_weight is None else self._class_weight(class_weight)
        self.weighs_rows = purpose != "train" or model.weighs_rows
        self.shared = model.distribute_strategy.num_replicas_in_sync > 1

    def rows(self, x, y=None, weight=None, first: int = 0) -> dict:
        """Rows as a step takes them.

        Args:
            x: images, or codes; with labels as a list or tuple; or a dictionary of them.
            y: labels [N], or the images again. weight: [N].
            first: the number of the first row in its data set.

        Raises:
            TypeError, ValueError: they are not what the model takes; the message names them.
        """
        x, y, weight = unpacked(x, y, weight)
        if isinstance(x, BATCHES) or not (isinstance(x, list | tuple) or any(hasattr(x, name) for name in ARRAYS)):
            raise TypeError(f"{self.entry} takes {KINDS}; got {type(x).__name__}")
        if self.of_codes:
            x = values = inputs.latents(x, self.latent_dim)
        else:
            image = inputs.image_array(x, self.image_shape)
            y = None if self._is_image_again(y, x, image) else y
            values = self.pixels.held_out(image, first) if self.purpose == "test" else image
        if not len(values) and self.purpose != "predict":
            raise ValueError(f"there are no images: got shape {list(values.shape)}")
        rows = {"latent" if self.of_codes else "image": values}
        if self.purpose == "test":
            rows["row"] = np.arange(first, first + len(values))
        label = None if y is None else self._labels(y, len(values))
        if self.labelled:
            if label is None:
                raise ValueError(self.missing_labels())
            label = rows["label"] = inputs.labels(label, len(values), self.class_names, self.entry)
        if self.weighs(weight):
            rows["weight"] = self._weights(weight, label, len(values))
        return rows

    def weighs(self, weight) -> bool:
        """Whether rows are weighted, which come with a weight or None. Raises ValueError where they cannot be."""
        weighted = self.purpose != "predict" and (weight is not None or self.class_weight is not None)
        if weighted and not self.weighs_rows:
            raise ValueError(
                f"the training step of {self.entry} does not weigh its rows; leave out sample_weight and class_weight"
            )
        return weighted

    def split(self, x, y, weight, share: float) -> tuple:
        """Arrays but for their last share, and that, as `validation_split` cuts them: (x, y, weight) twice.

        Raises ValueError where they are not arrays.
        """
        if isinstance(x, BATCHES):
            raise ValueError(f"validation_split cuts arrays in two, got {type(x).__name__}; give validation_data")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
            raise ValueError(f"validation_split must lie between 0 and 1, got {share!r}")
        x, y, weight = unpacked(x, y, weight)
        image = inputs.image_array(x, self.image_shape)
        y = None if self._is_image_again(y, x, image) else y
        parts = (image, *(None if value is None else np.asarray(value) for value in (y, weight)))
        kept = math.floor(len(image) * (1 - share))
        if not 0 < kept < len(image):
            raise ValueError(f"validation_split {share} of {len(image)} images leaves one of the two parts empty")
        return tuple(
            tuple(value if value is None else value[rows] for value in parts)
            for rows in (slice(0, kept), slice(kept, None))
        )

    def missing_labels(self) -> str:
        """What is said where labels are missing."""
        if self.purpose == "predict":
            return f"{self.entry} predicts from images and labels: predict([images, labels]), model([images, labels])"
        verb, call = ("trained", "fit") if self.purpose == "train" else ("measured", "evaluate")
        return f"this {self.entry} is {verb} with labels: call {call}(images, labels)"

    @contextlib.contextmanager
    def noting(self):
        """Keeps what the block raises."""
        try:
            yield
        except Exception as error:
            self.errors.append(error)
            raise

    @contextlib.contextmanager
    def own_errors(self):
        """Raises what was kept in place of what became of it in a pipeline."""
        try:
            yield
        except Exception:
            if self.errors:
                raise self.errors[0] from None
            raise

    def _is_image_again(self, y, x, image) -> bool:
        """Whether y is the images once more, as in `fit(x, x)`. Raises ValueError where it is other images."""
        if y is None or not (y is x or _rank(y) > 2 or (_rank(y) > 1 and np.shape(y) == np.shape(x))):
            return False
        again = None if y is x else inputs.image_array(y, self.image_shape)
        same = again is None or (again.shape == image.shape and np.allclose(_plain(again), _plain(image), atol=1e-6))
        if not same:
            raise ValueError(f"{self.entry} has no target but its own images: y must be labels or the same images as x")
        return True

    def _labels(self, y, count: int) -> np.ndarray:
        """Labels [N], of [N] or [N, 1], or as they are; ValueError for another number of them than rows."""
        array = np.asarray(y)
        array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
        array = array[None] if array.ndim == 0 and count == 1 else array
        if array.ndim == 0 or len(array) != count:
            raise ValueError(f"there must be as many labels as images, {count}; got shape {list(array.shape)}")
        return array

    def _class_weight(self, weights) -> dict:
        """Weights by class number, from numbers or names. Raises TypeError, ValueError."""
        if not isinstance(weights, dict):
            raise TypeError(f"class_weight must be a dictionary from classes to weights, got {weights!r}")
        classes = [int(inputs.labels(label, 1, self.class_names, self.entry)[0]) for label in weights]
        return dict(zip(classes, _finite("class_weight", list(weights.values())).tolist(), strict=True))

    def _weights(self, weight, label, count: int) -> np.ndarray:
        """The weights of rows, float32 [count], from those of rows times those of their classes."""
        weights = np.ones(count, np.float32)
        if weight is not None:
            weights = _finite("sample_weight", weight)
            weights = weights[:, 0] if weights.ndim == 2 and weights.shape[1] == 1 else weights
            if weights.shape != (count,):
                raise ValueError(f"sample_weight must have shape [{count}], one per row, got {list(weights.shape)}")
        if self.class_weight is not None:
            if label is None:
                raise ValueError("class_weight weighs rows by their labels, and there are none: fit(images, labels)")
            label = inputs.labels(label, count, self.class_names, self.entry)
            weights = weights * np.array([self.class_weight.get(int(number), 1.0) for number in label], np.float32)
        return weights


def unpacked(x, y=None, weight=None) -> tuple:
    """(x, y, weight), where x may hold them by name, as (x, y), as (x, y, weight), or as [images, labels]."""
    if y is None and isinstance(x, dict):
        if not {"image", "latent"} & set(x):
            raise ValueError(f"a dictionary of a batch has the names {', '.join(NAMES)}; got {', '.join(map(str, x))}")
        return x.get("image", x.get("latent")), x.get("label"), x.get("weight", weight)
    if y is None and isinstance(x, tuple) and len(x) == 3 and _rank(x[1]) < max(2, _rank(x[0])):
        return x
    pair = y is None and isinstance(x, tuple | list) and len(x) == 2 and _rank(x[1]) < _rank(x[0])
    return (*x, weight) if pair else (x, y, weight)


def of_element(element) -> tuple:
    """(x, y, weight) of a batch of a data set, which Keras takes as x, (x, y) or (x, y, weight), or by name."""
    return unpacked(*keras.utils.unpack_x_y_sample_weight(element))


def as_floats(rows: dict) -> dict:
    """Rows with images of bytes or bits as fractions."""
    return {name: _plain(value) for name, value in rows.items()}


def _rank(value) -> int:
    shape = getattr(value, "shape", None)
    try:
        return np.ndim(value) if shape is None else len(shape)
    except ValueError:  # the unknown shape of a specification, or lists of different lengths
        return -1


def _plain(values) -> np.ndarray:
    if values.dtype in (np.uint8, np.bool_):
        return values.astype(np.float32) / np.float32(255 if values.dtype == np.uint8 else 1)
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def _finite(name: str, values) -> np.ndarray:
    """Weights as float32. Raises TypeError, ValueError unless they are finite numbers of at least 0."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold numbers, got {values!r}")
    if array.size and not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(f"{name} must be finite and at least 0, got {array.min():g}..{array.max():g}")
    return array.astype(np.float32)
