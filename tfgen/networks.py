"""The networks of the zoo: functional Keras models from tensors to tensors, never to distributions.

Their variables exist as soon as they are made. An encoder maps images [B, 28, 28, 1] to raw parameters [B, P], a
decoder codes [B, Z] to logits [B, 28, 28, 1]; with `classes`, both take a one-hot label [B, classes] as second input.
"""

import contextlib
from typing import Literal, get_args

import keras
import tensorflow as tf

from tfgen import checks

layers = keras.layers
IMAGE_SHAPE = checks.IMAGE_SHAPE
Network = Literal["dense", "conv"]
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
HIDDEN_UNITS = {"dense": (500, 500), "conv": (32, 64)}
CODE_UNITS = 256  # of the dense layer between the convolutional maps and the code


def check(network: str, hidden_units) -> tuple[int, ...]:
    """The widths of a network's hidden layers, its default ones if none are given. Raises ValueError, TypeError."""
    checks.one_of("network", network, HIDDEN_UNITS)
    widths = tuple(hidden_units) or HIDDEN_UNITS[network]
    return checks.positive_ints("hidden_units", widths, count=2 if network == "conv" else None)


@contextlib.contextmanager
def precision(policy: Precision):
    """A block in which networks are made that compute by a Keras dtype policy; their variables stay float32.

    Raises ValueError for an unknown policy. (Micikevicius et al. 2018, "Mixed Precision Training".)
    """
    checks.one_of("precision", policy, get_args(Precision))
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def functional(inputs, outputs, name: str | None = None):
    """A network with float32 outputs, whatever its layers compute in: likelihoods and losses are made of them."""
    if outputs.dtype != "float32":
        outputs = layers.Identity(dtype="float32")(outputs)
    return keras.Model(inputs, outputs, name=name)


def encoder(kind: Network, outputs: int, hidden_units, classes: int = 0):
    """An encoder of either kind, with the widths of its hidden layers or the channels of its two stages."""
    make = dense_encoder if kind == "dense" else conv_encoder
    return make(outputs, hidden_units, classes)


def decoder(kind: Network, latent_dim: int, hidden_units, classes: int = 0):
    """The decoder that mirrors `encoder` with the same `hidden_units`."""
    make = dense_decoder if kind == "dense" else conv_decoder
    return make(latent_dim, hidden_units[::-1], classes)


def dense_encoder(outputs: int, hidden_units, classes: int = 0):
    """Fully connected encoder with ReLU units and Glorot's initialisation."""
    image, label = keras.Input(IMAGE_SHAPE), keras.Input((classes,))
    units = layers.Flatten()(image)
    if classes:
        units = layers.Concatenate()([units, label])
    parameters = layers.Dense(outputs)(_dense(units, hidden_units))
    return functional([image, label] if classes else image, parameters, name="encoder")


def dense_decoder(latent_dim: int, hidden_units, classes: int = 0):
    """Fully connected decoder to logits, ReLU units and Glorot's initialisation."""
    inputs, units = _code(latent_dim, classes)
    units = _dense(units, hidden_units)
    logits = layers.Reshape(IMAGE_SHAPE)(layers.Dense(28 * 28)(units))
    return functional(inputs, logits, name="decoder")


def conv_encoder(outputs: int, channels, classes: int = 0):
    """Residual convolutional encoder: two stages, each a 4 x 4 convolution of stride 2 and a residual block.

    A dense layer follows. A label enters as a second, learnt image plane. SiLU units and He's initialisation.
    """
    image, label = keras.Input(IMAGE_SHAPE), keras.Input((classes,))
    maps = image
    if classes:
        plane = layers.Reshape(IMAGE_SHAPE)(layers.Dense(28 * 28)(label))
        maps = layers.Concatenate()([image, plane])
    for width in channels:
        maps = layers.Conv2D(width, 4, 2, "same", kernel_initializer="he_normal")(maps)  # 28 -> 14 -> 7
        maps = _residual(maps, width)
    units = layers.Dense(CODE_UNITS, "silu")(layers.Flatten()(_silu(maps)))
    return functional([image, label] if classes else image, layers.Dense(outputs)(units), name="encoder")


def conv_decoder(latent_dim: int, channels, classes: int = 0):
    """Residual convolutional decoder to logits, the mirror of `conv_encoder`; a label is joined to the code."""
    inputs, code = _code(latent_dim, classes)
    units = layers.Dense(CODE_UNITS, "silu")(code)
    maps = layers.Reshape((7, 7, channels[0]))(layers.Dense(7 * 7 * channels[0])(units))
    for width, following in zip(channels, (*channels[1:], 1), strict=True):
        maps = _silu(_residual(maps, width))
        maps = layers.Conv2DTranspose(following, 4, 2, "same", kernel_initializer="he_normal")(maps)  # 7 -> 14 -> 28
    return functional(inputs, maps, name="decoder")


def code_discriminator(latent_dim: int, hidden_units, classes: int = 0):
    """Fully connected discriminator of codes [B, Z], of their labels too with `classes`, to logits [B, 1]."""
    inputs, units = _code(latent_dim, classes)
    return functional(inputs, layers.Dense(1)(_dense(units, hidden_units)), name="discriminator")


def apply(network, *inputs):
    """A network on inputs with any number of leading axes: [..., F], ... -> [..., outputs]."""
    leading = tf.shape(inputs[0])[:-1]
    flat = [tf.reshape(value, [-1, value.shape[-1]]) for value in inputs]
    outputs = network(flat if len(flat) > 1 else flat[0])
    return tf.reshape(outputs, tf.concat([leading, tf.shape(outputs)[1:]], 0))


def one_hot(label, leading, classes: int = 10):
    """Labels [B] as one-hot vectors [*leading, B, classes], repeated over leading axes; zeros outside 0..classes-1."""
    vectors = tf.one_hot(label, classes)
    return tf.broadcast_to(vectors, tf.concat([leading, [classes]], 0))


def _code(latent_dim, classes):
    """The inputs of a decoder and the tensor it starts from: the code, the one-hot label joined to it."""
    latent, label = keras.Input((latent_dim,)), keras.Input((classes,))
    return ([latent, label], layers.Concatenate()([latent, label])) if classes else (latent, latent)


def _dense(units, hidden_units):
    for width in hidden_units:
        units = layers.Dense(width, "relu")(units)
    return units


def _residual(maps, width):
    """x + conv(silu(conv(silu(x)))), the identity at the start."""
    update = layers.Conv2D(width, 3, padding="same", kernel_initializer="he_normal")(_silu(maps))
    update = layers.Conv2D(width, 3, padding="same", kernel_initializer="zeros")(_silu(update))
    return layers.Add()([maps, update])


def _silu(maps):
    return layers.Activation("silu")(maps)
