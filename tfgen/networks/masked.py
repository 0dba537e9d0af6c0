"""MADE: a network whose outputs depend on the inputs before them alone (Germain et al. 2015, arXiv 1502.03509).

TensorFlow Probability's own autoregressive network is a tf_keras layer, whose variables a Keras 3 model does not see;
hence these masked layers.
"""

import keras
import numpy as np
import tensorflow as tf

from tfgen.networks.common import functional

MOST_WEIGHTS = 2**28  # of a masked layer: a gigabyte


class MaskedDense(keras.layers.Dense):
    """A dense layer whose kernel is multiplied by a fixed 0/1 mask, [inputs, units]."""

    def __init__(self, mask: np.ndarray, **options):
        super().__init__(mask.shape[1], **options)
        self.mask = np.asarray(mask, np.float32)

    def call(self, inputs):
        outputs = tf.matmul(inputs, self.kernel * tf.cast(self.mask, self.kernel.dtype)) + self.bias
        return self.activation(outputs)


def made(dim: int, hidden_units: int, outputs: int, context_dim: int):
    """MADE (Germain et al. 2015): output i of each group depends on inputs 0..i-1 and on the context alone.

    Args:
        dim: inputs Z.
        hidden_units: width of its one hidden layer, spread evenly over the degrees 0..Z-2.
        outputs: how many groups of Z outputs.
        context_dim: width C of the context, which every hidden unit sees; 0 for none.

    Returns:
        A Keras model from [[B, Z], [B, C]] to [B, outputs * Z].

    Raises:
        ValueError: more weights than a masked layer may have.
    """
    if dim * hidden_units * outputs > MOST_WEIGHTS:
        raise ValueError(f"a masked layer may have {MOST_WEIGHTS:,} weights, got {dim} x {hidden_units} x {outputs}")
    degrees = np.arange(dim)
    hidden_degrees = np.arange(hidden_units) % max(1, dim - 1)
    first_mask = degrees[:, None] <= hidden_degrees[None, :]  # a hidden unit of degree d sees inputs 0..d
    last_mask = np.tile(hidden_degrees[:, None] < degrees[None, :], (1, outputs))
    inputs, context = keras.Input((dim,)), keras.Input((context_dim,))
    hidden = MaskedDense(first_mask)(inputs)
    if context_dim:
        hidden = keras.layers.Add()([hidden, keras.layers.Dense(hidden_units, use_bias=False)(context)])
    last = MaskedDense(last_mask, kernel_initializer=keras.initializers.RandomNormal(stddev=1e-2))
    return functional([inputs, context] if context_dim else inputs, last(keras.layers.ELU()(hidden)))
