"""Light augmentation of training images: each is seen a little different in every epoch.

flip    mirrored left to right, every second image
shift   moved by up to a sixteenth of its sides, the edge repeated
"""

from typing import Literal, get_args

import tensorflow as tf

from tfgen import checks, seeds
from tfgen.training import replicas

Augmentation = Literal["flip", "shift"]
SHARE = 16  # of the side that an image is moved by at most


def check(names) -> tuple[str, ...]:
    """The augmentations of the names, each once. Raises ValueError, naming the choices, for another one."""
    for name in names:
        checks.one_of("augment", name, get_args(Augmentation))
    return tuple(name for name in get_args(Augmentation) if name in names)


def augmented(image, names, seed):
    """Training images [B, H, W, C], each changed at random by all that is named.

    Args:
        image: [B, H, W, C].
        names: some of "flip" and "shift".
        seed: stateless seed, int32 [2].
    """
    uniform = replicas.noise(seeds.uniform, [tf.shape(image)[0], 3], seed)
    if "flip" in names:
        image = tf.where(uniform[:, 0, None, None, None] < 0.5, image[:, :, ::-1], image)
    if "shift" in names:
        for axis in (1, 2):
            side = image.shape[axis]
            most = max(1, side // SHARE)
            moved = tf.cast(tf.floor(uniform[:, axis] * (2 * most + 1)), tf.int32) - most  # -most..most
            places = tf.clip_by_value(tf.range(side) + moved[:, None], 0, side - 1)  # [B, side]
            image = tf.gather(image, places, axis=axis, batch_dims=1)
    return image
