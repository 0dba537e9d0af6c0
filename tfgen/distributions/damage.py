"""Damage p(c|x): what is left of an image x, by a word and a number; what a model of p(x|c) is trained to undo.

quadrants:N   N = 1, 2 or 3 quadrants are seen, as in Pyro's tutorial on conditional VAEs
half          the upper half is seen
random:P      a share P of the pixels, others in each image, is missing
holes         a rectangle, all but a rectangle, or pixels at random are missing, of any size: for masks of all kinds
gaussian:S    normal noise of standard deviation S, clipped to [0, 1]
salt:P        a share P of the pixels is black or white (salt and pepper)
blocks:K      only the means of K x K pixels are left: the image is K times smaller
grey          only the grey level is left, .299 R + .587 G + .114 B

A share or a deviation may be a range, gaussian:0.1-0.5, from which each image has its own. Missing pixels are -1, which
tells them from dark ones. c is float32 [B, *shape], from images [B, H, W, C] in [0, 1].
"""

import re

import numpy as np
import tensorflow as tf

from tfgen import seeds

MISSING = -1.0
FORMS = (
    "quadrants:1, quadrants:2, quadrants:3, half, random:P, holes, gaussian:S, salt:P, blocks:K or grey, where P, S may"
    " be a range such as 0.1-0.5"
)
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601, as Pillow has it)
MASKS = ("quadrants", "half", "random", "holes")
NUMBER = r"(\d+\.?\d*|\.\d+)"
RANGE = re.compile(rf"{NUMBER}(?:-{NUMBER})?")
SMALLEST_CHROMA = 1e-6  # in place of 0, by which nothing is divided
SMALLEST_NOISE = 1e-6  # uniform noise nearer to 0 or 1 has no finite quantile in float32
LARGEST_STDDEV = 10.0


def fixed_mask(words: str, shape) -> np.ndarray:
    """The mask of quadrants:N or half, bool [H, W], True where pixels are missing."""
    (height, width), mask = shape[:2], np.zeros(shape[:2], bool)
    if words == "half":
        mask[height // 2 :] = True
        return mask
    seen = words.partition(":")[2]
    mask[:] = True
    mask[height // 2 :, : width // 2] = False
    if seen in ("2", "3"):
        mask[:, : width // 2] = False
    if seen == "3":
        mask[: height // 2] = False
    return mask


class Damage:
    """One kind of damage, to images of one shape.

    Attributes:
        words: the kind, in one of the forms.
        image_shape: (H, W, C) of whole images.
        shape: of damaged ones.
        numbers: uniform random numbers that the damage of an image takes, N.
        hides: whether pixels are missing, and the others are as they were.

    Raises:
        TypeError, ValueError: no such damage, or one that images of this shape cannot have; the message names it.
    """

    def __init__(self, words: str, image_shape):
        self.words, self.image_shape = words, tuple(image_shape)
        self.kind, self.low, self.high = _parsed(words)
        height, width, channels = self.image_shape
        self.hides, self.shape, self.factor = self.kind in MASKS, self.image_shape, 1
        pixels = height * width
        counts = {"random": 1 + pixels, "holes": 6 + pixels, "gaussian": 1 + pixels * channels, "salt": 1 + pixels}
        self.numbers = counts.get(self.kind, 0)
        if self.kind == "blocks":
            self.factor = int(self.low)
            if height % self.factor or width % self.factor:
                raise ValueError(f"images of {height} x {width} cannot be cut into blocks of {self.factor} pixels")
            self.shape = height // self.factor, width // self.factor, channels
        if self.kind == "grey":
            if channels != 3:
                raise ValueError("damage grey takes the colour of images, which those of one channel do not have")
            self.shape = height, width, 1

    def covers(self, words: str) -> bool:
        """Whether a model that undoes this damage was trained on such images as a damage in other words makes."""
        other = Damage(words, self.image_shape)
        if self.kind == "holes" and other.hides:
            return True
        if other.kind in ("quadrants", "half"):
            return other.words == self.words
        return other.kind == self.kind and self.low <= other.low and other.high <= self.high

    def noise(self, rows):
        """Uniform noise [B, N] of row seeds, int64 [B]; independent of what codes are drawn from the same seeds."""
        spec = tf.TensorSpec([self.numbers])
        return seeds.map_rows(lambda seed: seeds.uniform([self.numbers], seeds.split(seed, 2)[1]), rows, spec)

    def __call__(self, image, noise):
        """Damaged images [B, *shape] of images [B, H, W, C] under uniform noise [B, N]."""
        if self.hides:
            return tf.where(self.mask(noise), MISSING, image)
        if self.kind == "blocks":
            return tf.nn.avg_pool2d(image, self.factor, self.factor, "VALID")
        if self.kind == "grey":
            return luminance(image)
        level, noise = self.level(noise[:, :1, None, None]), noise[:, 1:]
        if self.kind == "gaussian":
            normal = tf.math.ndtri(tf.clip_by_value(noise, SMALLEST_NOISE, 1 - SMALLEST_NOISE))
            return tf.clip_by_value(image + level * tf.reshape(normal, [-1, *self.image_shape]), 0.0, 1.0)
        noise = tf.reshape(noise, [-1, *self.image_shape[:2], 1])
        return tf.where(noise < level / 2, 0.0, tf.where(noise > 1 - level / 2, 1.0, image))

    def level(self, uniform):
        """Shares or deviations between the ends of the range."""
        return self.low + (self.high - self.low) * uniform

    def mask(self, noise):
        """Which pixels are missing, bool [B or 1, H, W, 1]."""
        height, width, _ = self.image_shape
        if self.kind in ("quadrants", "half"):
            return tf.constant(fixed_mask(self.words, self.image_shape)[None, :, :, None])
        if self.kind == "random":
            return tf.reshape(noise[:, 1:], [-1, height, width, 1]) < self.level(noise[:, :1, None, None])
        kind, share, ends = noise[:, 0, None, None], noise[:, 1, None, None], tf.sort(noise[:, 2:6], -1)
        rows, columns = (tf.range(size, dtype=tf.float32)[None] / size for size in (height, width))
        # Of four numbers in order the first and third bound the rows, the second and fourth the columns.
        inside = ((rows >= ends[:, 0, None]) & (rows <= ends[:, 2, None]))[:, :, None]
        inside &= ((columns >= ends[:, 1, None]) & (columns <= ends[:, 3, None]))[:, None]
        scattered = tf.reshape(noise[:, 6:], [-1, height, width]) < share
        return tf.where(kind < 0.4, inside, tf.where(kind < 0.8, ~inside, scattered))[..., None]

    def missing(self, damaged):
        """1 where a pixel of damaged images [B, H, W, C] is missing, else 0: float32 [B, H, W, 1]."""
        return tf.cast(damaged[..., :1] < 0, tf.float32)

    def view(self, damaged):
        """Damaged images as a network sees them, [B, H, W, K]: as large as the whole, the mask as one more channel."""
        if self.hides:
            return tf.concat([tf.maximum(damaged, 0.0), self.missing(damaged)], -1)
        return self.enlarged(damaged)

    def enlarged(self, damaged):
        """Damaged images [B, H / K, W / K, C] with each pixel repeated K x K times; others as they are."""
        if self.factor == 1:
            return damaged
        return tf.repeat(tf.repeat(damaged, self.factor, 1), self.factor, 2)

    def consistent(self, image, damaged):
        """Images [B, H, W, C] changed so that what is known of them is as in the damaged ones.

        Pixels that are seen are put in their place; block means and grey levels are shifted to those that are known.
        Noise leaves nothing known.
        """
        if self.hides:
            return tf.where(damaged < 0, image, damaged)
        if self.kind == "blocks":
            left = damaged - tf.nn.avg_pool2d(image, self.factor, self.factor, "VALID")
            return tf.clip_by_value(image + self.enlarged(left), 0.0, 1.0)
        if self.kind == "grey":
            return with_luminance(image, damaged)
        return image


def with_luminance(image, grey):
    """Colours [..., 3] of another grey level [..., 1], as saturated as they are, or as that level can be in [0, 1].

    White is of one colour, and so is black. A clipped colour would have another level than it should.
    """
    chroma = image - luminance(image)
    room = tf.where(chroma > 0, 1 - grey, grey) / tf.maximum(tf.abs(chroma), SMALLEST_CHROMA)
    share = tf.minimum(1.0, tf.reduce_min(room, -1, keepdims=True))
    return tf.clip_by_value(grey + share * chroma, 0.0, 1.0)


def luminance(image):
    """The grey level of colour images, [..., 3] -> [..., 1]."""
    return tf.reduce_sum(image * tf.constant(LUMINANCE), -1, keepdims=True)


def _parsed(words: str) -> tuple[str, float, float]:
    """A kind and the ends of its range of numbers, (kind, 0, 0) where it has none. Raises TypeError, ValueError."""
    if not isinstance(words, str):
        raise TypeError(f"damage must be one of {FORMS}; got {words!r}")
    kind, _, number = words.partition(":")
    if words in ("half", "holes", "grey") or words in ("quadrants:1", "quadrants:2", "quadrants:3"):
        return kind, 0.0, 0.0
    if kind == "blocks" and number.isascii() and number.isdigit() and int(number) > 1:
        return kind, float(number), float(number)
    found = RANGE.fullmatch(number)
    if kind in ("random", "gaussian", "salt") and found:
        low, high = float(found[1]), float(found[2] or found[1])
        largest = LARGEST_STDDEV if kind == "gaussian" else 1.0
        if 0 < low <= high and (high < largest or (kind != "random" and high <= largest)):
            return kind, low, high
    raise ValueError(f"damage must be one of {FORMS}; got {words!r}")
