"""What can be measured of images [N, H, W, C] in [0, 1], an attribute a number, and the words for its two ends.

thickness  of strokes, pixels: twice the area of the ink over the length of its outline
slant      degrees that the ink leans to the right as it rises: minus the regression of x on y, as an angle
ink        its mean over the pixels, 0 to 1
width, height   standard deviation of the ink across and down, pixels
red, green, blue   of coloured images: the mean of this channel less that of all three

Ink is the value of a grey pixel, and what a coloured one lacks to white. Slant, width and height are moments of it.
"""

import numpy as np

from tfgen import checks

UNITS = {
    "thickness": "of strokes, in pixels",
    "slant": "to the right, in degrees",
    "ink": "mean of the pixels, 0 to 1",
    "width": "standard deviation of the ink across, in pixels",
    "height": "standard deviation of the ink down, in pixels",
    "red": "mean of the channel less that of all",
    "green": "mean of the channel less that of all",
    "blue": "mean of the channel less that of all",
}
COLOURS = ("red", "green", "blue")
WORDS = {  # the word for an end of an attribute: its name, and +1 where more of it is meant
    "thin": ("thickness", -1),
    "thick": ("thickness", 1),
    "slanted": ("slant", 1),
    "backslanted": ("slant", -1),
    "light": ("ink", -1),
    "heavy": ("ink", 1),
    "narrow": ("width", -1),
    "wide": ("width", 1),
    "short": ("height", -1),
    "tall": ("height", 1),
    **{colour: (colour, 1) for colour in COLOURS},
}
NOTHING = 1e-6  # ink of every pixel, so that an empty image has moments


def measure(images) -> dict[str, np.ndarray]:
    """The attributes of images [N, H, W, C] in [0, 1], name -> float64 [N]; those of colours where C is 3."""
    images = np.asarray(images, np.float64)
    grey = images.shape[-1] == 1
    ink = images[..., 0] if grey else 1 - images.mean(-1)  # [N, H, W]
    outline = np.hypot(*np.gradient(np.pad(ink, ((0, 0), (1, 1), (1, 1))), axis=(1, 2))).sum((1, 2))
    moments = _moments(ink + NOTHING)
    found = {
        "thickness": 2 * ink.sum((1, 2)) / np.maximum(outline, NOTHING),
        "slant": np.degrees(np.arctan2(-moments["xy"], moments["yy"])),
        "ink": ink.mean((1, 2)),
        "width": np.sqrt(moments["xx"]),
        "height": np.sqrt(moments["yy"]),
    }
    if not grey:
        means = images.mean((1, 2))  # [N, 3]
        found |= {colour: means[:, channel] - means.mean(1) for channel, colour in enumerate(COLOURS)}
    return found


def check(words) -> None:
    """Raises ValueError for a word that means nothing, and for two words about one attribute."""
    if not words:
        raise ValueError(f"add needs at least one of {', '.join(WORDS)}")
    names = {}
    for word in words:
        checks.one_of("add", word, WORDS)
        name = WORDS[word][0]
        if name in names:
            raise ValueError(f"add takes one word about {name}, got {names[name]} and {word}")
        names[name] = word


def _moments(ink) -> dict[str, np.ndarray]:
    """Central moments of second order of ink [N, H, W] > 0, each [N]; x grows to the right and y down."""
    weights = ink / ink.sum((1, 2), keepdims=True)
    y, x = np.mgrid[: ink.shape[1], : ink.shape[2]]
    x, y = (axis - np.sum(weights * axis, (1, 2), keepdims=True) for axis in (x, y))
    return {name: np.sum(weights * product, (1, 2)) for name, product in (("xx", x * x), ("xy", x * y), ("yy", y * y))}
