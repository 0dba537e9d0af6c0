"""The training images that are nearest by what is known of an image; the mean of a few is an honest baseline."""

import numpy as np

from tfgen.tasks.common.job import flat

COUNTS = (1, 5, 20, 100)  # whose mean is the answer
ROWS, TRAIN_ROWS = 500, 5000  # images, and training images, that are compared at once


def nearest(train, image, weight, count: int, known=lambda images: images) -> np.ndarray:
    """The rows [N, count] of the training images that are nearest in what is known, the nearest first.

    Args:
        train: uint8 [M, H, W, C].
        image: what is known of images, float32 [N, ...] in [0, 1].
        weight: of each number of it, broadcast to `image`; 0 where it is not known.
        count: at most M.
        known: a function that makes of training images, float32 [., H, W, C] in [0, 1], what is known of images.
    """
    weight = flat(np.broadcast_to(np.asarray(weight, np.float32), image.shape))
    seen, found = weight * flat(image), []
    for begin in range(0, len(image), ROWS):
        rows = slice(begin, begin + ROWS)
        distances = []
        for start in range(0, len(train), TRAIN_ROWS):
            part = flat(known(np.asarray(train[start : start + TRAIN_ROWS]).astype(np.float32) / 255))
            distances.append(weight[rows] @ (part.T**2) - 2 * seen[rows] @ part.T)  # + |seen|^2, the same for all
        distances = np.concatenate(distances, 1)
        if count < distances.shape[1]:
            least = np.argpartition(distances, count - 1, 1)[:, :count]
        else:
            least = np.broadcast_to(np.arange(distances.shape[1]), distances.shape)
        order = np.argsort(np.take_along_axis(distances, least, 1), 1, kind="stable")
        found.append(np.take_along_axis(least, order, 1))
    return np.concatenate(found)


def mean(train, rows) -> np.ndarray:
    """The mean [N, H, W, C] of the training images of each of the rows [N, count], in [0, 1]."""
    return np.stack([np.asarray(train[np.sort(each)]).astype(np.float32).mean(0) / 255 for each in rows])


def chosen(train, rows, cost) -> int:
    """How many of the nearest [N, most] to take the mean of: of `COUNTS` the one with the least cost on validation.

    Args:
        train: uint8 [M, H, W, C].
        rows: the nearest training images of validation images.
        cost: a function from made images [N, H, W, C] to a number.
    """
    counts = [count for count in COUNTS if count <= rows.shape[1]]
    return counts[int(np.argmin([cost(mean(train, rows[:, :count])) for count in counts]))]
