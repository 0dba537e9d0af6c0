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
    """A dense layer in which a unit of degree d sees the inputs of degree d or less: its kernel has a 0/1 mask.

    Args:
        seen: degrees of the inputs, int [inputs].
        degrees: of the units, int [units].
    """

    def __init__(self, seen: np.ndarray, degrees: np.ndarray, **options):
        super().__init__(len(degrees), **options)
        self.seen, self.degrees = np.asarray(seen, np.int32), np.asarray(degrees, np.int32)

    def call(self, inputs):
        return self.activation(tf.matmul(inputs, self.masked()) + self.bias)

    def masked(self):
        """The kernel behind its mask, [inputs, units]."""
        mask = tf.constant(self.seen)[:, None] <= tf.constant(self.degrees)  # no constant, which would fill a file
        return self.kernel * tf.cast(mask, self.kernel.dtype)


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
    inputs, context = keras.Input((dim,)), keras.Input((context_dim,))
    hidden = MaskedDense(degrees, hidden_degrees)(inputs)  # a hidden unit of degree d sees inputs 0..d
    if context_dim:
        hidden = keras.layers.Add()([hidden, keras.layers.Dense(hidden_units, use_bias=False)(context)])
    initial = keras.initializers.RandomNormal(stddev=1e-2)
    last = MaskedDense(hidden_degrees, np.tile(degrees - 1, outputs), kernel_initializer=initial)
    return functional([inputs, context] if context_dim else inputs, last(keras.layers.ELU()(hidden)))


def drawn(network, like, choose, context=None):
    """Values drawn one after the other: each is added to the hidden units, which are not computed anew.

    Args:
        network: made by `made`.
        like: a tensor of the shape of the values, [B, Z].
        choose: a function of parameters [B, outputs] and the place i, a scalar tensor, to the value there, [B].
        context: [B, C] of a network that has one.

    Returns:
        float32 [B, Z].
    """
    first, last = (layer for layer in network.layers if isinstance(layer, MaskedDense))
    dim, width = len(first.seen), len(first.degrees)
    inwards = first.masked()  # [Z, H]
    outwards = tf.transpose(tf.reshape(last.masked(), [width, -1, dim]), [2, 1, 0])  # [Z, outputs, H]
    biases = tf.transpose(tf.reshape(last.bias, [-1, dim]))  # [Z, outputs]
    units = tf.broadcast_to(first.bias, tf.stack([tf.shape(like)[0], width]))
    if context is not None:
        (told,) = (layer for layer in network.layers if type(layer) is keras.layers.Dense)
        units += tf.matmul(context, told.kernel)

    def draw(place, units, values):
        # A sum for each row by itself: a matrix product rounds by the number of rows, and a draw may tip over by that.
        value = choose(tf.reduce_sum(tf.nn.elu(units)[:, None] * outwards[place], -1) + biases[place], place)
        values = tf.where(tf.range(dim) == place, value[:, None], values)
        values.set_shape(like.shape)  # which a loop forgets
        return place + 1, units + value[:, None] * inwards[place], values

    begin = tf.constant(0), units, tf.zeros_like(like, tf.float32)
    return tf.while_loop(lambda place, *_: place < dim, draw, begin)[2]
