"""What users hand to a model or to a served one: images, codes, labels and seeds, checked the same way everywhere.

NumPy only: the clients of a server import this without TensorFlow. Every error names the value and the choices.
"""

import math
import numbers
import secrets

import numpy as np

from tfgen import pillow
from tfgen.checks import shortened

SEED_STRIDE = 2**20  # rows that one integer seed owns
SEED_LIMIT = 2**43  # seed * SEED_STRIDE must fit an int64
FRESH_LIMIT = 2**53  # whatever is drawn for a user survives JSON
DIGITS = tuple("0123456789")
BINARISED_AT_ONCE = 100  # images
ROUNDING = 1e-3  # of a level of 8 bits that went through single precision


def row_seeds(seed, n: int) -> np.ndarray:
    """The seeds of n rows.

    Args:
        seed: an int in [0, 2**43): row i gets `seed * 2**20 + i`, so that neighbouring seeds share no row. An integer
            array of shape [n], or a list of n ints: taken as it is; each must fit an int64. None: n fresh seeds in
            [0, 2**53) from the system.
        n: the number of rows, 0 to 2**20.

    Returns:
        int64 [n].

    Raises:
        TypeError: n or seed is not an integer. ValueError: one is out of range, or the array's shape is not [n].
    """
    if isinstance(n, bool) or not isinstance(n, numbers.Integral):
        raise TypeError(f"n must be an int, got {n!r}")
    if not 0 <= n <= SEED_STRIDE:
        raise ValueError(f"n must lie in 0..{SEED_STRIDE}, got {n}")
    if seed is None:
        return np.array([secrets.randbelow(FRESH_LIMIT) for _ in range(n)], np.int64)
    # NumPy would make floats of Python's ints beyond int64, and ints of bools among ints.
    array = np.asarray(seed) if hasattr(seed, "dtype") else np.asarray(seed, object)
    if array.shape == (0,) and n == 0:
        return array.astype(np.int64)
    if array.size == 0 or (array.dtype.kind not in "iu" and not all(_is_int(each) for each in array.flat)):
        raise TypeError(f"seed must be an int, {n} ints as an array or list, or None; got {shortened(repr(seed))}")
    if array.ndim == 0:
        if not 0 <= int(array) < SEED_LIMIT:
            raise ValueError(f"seed must lie in 0..2**43 - 1, got {array}")
        return int(array) * SEED_STRIDE + np.arange(n, dtype=np.int64)
    if array.shape != (n,):
        raise ValueError(f"an array of row seeds must have shape [{n}], one seed a row, got {list(array.shape)}")
    limits = np.iinfo(np.int64)
    for each in (array.min(), array.max()):
        if not limits.min <= each <= limits.max:
            raise ValueError(f"row seeds must fit an int64, got {each}")
    return array.astype(np.int64)


def images(image, shape) -> np.ndarray:
    """Images as float32 [B, H, W, C] in [0, 1], from what `image_array` takes."""
    array = image_array(image, shape)
    return array.astype(np.float32) / np.float32(255 if array.dtype == np.uint8 else 1)


def image_array(image, shape) -> np.ndarray:
    """Images of any kind as an array [B, H, W, C] of uint8 in 0..255, bool, or floats in [0, 1].

    Args:
        image: an array or nested lists of them, a tensor, a Pillow image or a list of such. One image is a batch of
            one. Of grey images the channel may be left out, [B, H, W] or [H, W], and pixels may lie in a row,
            [B, H * W * C].
        shape: (H, W, C).

    Raises:
        TypeError: another dtype. ValueError: another shape, or values out of range or not finite.
    """
    array = _array("image", _from_pillow(image, shape))
    check_shape(array.shape, shape)
    check_dtype(array.dtype)
    array = array.reshape(-1, *shape)
    if array.dtype.kind == "f" and array.size and not (array.min() >= 0 and array.max() <= 1):  # NaN fails too
        raise ValueError(out_of_range(array.min(), array.max()))
    return array


def check_dtype(dtype) -> None:
    """TypeError unless a NumPy dtype can be that of images."""
    if dtype in (np.uint8, np.bool_) or dtype.kind == "f":
        return
    use = ": use image.astype('uint8') if its values lie in 0..255" if dtype.kind in "iu" else ""
    raise TypeError(f"image must be uint8 in 0..255, bool, or float in [0, 1]; got dtype {dtype}{use}")


def out_of_range(low: float, high: float) -> str:
    """What is said of float images whose lowest and highest value do not lie in [0, 1]."""
    if low != low or high != high:
        return "float images must lie in [0, 1], got NaN"
    divide = "; divide by 255" if low >= 0 and 1 < high <= 255 else ""
    return f"float images must lie in [0, 1], got values in [{low:g}, {high:g}]{divide}"


def check_shape(actual, shape) -> None:
    """ValueError unless the shape of an array can mean images (H, W, C) alone, so that [-1, H, W, C] is a reshape.

    Sizes that are not known yet, None, may be right.
    """
    height, width, channels = shape
    one = [(height, width, channels), (math.prod(shape),), *([(height, width)] if channels == 1 else [])]
    if not any(_fits(actual, each) or (len(actual) and _fits(actual[1:], each)) for each in one):
        raise ValueError(wrong_shape(actual, shape))


def wrong_shape(actual, shape) -> str:
    """What is said of a shape that can be none of images (H, W, C): both, and what to call where that is plain."""
    height, width, channels = shape
    message = f"image must have shape [B, {height}, {width}, {channels}], got {list(actual)}"
    if tuple(actual[-3:]) == (channels, height, width):
        return f"{message}; channels come last: numpy.moveaxis(image, -3, -1)"
    if channels == 1 and tuple(actual[-3:]) == (height, width, 3):
        return f"{message}; the images must be grey, such as image.mean(-1, keepdims=True) of floats"
    if None not in actual and math.prod(actual) and math.prod(actual) % math.prod(shape) == 0:
        count = math.prod(actual) // math.prod(shape)
        return f"{message}; if that is {count} of them: image.reshape({count}, {height}, {width}, {channels})"
    return message


def binarised(image: np.ndarray, seed: int = 0, first: int = 0) -> np.ndarray:
    """Images [N, ...] binarised once, x ~ Bernoulli(level / 255) from `numpy.random.default_rng(seed)`; bool.

    Args:
        image: images uint8 in 0..255, bool, or float in [0, 1], the same whichever they are; or those in a file
            (`tfgen.data.stored`), which are binarised when they are read.
        seed: of the generator.
        first: which image of its data set the first one is, so that a part of the set is binarised as in the whole.
    """
    if not isinstance(image, np.ndarray):
        return image.binarised(seed)
    random, result = np.random.default_rng(seed), np.empty(image.shape, bool)
    random.bit_generator.advance(first * math.prod(image.shape[1:]))  # a number per pixel
    for start in range(0, len(image), BINARISED_AT_ONCE):  # numbers take eight times the memory of pixels
        part = image[start : start + BINARISED_AT_ONCE]
        result[start : start + BINARISED_AT_ONCE] = random.random(part.shape) < _probability(part)
    return result


def _probability(image: np.ndarray) -> np.ndarray:
    """Images as float64 in [0, 1]; a float within rounding of one of the 256 levels is that level."""
    if image.dtype == np.uint8:
        return image / 255
    image = image.astype(np.float64)
    level = np.rint(image * 255)
    return np.where(np.abs(image * 255 - level) < ROUNDING, level / 255, image)


def latents(latent, dim: int) -> np.ndarray:
    """Codes as float32 [B, dim]. Raises TypeError for another dtype, ValueError for another shape or NaN."""
    array = _array("latent", latent)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"latent must hold numbers, got dtype {array.dtype}")
    if array.ndim != 2 or array.shape[1] != dim:
        raise ValueError(f"latent must have shape [B, {dim}], got {list(array.shape)}")
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError("latent must be finite, got NaN or infinity")
    return array


def label_count(label) -> int | None:
    """How many rows a label argument stands for: the length of a list or array, None for one label or none."""
    return None if label is None or isinstance(label, str) or not np.ndim(label) else len(label)


def labels(label, n: int, names, model: str) -> np.ndarray:
    """The classes of n rows as int64 [n], from one label or n of them; a label is a number or a name of a class.

    Args:
        label: an int in 0..len(names) - 1, a class name, or n of either.
        n: the number of rows.
        names: of the classes, in order; None where they are not known, so that any number from 0 on may be right.
        model: the model's name, for the message.

    Raises:
        TypeError: no label given, or neither numbers nor names. ValueError: an unknown class, or another count than n.
    """
    choices = "an int from 0 on" if names is None else _choices(names)
    if label is None:
        raise TypeError(f"{model} needs label=, {choices}, or {n} of them")
    array = np.asarray(label)
    if array.shape == (0,):
        array = array.astype(np.int64)  # an empty list is one of floats to NumPy
    if array.ndim > 1 or (array.ndim == 1 and len(array) != n):
        hint = "; of one-hot rows: label.argmax(-1)" if array.ndim == 2 and len(array) == n else ""
        raise ValueError(f"label must be {choices}, or {n} of them; got shape {list(array.shape)}{hint}")
    if array.dtype.kind == "U":
        if names is None:
            raise TypeError(f"label must be {choices}, or {n} of them; got {shortened(repr(label))}")
        unknown = [name for name in array.flat if name not in names]
        if unknown:
            raise ValueError(f"label must be {choices}; got {str(unknown[0])!r}")
        array = np.reshape([names.index(name) for name in array.flat], array.shape).astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"label must be {choices}, or {n} of them; got {shortened(repr(label))}")
    wrong = array[(array < 0) | (array >= (np.inf if names is None else len(names)))]
    if wrong.size:
        raise ValueError(f"label must be {choices}; got {wrong.flat[0]}")
    return np.broadcast_to(array, [n]).astype(np.int64)


def _choices(names) -> str:
    """The classes that a label may name: 0..9, or 0..2 or one of 'cat', 'dog', 'fish'."""
    numbers = f"an int in 0..{len(names) - 1}"
    if tuple(names) == tuple(map(str, range(len(names)))):
        return numbers
    return f"{numbers} or one of {', '.join(map(repr, names))}"


def _from_pillow(image, shape):
    """A Pillow image, or a list of such, as arrays uint8 [H, W, C], transparent pixels over white; others unchanged."""
    if isinstance(image, list | tuple) and image and all(_is_pillow(each) for each in image):
        return np.stack([_from_pillow(each, shape) for each in image])
    if not _is_pillow(image):
        return image
    height, width, channels = shape
    if image.size != (width, height):
        raise ValueError(
            f"image must be {width} x {height} pixels, got a Pillow image of {' x '.join(map(str, image.size))}: "
            f"use image.resize(({width}, {height}))"
        )
    return pillow.pixels(pillow.opaque(image), channels)


def _fits(sizes, shape) -> bool:
    return len(sizes) == len(shape) and all(actual in (None, size) for actual, size in zip(sizes, shape, strict=True))


def _is_pillow(image) -> bool:
    return hasattr(image, "convert") and hasattr(image, "getbands")


def _is_int(value) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _array(name: str, value) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise TypeError(f"{name} must be an array, got {type(value).__name__}") from error
    if array.dtype == object or array.dtype.kind in "US":
        raise TypeError(f"{name} must be an array of numbers, got {type(value).__name__} of dtype {array.dtype}")
    return array
