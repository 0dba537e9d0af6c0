"""One picture: decoding it, cropping and resizing it, grey or colour."""

import contextlib
import io
import warnings

import numpy as np

from tfgen import checks, pillow
from tfgen.data import lfs

ADVICE = "give --image-size to crop and resize the pictures"


class UnreadableError(Exception):
    """A file that cannot be decoded as a picture; the message says why."""


@contextlib.contextmanager
def no_bombs():
    """Inside the block a picture of more pixels than Pillow finds plausible is an error, not a warning."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whatever else Pillow says of a strange file
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode(content: bytes, image_size: int | None = None, channels: int | None = None) -> np.ndarray:
    """The pixels of an image file; call it inside `no_bombs`.

    Transparent pixels are laid over white, the orientation that a camera noted is applied, and of an animation the
    first frame is taken.

    Args:
        content: the bytes of a png, jpg, bmp, gif or webp.
        image_size: the side to crop and resize to; None: as it is.
        channels: 1 or 3; None: 1 if no pixel has a colour, else 3.

    Returns:
        uint8 [H, W, 1 or 3].

    Raises:
        UnreadableError: it cannot be decoded.
    """
    from PIL import Image, ImageOps

    if lfs.is_pointer(content):
        raise UnreadableError("a Git LFS pointer, not the picture")
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if image_size:
                picture.draft(picture.mode, (2 * image_size, 2 * image_size))  # spares decoding a large JPEG in full
            picture.load()
            with contextlib.suppress(Exception):  # a damaged note of the orientation spoils no pixel
                picture = ImageOps.exif_transpose(picture)
            return pillow.pixels(_fitted(pillow.opaque(picture), image_size), channels)
    except Exception as error:  # a decoder raises whatever the damage makes it raise
        raise UnreadableError(_reason(error)) from error


def fitted(images: np.ndarray, image_size: int | None = None, channels: int | None = None) -> np.ndarray:
    """Images of one shape, uint8 [N, H, W, 1 or 3], cropped and resized to a square side and turned grey or to colour.

    Both arguments as for `decode`; None leaves images as they are.
    """
    shape = fitted_shape(images.shape[1:], image_size, channels)
    if shape == tuple(images.shape[1:]):
        return images
    result = np.empty((len(images), *shape), np.uint8)
    for image, place in zip(images, result, strict=True):
        place[:] = resized(image, image_size, shape[-1])
    return result


def fitted_shape(shape, image_size: int | None, channels: int | None) -> tuple[int, int, int]:
    """The shape (H, W, C) that `fitted` gives to images of a shape."""
    height, width, own = shape
    return image_size or height, image_size or width, channels or own


def resized(image: np.ndarray, image_size: int | None, channels: int | None) -> np.ndarray:
    """One image, uint8 [H, W, 1, 3 or 4 (with transparency)], as `decode` would give it from a file."""
    from PIL import Image

    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    return pillow.pixels(_fitted(pillow.opaque(picture), image_size), channels)


def check_shape(shape) -> tuple[int, int, int]:
    """(H, W, C) of a data set's images; ValueError that advises `--image-size` for sides outside 16..128 pixels."""
    try:
        return checks.image_shape(shape)
    except ValueError as error:
        raise ValueError(f"{error}; {ADVICE}") from error


def check_options(image_size, channels) -> None:
    """TypeError or ValueError unless the side to resize to and the number of channels are possible, or None."""
    if image_size is not None:
        checks.positive_int("image_size", image_size)
        checks.in_range("image_size", image_size, checks.SMALLEST_SIDE, checks.LARGEST_SIDE)
    if channels is not None:
        checks.one_of("channels", channels, checks.CHANNELS)


def _fitted(picture, image_size: int | None):
    """The square in the middle of a Pillow picture, resized with an antialiasing filter."""
    from PIL import Image

    if image_size is None or picture.size == (image_size, image_size):
        return picture
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    square = (left, top, left + side, top + side)
    return picture.resize((image_size, image_size), Image.Resampling.LANCZOS, box=square)


def _reason(error: Exception) -> str:
    """Why a file cannot be decoded, in a few words."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "no picture of a known format"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "too many pixels: a decompression bomb?"
    return (str(error).splitlines() or [""])[0] or type(error).__name__
