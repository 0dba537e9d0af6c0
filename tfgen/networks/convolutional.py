"""Residual convolutional networks for images of any size, with SiLU units and He's initialisation.

Each stage halves the side of the maps (28 -> 14 -> 7) by a convolution of stride 2 and refines them by a residual
block. There are as many stages as bring the larger side to 8 pixels or less, at least two; odd sides are rounded up by
the encoder and cropped by the decoder.
"""

import keras

from tfgen import checks
from tfgen.networks.common import code_input, functional, image_input

layers = keras.layers
CHANNELS = (32, 64)
CODE_UNITS = 256  # of the dense layer between the convolutional maps and the code
SMALLEST_MAPS = 8  # pixels a side at which the stages end
FEWEST_STAGES = 2


def sizes(image_shape) -> list[tuple[int, int]]:
    """The height and width of the maps, of the image first: [(28, 28), (14, 14), (7, 7)]."""
    listed = [tuple(image_shape[:2])]
    while max(listed[-1]) > SMALLEST_MAPS or len(listed) <= FEWEST_STAGES:
        listed.append(tuple((side + 1) // 2 for side in listed[-1]))
    return listed


def stage_channels(name: str, channels, image_shape) -> tuple[int, ...]:
    """The channels of every stage: those given, the last of which also holds for further stages.

    Raises:
        TypeError, ValueError: no positive ints, or more of them than the images have stages; the message names them.
    """
    stages = len(sizes(image_shape)) - 1
    channels = checks.positive_ints(name, tuple(channels) or CHANNELS)
    if len(channels) > stages:
        height, width, _ = image_shape
        listed = " ".join(map(str, channels))
        raise ValueError(f"{name} must be at most {stages} ints for images of {height} x {width}, got {listed}")
    return channels + channels[-1:] * (stages - len(channels))


def encoder(image_shape, outputs: int, channels, classes: int = 0):
    """Images [B, H, W, C] to raw parameters [B, outputs]; a label enters as one more, learnt image plane."""
    inputs, image, label = image_input(image_shape, classes)
    height, width, _ = image_shape
    maps = image
    if classes:
        plane = layers.Reshape((height, width, 1))(layers.Dense(height * width)(label))
        maps = layers.Concatenate()([image, plane])
    for count in channels:
        maps = layers.Conv2D(count, 4, 2, "same", kernel_initializer="he_normal")(maps)  # 28 -> 14 -> 7
        maps = residual(maps, count)
    units = layers.Dense(CODE_UNITS, "silu")(layers.Flatten()(silu(maps)))
    return functional(inputs, layers.Dense(outputs)(units), name="encoder")


def decoder(latent_dim: int, output_shape, channels, classes: int = 0):
    """Codes [B, Z] to raw parameters of pixels [B, *output_shape], the mirror of `encoder`; `channels` in its order."""
    inputs, code = code_input(latent_dim, classes)
    units = layers.Dense(CODE_UNITS, "silu")(code)
    *larger, (height, width) = sizes(output_shape)
    inner = channels[::-1]
    maps = layers.Reshape((height, width, inner[0]))(layers.Dense(height * width * inner[0])(units))
    for count, following, size in zip(inner, (*inner[1:], output_shape[-1]), larger[::-1], strict=True):
        maps = silu(residual(maps, count))
        maps = layers.Conv2DTranspose(following, 4, 2, "same", kernel_initializer="he_normal")(maps)  # 7 -> 14 -> 28
        maps = cropped(maps, size)
    return functional(inputs, maps, name="decoder")


def cropped(maps, size):
    """Maps without the last row or column where they are one larger than `size`, (height, width)."""
    surplus = [(0, have - want) for have, want in zip(maps.shape[1:3], size, strict=True)]
    return layers.Cropping2D(surplus)(maps) if any(map(any, surplus)) else maps


def residual(maps, width: int):
    """x + conv(silu(conv(silu(x)))), the identity at the start."""
    update = layers.Conv2D(width, 3, padding="same", kernel_initializer="he_normal")(silu(maps))
    update = layers.Conv2D(width, 3, padding="same", kernel_initializer="zeros")(silu(update))
    return layers.Add()([maps, update])


def silu(maps):
    """x * sigmoid(x)."""
    return layers.Activation("silu")(maps)
