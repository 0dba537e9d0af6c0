"""Masks of missing pixels: bool [H, W], or [N, H, W] with a mask an image; True where a pixel is missing.

quadrants:N   N = 1, 2 or 3 quadrants are seen, as in Pyro's tutorial: the lower left one, the left half, all but the
              lower right one
half          the upper half is seen
random:P      a share P of the pixels, others in each image, is missing
FILE.png      white pixels are missing, black ones are seen; as large as the model's images
"""

from pathlib import Path

import numpy as np

QUADRANTS = ("1", "2", "3")
FORMS = "quadrants:1, quadrants:2, quadrants:3, half, random:P with 0 < P < 1, or a PNG file"


def check(words: str) -> None:
    """Raises ValueError unless words are one of the forms."""
    form, colon, value = words.partition(":")
    if words == "half" or (form == "quadrants" and value in QUADRANTS):
        return
    if form == "random" and colon:
        try:
            share = float(value)
        except ValueError:
            share = -1.0
        if 0 < share < 1:
            return
    elif words.lower().endswith(".png"):
        if Path(words).is_file():
            return
        raise ValueError(f"no such file: {words!r}")
    raise ValueError(f"mask must be one of {FORMS}; got {words!r}")


def of(words: str, count: int, shape, seed: int = 0) -> np.ndarray:
    """The mask of images, bool [N, H, W].

    Args:
        words: a mask in one of the forms.
        count: of images, N.
        shape: (H, W, C) of the images.
        seed: of the random ones.

    Raises:
        ValueError: another form, or a file that is not a mask of this shape.
    """
    from tfgen.distributions import damage

    check(words)
    form, _, value = words.partition(":")
    height, width = shape[:2]
    if form == "random":
        return checked(np.random.default_rng(seed).random((count, height, width)) < float(value), count, shape)
    mask = damage.fixed_mask(words, shape) if words == "half" or form == "quadrants" else _of_file(words)
    return checked(mask, count, shape)


def checked(mask, count: int, shape) -> np.ndarray:
    """A user's mask of N images as bool [N, H, W]. Raises TypeError, ValueError for one of another kind or shape."""
    mask = np.asarray(mask)
    if mask.dtype != np.bool_:
        raise TypeError(f"mask must be bool, True where a pixel is missing; got dtype {mask.dtype}")
    height, width = shape[:2]
    if mask.shape not in ((height, width), (count, height, width)):
        raise ValueError(f"mask must have shape [{height}, {width}] or [N, {height}, {width}], got {list(mask.shape)}")
    if not mask.any() or mask.all():
        raise ValueError("mask must leave some pixels to see and some that are missing")
    return np.broadcast_to(mask, (count, height, width))


def _of_file(path: str) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    from tfgen import pillow

    try:
        with Image.open(path) as picture:
            return pillow.pixels(pillow.opaque(picture), 1)[..., 0] > 127
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path!r} cannot be read as a picture") from error
