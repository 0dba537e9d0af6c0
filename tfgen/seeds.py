"""Randomness as an argument: row seeds for what users draw, (run seed, step) for training.

Every draw is stateless and names its algorithm, Philox, so that the same seed gives the same numbers in Python and on a
server. XLA makes other floats of the same bits: what users draw by seed is not compiled by it.
"""

from tfgen.inputs import row_seeds
from tfgen.quiet import tf

__all__ = ["map_rows", "normal", "normal_rows", "row_seeds", "split", "step_seeds", "uniform"]

ALGORITHM = "philox"
ROWS_A_TURN = 8  # rows drawn in one turn of the loop over rows, where a turn costs more than a draw
SMALL_DRAW = 1024  # numbers per row up to which that is so


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
    """One draw per row, from that row's seed alone.

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
