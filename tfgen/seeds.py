"""Randomness as an argument: row seeds for what users draw, (run seed, step) for training.

Every draw is stateless and names its algorithm, Philox, so that the same seed gives the same numbers in Python and on a
server. XLA makes other floats of the same bits: what users draw by seed is not compiled by it.
"""

import secrets

import numpy as np
import tensorflow as tf

ALGORITHM = "philox"
SEED_STRIDE = 2**20  # rows that one integer seed owns
SEED_LIMIT = 2**43  # seed * SEED_STRIDE must fit an int64
ROWS_A_TURN = 8  # rows drawn in one turn of the loop over rows, where a turn costs more than a draw
SMALL_DRAW = 1024  # numbers a row up to which that is so
SYSTEM_LIMIT = 2**53  # whatever is drawn for a user survives JSON


def row_seeds(seed, n: int) -> np.ndarray:
    """The seeds of n rows.

    Args:
        seed: an int in [0, 2**43): row i gets `seed * 2**20 + i`, so that neighbouring seeds share no row. An integer
            array of shape [n]: taken as it is. None: n fresh seeds in [0, 2**53) from the system.
        n: the number of rows, 0 to 2**20.

    Returns:
        int64 [n].

    Raises:
        TypeError: n or seed is no integer. ValueError: one of them is out of range, or the array's shape is not [n].
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise TypeError(f"n must be an int, got {n!r}")
    if not 0 <= n <= SEED_STRIDE:
        raise ValueError(f"n must lie in 0..{SEED_STRIDE}, got {n}")
    if seed is None:
        return np.array([secrets.randbelow(SYSTEM_LIMIT) for _ in range(n)], np.int64)
    array = np.asarray(seed)
    if array.dtype.kind not in "iu":
        raise TypeError(f"seed must be an int, an integer array of shape [{n}] or None, got {seed!r}")
    if array.ndim:
        if array.shape != (n,):
            raise ValueError(f"an array of row seeds must have shape [{n}], one seed a row, got {list(array.shape)}")
        if array.dtype == np.uint64 and (array > np.iinfo(np.int64).max).any():
            raise ValueError(f"row seeds must fit an int64, got {array.max()}")
        return array.astype(np.int64)
    if not 0 <= int(array) < SEED_LIMIT:
        raise ValueError(f"seed must lie in 0..2**43 - 1, got {seed}")
    return int(array) * SEED_STRIDE + np.arange(n, dtype=np.int64)


def step_seeds(seed: int, step, count: int):
    """`count` independent stateless seeds of one training step, int32 [2] each, from (run seed, step) alone."""
    return split(tf.stack([tf.constant(seed, tf.int32), tf.cast(step, tf.int32)]), count)


def split(seed, count: int):
    """`count` independent stateless seeds from one, int32 [2] each."""
    return tf.unstack(tf.random.split(seed, count, alg=ALGORITHM))


def normal(shape, seed):
    """Standard normal noise of the given shape from one stateless seed, int32 [2]."""
    return tf.random.stateless_normal(shape, seed, alg=ALGORITHM)


def uniform(shape, seed):
    """Noise in [0, 1) of the given shape from one stateless seed, int32 [2]."""
    return tf.random.stateless_uniform(shape, seed, alg=ALGORITHM)


def map_rows(draw, seeds, dtype=tf.float32):
    """One draw a row, from that row's seed alone.

    Args:
        draw: a function of one stateless seed, int32 [2].
        seeds: int64 [B] row seeds.

    Returns:
        The draws, stacked: [B, ...]. Row i does not depend on the other rows, not by one bit.
    """
    # A map over rows and not one vectorised call: TensorFlow's stateless operations take one seed a call.
    return tf.map_fn(draw, tf.bitcast(seeds, tf.int32), fn_output_signature=dtype)


def normal_rows(shape, seeds):
    """Standard normal noise [B, *shape], row i from row seed i (int64 [B]) alone; the numbers are those of `normal`."""
    shape = tf.TensorShape(shape)
    if shape.num_elements() > SMALL_DRAW:
        return map_rows(lambda seed: _standard_normal(shape, seed), seeds, tf.TensorSpec(shape))

    def draw(block):
        return tf.stack([_standard_normal(shape, seed) for seed in tf.unstack(block)])  # [R, *shape]

    rows = tf.shape(seeds)[0]
    padded = tf.bitcast(tf.pad(seeds, [[0, -rows % ROWS_A_TURN]]), tf.int32)
    blocks = tf.reshape(padded, [-1, ROWS_A_TURN, 2])
    noise = tf.map_fn(draw, blocks, fn_output_signature=tf.TensorSpec([ROWS_A_TURN, *shape]))
    return tf.reshape(noise, [-1, *shape])[:rows]


def _standard_normal(shape, seed):
    """`normal` without its multiplication by 1 and addition of 0, which take most of a small draw's time."""
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    philox = tf.random.Algorithm.PHILOX.value
    return tf.raw_ops.StatelessRandomNormalV2(shape=shape, key=key, counter=counter, alg=philox, dtype=tf.float32)
