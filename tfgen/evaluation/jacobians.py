"""The Jacobian of an encoder: how a code answers to small changes of an image (Rifai et al. 2011)."""

import numpy as np
import tensorflow as tf

from tfgen import figures

IMAGES = 8  # whose Jacobians are looked at
TANGENTS = 6  # directions that are shown of each


def jacobian(function, image) -> np.ndarray:
    """d function / d image of images [B, H, W, C], a row by itself: [B, Z, H * W * C]."""
    image = tf.convert_to_tensor(image)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        code = function(image)
    slopes = tape.batch_jacobian(code, image, experimental_use_pfor=False)
    return slopes.numpy().reshape(*code.shape, -1)


def figures_of(function, images, name: str) -> dict:
    """Figures of the Jacobian of `function` at images [N, H, W, C]: its singular values, and its main directions."""
    images = np.asarray(images[:IMAGES], np.float32)
    _, values, directions = np.linalg.svd(jacobian(function, images), full_matrices=False)
    rows = [{"rank": rank + 1.0, "singular_value": value} for rank, value in enumerate(values.mean(0))]
    count = min(TANGENTS, directions.shape[1])
    tangents = directions[:, :count].reshape(len(images), count, *images.shape[1:])
    scale = 2 * np.abs(tangents).max((2, 3, 4), keepdims=True)
    tiles = np.concatenate([images[:, None], 0.5 + tangents / scale], 1).reshape(-1, *images.shape[1:])
    title = f"{name}: images, and the directions in which their codes change most"
    return {
        "spectrum": figures.curve(rows, "singular_value", f"{name}: singular values of the Jacobian", {}, "rank"),
        "tangents": figures.grid(tiles, 1 + count, title, column_labels=["image", *map(str, range(1, 1 + count))]),
    }
