"""Images that are streamed: what does not fit in memory is read from a file, ahead of the steps that need it.

The batch of a step is a function of the step alone. So batches are read from any step on, several at a time, and are
those that a loop on images in memory takes.
"""

import functools
import math

import numpy as np
import tensorflow as tf

from tfgen import files

READERS = 4  # batches that are read at the same time


def steps_per_block(images, batch_size: int, most: int) -> tuple[int, bool]:
    """How many steps' batches of stored images are handed over together, and whether memory suffices to read ahead.

    Then one block is trained on, one is ready, and one is put together from the batches that readers have.
    """
    batches = images.memory // (batch_size * math.prod(images.shape[1:]))
    steps = max(1, min(most, (batches - READERS) // 3))
    return steps, batches >= 3 * steps + READERS


def blocks(split, batch_size: int, steps: int, *, ahead: bool, steps_per_epoch: int, order, first_epoch: int, errors):
    """The batches of a split from an epoch on, without end: (images uint8 [K, B, H, W, C], labels int64 [K, B]).

    Args:
        split: a `tfgen.data.Split` of stored images.
        batch_size: images per batch, B.
        steps: of a block, K.
        ahead: whether blocks are read before they are asked for.
        steps_per_epoch: of each epoch. Its last block is filled up with zeros.
        order: `order(epoch)` gives the rows of each step, [steps, B].
        first_epoch: the epoch to begin with.
        errors: a list that a `files.ReadError` is added to, of which TensorFlow raises no more than the text.
    """
    order, shape = functools.lru_cache(maxsize=2)(order), (batch_size, *split.images.shape[1:])
    padded = -(-steps_per_epoch // steps) * steps

    def batch(number):
        epoch, step = divmod(int(number), padded)
        if step >= steps_per_epoch:
            return np.zeros(shape, np.uint8), np.zeros(batch_size, np.int64)
        rows = order(epoch)[step]
        return split.images[rows], split.labels[rows]

    read = _operation(batch, [(tf.uint8, shape), (tf.int64, [batch_size])], errors)
    batches = tf.data.Dataset.counter(first_epoch * padded)
    batches = batches.map(read, num_parallel_calls=READERS if ahead else None, deterministic=True if ahead else None)
    in_blocks = batches.batch(steps, drop_remainder=True)
    return (in_blocks.prefetch(1) if ahead else in_blocks).with_options(_as_written())


def _as_written() -> tf.data.Options:
    """Has a pipeline read no further ahead than it says, which tf.data's rewriting does on a busy machine."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options


def chunks(images, labels, size: int, errors):
    """(images, labels) in chunks of a size, in order; `errors` as of `blocks`."""

    def chunk(start):
        return images[start : start + size], labels[start : start + size]

    read = _operation(chunk, [(images.dtype, [None, *images.shape[1:]]), (labels.dtype, [None])], errors)
    return tf.data.Dataset.range(0, len(images), size).map(read)


def _operation(function, results, errors):
    """A function of a number as an operation of a pipeline; its results, (dtype, shape) each."""

    def noting(number):
        try:
            return function(number)
        except files.ReadError as error:
            errors.append(error)
            raise

    def operation(number):
        values = tf.numpy_function(noting, [number], [dtype for dtype, _ in results], stateful=False)
        return tuple(tf.ensure_shape(value, shape) for value, (_, shape) in zip(values, results, strict=True))

    return operation
