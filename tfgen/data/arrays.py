"""Images and labels in memory: what they may be, and a data set from them."""

import math

import numpy as np

from tfgen import checks
from tfgen.data import pictures, splits
from tfgen.data.dataset import Dataset


def from_arrays(
    images, labels=None, *, classes=None, name: str = "arrays", image_size=None, channels=None, seed: int = 0
) -> Dataset:
    """A data set from arrays, or from a `tf.data.Dataset` of them, divided 80 / 10 / 10 by a permutation from the seed.

    Args:
        images: [N, H, W, C] or [N, H, W] (grey); uint8 in 0..255, floats in [0, 1], or bool. Or a `tf.data.Dataset` of
            images, of (image, label), or of {"image": ..., "label": ...}, batched or not.
        labels: [N], integers from 0 on, or names; None: there are none.
        classes: the names that integer labels are indices of; None: the labels that occur, as names.
        name: of the data set.
        image_size: crop to the square in the middle and resize to this side; None: leave the size.
        channels: 1 or 3; None: leave the colours.
        seed: of the permutation.

    Raises:
        TypeError, ValueError: other types, shapes or values, or fewer than 10 images.
    """
    pictures.check_options(image_size, channels)
    if hasattr(images, "as_numpy_iterator"):
        if labels is not None:
            raise ValueError("a tf.data.Dataset holds its own labels; labels= must be left out")
        images, labels = _collected(images)
    parts = {"": (uint8_images(images), labels)}
    return dataset(parts, name, classes=classes, image_size=image_size, channels=channels, seed=seed)


def dataset(parts: dict, name: str, *, classes=None, image_size=None, channels=None, seed=0, **origin) -> Dataset:
    """A data set from its parts, as `splits.divide` takes them: name -> (uint8 images, labels as users have them)."""
    for part, (images, labels) in parts.items():
        if labels is not None:
            _check_labels(np.asarray(labels), len(images), part)
    numbers, names = class_numbers([labels for _, labels in parts.values()], classes)
    checked = {
        part: (pictures.fitted(images, image_size, channels), number)
        for (part, (images, _)), number in zip(parts.items(), numbers, strict=True)
    }
    if not names:
        checked = {part: (images, np.zeros(len(images), np.int64)) for part, (images, _) in checked.items()}
    check_shapes({part: images.shape[1:] for part, (images, _) in checked.items()}, name)
    return Dataset(name, *splits.divide(checked, name, seed), names, **origin)


def check_shapes(shapes: dict, name: str) -> None:
    """ValueError unless the shapes of images, by part, can be those of one data set."""
    shapes = {part: pictures.check_shape(shape) for part, shape in shapes.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"the parts of {name!r} differ in shape: {', '.join(f'{p} {s}' for p, s in shapes.items())}")


def uint8_images(images, name: str = "images") -> np.ndarray:
    """Images as uint8 [N, H, W, C], from uint8 in 0..255, other integers in 0..255, bool, or floats in [0, 1].

    Raises:
        TypeError: no array of numbers. ValueError: another shape, or values out of range or NaN.
    """
    array = np.asarray(images)
    block = levels(array.reshape(image_shape(array.shape, array.dtype, name)), name)
    check_highest(block.max(), array.dtype, name)
    return block


def image_shape(shape, dtype: np.dtype, name: str) -> tuple[int, ...]:
    """[N, H, W, C] of an array of images of this shape; TypeError or ValueError if it can be none."""
    if dtype.kind not in "biuf":
        raise TypeError(f"{name} must be uint8 in 0..255 or floats in [0, 1], got dtype {dtype}")
    shape = (*shape, 1) if len(shape) == 3 else tuple(shape)
    if len(shape) != 4:
        raise ValueError(f"{name} must have shape [N, H, W, C] or [N, H, W] (grey), got {list(shape)}")
    if shape[-1] not in checks.CHANNELS:
        first = "; channels come last" if shape[1] in checks.CHANNELS else ""
        raise ValueError(f"{name} must have 1 channel (grey) or 3 (colour), got {shape[-1]} in {list(shape)}{first}")
    if not math.prod(shape):
        raise ValueError(f"{name} must hold images, got shape {list(shape)}")
    return shape


def levels(array: np.ndarray, name: str) -> np.ndarray:
    """The uint8 levels of some images of an array; ValueError for values out of range or NaN."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    low, high = array.min(), array.max()
    if array.dtype.kind == "f":
        if not (low >= 0 and high <= 1):  # NaN fails too
            values = "NaN" if np.isnan(low) else f"values in [{low:g}, {high:g}]"
            raise ValueError(f"{name} of dtype {array.dtype} must lie in [0, 1], got {values}")
        return np.stack([(image.astype(np.float32) * 255).round().astype(np.uint8) for image in array])
    if low < 0 or high > 255:
        raise ValueError(f"{name} of dtype {array.dtype} must lie in 0..255, got values in [{low}, {high}]")
    return array.astype(np.uint8, copy=False)


def check_highest(level: int, dtype: np.dtype, name: str) -> None:
    """ValueError if the highest level of all images says that integers 0 and 1 were meant as black and white."""
    if level == 1 and dtype.kind in "iu":
        raise ValueError(f"{name} of dtype {dtype} must lie in 0..255, got 0 and 1 only; store them as bool or float")


def class_numbers(labels: list, classes=None) -> tuple[list, tuple[str, ...]]:
    """Labels of several parts as indices into common class names, and these names; ([None, ...], ()) without labels.

    Args:
        labels: arrays [N] of integers or of names, one a part; None for each part that has none.
        classes: the names that integer labels are indices of; None: the labels that occur, sorted.

    Raises:
        TypeError, ValueError: a label that is not a class, or labels for some parts only.
    """
    if all(part is None for part in labels):
        if classes is not None:
            raise ValueError("classes name the labels, but there are no labels")
        return labels, ()
    if any(part is None for part in labels):
        raise ValueError("some parts of the data set have labels and some have none")
    arrays = [np.asarray(part).reshape(len(part)) for part in labels]
    arrays = [array.astype("U") if array.dtype.kind == "S" else array for array in arrays]
    if classes is None:
        values = np.unique(np.concatenate(arrays))
        names = tuple(str(int(value) if values.dtype.kind in "iub" else value) for value in values)
        return [np.searchsorted(values, array).astype(np.int64) for array in arrays], names
    names = checks.class_names(classes)
    if arrays[0].dtype.kind == "U":
        unknown = sorted(set(np.concatenate(arrays).tolist()) - set(names))
        if unknown:
            raise ValueError(f"labels must be among the classes {', '.join(names)}; got {unknown[0]!r}")
        return [np.array([names.index(name) for name in array], np.int64) for array in arrays], names
    if (highest := max(array.max() for array in arrays)) >= len(names):
        raise ValueError(
            f"labels must be in 0..{len(names) - 1}, the indices of the {len(names)} classes; got {highest}"
        )
    return [array.astype(np.int64) for array in arrays], names


def _check_labels(labels: np.ndarray, count: int, part: str) -> None:
    words = f"labels of {part!r}" if part else "labels"
    if labels.dtype.kind not in "biuUS":
        raise TypeError(f"{words} must be integers or names, got dtype {labels.dtype}")
    if labels.shape not in ((count,), (count, 1)):  # Keras's cifar10 has the latter
        raise ValueError(f"{words} must have shape [{count}], one for each image; got {list(labels.shape)}")
    if labels.dtype.kind == "i" and labels.size and labels.min() < 0:
        raise ValueError(f"{words} must be integers from 0 on, got {labels.min()}")


def _collected(elements) -> tuple[np.ndarray, np.ndarray | None]:
    """All images and labels (or None) of a `tf.data.Dataset`."""
    images, labels = [], []
    for element in elements.as_numpy_iterator():
        if isinstance(element, dict):
            element = (element.get("image"), element.get("label"))
        image, label = element if isinstance(element, tuple) else (element, None)
        if image is None:
            raise ValueError("a tf.data.Dataset of dictionaries must have 'image' among their keys")
        images.append(image)
        labels.append(label)
    if not images:
        raise ValueError("the tf.data.Dataset is empty")
    batched = np.ndim(images[0]) == 4 or (labels[0] is not None and np.ndim(labels[0]) > 0)
    join = np.concatenate if batched else np.stack
    try:
        return join(images), None if labels[0] is None else join(labels)
    except ValueError as error:
        raise ValueError(f"the images of the tf.data.Dataset differ in shape ({error})") from error
