"""Pixels of Pillow pictures, of a file's or a user's own: grey or colour, without transparency."""

import numpy as np


def opaque(picture):
    """A Pillow picture as grey ("L") or colour ("RGB"), transparent pixels over white."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits per pixel, which convert("L") would cut off at 255
        return Image.fromarray((np.asarray(picture).astype(np.float64) / 257).round().clip(0, 255).astype(np.uint8))
    if picture.has_transparency_data:
        colour = picture.convert("RGBA")
        white = Image.new("RGBA", colour.size, "white")
        return Image.alpha_composite(white, colour).convert("RGB")
    return picture.convert("L" if picture.mode in ("1", "L", "La", "LA") else "RGB")


def pixels(picture, channels: int | None) -> np.ndarray:
    """uint8 [H, W, C] of a grey or colour Pillow picture."""
    if channels is not None:
        picture = picture.convert("L" if channels == 1 else "RGB")
    image = np.array(picture)
    image = image[..., None] if image.ndim == 2 else image
    return image[..., :1] if channels is None and is_grey(image) else image


def is_grey(image: np.ndarray) -> bool:
    """Whether an image [H, W, 1 or 3] has no colour in any pixel."""
    return image.shape[-1] == 1 or bool((image[..., :1] == image[..., 1:]).all())
