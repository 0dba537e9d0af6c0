"""What users hand to a model, checked once and turned into tensors; every error names the value and the choices."""

import numbers

import numpy as np
import tensorflow as tf

IMAGE_SHAPE = (28, 28, 1)
CLASSES = 10


def positive_int(name: str, value, smallest: int = 1) -> int:
    """`value` as an int >= smallest; TypeError or ValueError that names it otherwise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an int, got {value!r}")
    if value < smallest:
        raise ValueError(f"{name} must be at least {smallest}, got {value}")
    return int(value)


def positive_ints(name: str, values, count: int | None = None) -> tuple[int, ...]:
    """`values` as a tuple of ints >= 1, `count` of them if given; TypeError or ValueError that names them otherwise."""
    values = tuple(positive_int(name, value) for value in values)
    if count is not None and len(values) != count:
        raise ValueError(f"{name} must be {count} ints here, got {len(values)}: {', '.join(map(str, values))}")
    return values


def in_range(name: str, value, smallest: float, largest: float = float("inf")) -> float:
    """`value` as a float in [smallest, largest]; TypeError or ValueError that names it otherwise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not smallest <= value <= largest or np.isinf(value):
        finite = "finite and " if np.isinf(value) else ""
        bounds = f"at least {smallest}" if largest == float("inf") else f"in {smallest}..{largest}"
        raise ValueError(f"{name} must be {finite}{bounds}, got {value}")
    return float(value)


def one_of(name: str, value, choices) -> None:
    """ValueError unless `value` is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}; got {value!r}")


def images(image) -> tf.Tensor:
    """Images as float32 [B, 28, 28, 1] in [0, 1], from uint8 in 0..255, bool, or floats in [0, 1].

    Raises:
        TypeError: another dtype. ValueError: another shape, or values out of range or not finite.
    """
    array = image_array(image)
    return tf.constant(array.astype(np.float32) / np.float32(255 if array.dtype == np.uint8 else 1))


def image_array(image) -> np.ndarray:
    """Images as they are, an array [B, 28, 28, 1]; raises as `images` does."""
    array = _array("image", image)
    if array.shape[1:] != IMAGE_SHAPE:
        raise ValueError(f"image must have shape [B, 28, 28, 1], got {list(array.shape)}")
    if array.dtype in (np.uint8, np.bool_):
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"image must be uint8 in 0..255, bool, or float in [0, 1]; got dtype {array.dtype}")
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"float images must lie in [0, 1], got values in [{array.min():g}, {array.max():g}]")
    return array


def latents(latent, dim: int) -> tf.Tensor:
    """Codes as float32 [B, dim]. Raises TypeError for another dtype, ValueError for another shape or NaN."""
    array = _array("latent", latent)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"latent must hold numbers, got dtype {array.dtype}")
    if array.ndim != 2 or array.shape[1] != dim:
        raise ValueError(f"latent must have shape [B, {dim}], got {list(array.shape)}")
    if not np.isfinite(array).all():
        raise ValueError("latent must be finite, got NaN or infinity")
    return tf.constant(array.astype(np.float32))


def digits(digit, n: int, name: str) -> tf.Tensor:
    """The digits of n rows as int64 [n], from an int in 0..9 or n of them.

    Raises:
        TypeError: no digit given, or no integers. ValueError: a digit outside 0..9, or another count than n.
    """
    if digit is None:
        raise TypeError(f"{name} needs digit=, an int in 0..9 or {n} of them")
    array = np.asarray(digit)
    if array.dtype.kind not in "iu":
        raise TypeError(f"digit must be an int in 0..9 or {n} of them, got {digit!r}")
    if array.ndim > 1 or (array.ndim == 1 and len(array) != n):
        raise ValueError(f"digit must be one int in 0..9 or {n} of them, got shape {list(array.shape)}")
    wrong = array[(array < 0) | (array >= CLASSES)]
    if wrong.size:
        raise ValueError(f"digit must lie in 0..9, got {wrong.flat[0]}")
    return tf.constant(np.broadcast_to(array, [n]).astype(np.int64))


def _array(name: str, value) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise TypeError(f"{name} must be an array, got {type(value).__name__}") from error
    if array.dtype == object or array.dtype.kind in "US":
        raise TypeError(f"{name} must be an array of numbers, got {type(value).__name__} of dtype {array.dtype}")
    return array
