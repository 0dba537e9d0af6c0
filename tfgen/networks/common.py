"""What the networks share: the kinds there are, the precision they compute in, labels, leading axes, statistics."""

import contextlib
import contextvars
import functools
import inspect
from typing import Literal, get_args

import keras
import numpy as np
import tensorflow as tf

from tfgen import checks

layers = keras.layers
EPSILON = 1e-7  # Keras's own
Network = Literal["dense", "conv"]
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
_policy = contextvars.ContextVar("dtype policy", default="float32")  # that networks are made with


@contextlib.contextmanager
def precision(policy: Precision):
    """A block in which networks are made that compute by a Keras dtype policy; their variables stay float32.

    Raises ValueError for an unknown policy. (Micikevicius et al. 2018, "Mixed Precision Training".)
    """
    checks.one_of("precision", policy, get_args(Precision))
    before = _policy.set(policy)
    try:
        with settings():
            yield
    finally:
        _policy.reset(before)


@contextlib.contextmanager
def settings():
    """A block in which Keras makes layers and optimisers by our settings, and not by those that the user gave it.

    They are Keras's own defaults: images with channels last, numbers in float32, and the `precision` around the block.
    """
    config = keras.config
    before = config.floatx(), config.image_data_format(), config.epsilon(), config.dtype_policy()
    config.set_floatx("float32")
    config.set_image_data_format("channels_last")
    config.set_epsilon(EPSILON)
    config.set_dtype_policy(_policy.get())
    try:
        yield
    finally:
        config.set_floatx(before[0])
        config.set_image_data_format(before[1])
        config.set_epsilon(before[2])
        config.set_dtype_policy(before[3])


def by_settings(initialise):
    """A constructor that runs in `settings`, with the signature that Keras looks for."""

    @functools.wraps(initialise)
    def constructor(self, *arguments, **options):
        with settings():
            initialise(self, *arguments, **options)

    constructor.__signature__ = inspect.signature(initialise)
    return constructor


def functional(inputs, outputs, name: str | None = None):
    """A network with float32 outputs, whatever its layers compute in: likelihoods and losses are made of them."""
    if outputs.dtype != "float32":
        outputs = layers.Identity(dtype="float32")(outputs)
    return keras.Model(inputs, outputs, name=name)


class SharedParameter(layers.Layer):
    """Joins one learned number to every channel: maps [B, H, W, C] to [B, H, W, 2C], whose second half it fills."""

    def __init__(self, **options):
        super().__init__(dtype="float32", **options)

    def build(self, shape):
        self.value = self.add_weight(shape=(), initializer="zeros", name="value")

    def call(self, maps):
        return keras.ops.concatenate([maps, keras.ops.zeros_like(maps) + self.value], axis=-1)


class LearnedVector(layers.Layer):
    """A learned vector [dim], zero at the start, which depends on no input: what a learned prior is made of."""

    def __init__(self, dim: int, **options):
        super().__init__(dtype="float32", **options)
        self.value = self.add_weight(shape=(dim,), initializer="zeros", name="value")
        self.built = True


class Centred(layers.Layer):
    """Images [B, H, W, C] less the mean training image, which `adapt` sets; without it, images as they are.

    Pictures in colour are mostly bright, such as drawings on white. Adam moves all weights of a unit at the same speed,
    so that some thousand inputs near 1 would move every unit the same way for every image, until sigmoid units and
    categorical codes are saturated (LeCun et al. 1998, "Efficient BackProp", section 4.3).
    """

    def __init__(self, **options):
        super().__init__(**{**options, "dtype": "float32"})

    def build(self, shape):
        self.mean = self.add_weight(shape=shape[1:], initializer="zeros", trainable=False, name="mean")

    def call(self, image):
        return image - self.mean

    def adapt(self, mean) -> None:
        """Sets the mean image [H, W, C], unless there is one already, with which the weights were trained."""
        if not np.any(self.mean):
            self.mean.assign(mean)


def code_input(latent_dim: int, classes: int):
    """The inputs of a decoder and the tensor it starts from: the code, with the one-hot label joined to it."""
    latent, label = keras.Input((latent_dim,)), keras.Input((classes,))
    return ([latent, label], layers.Concatenate()([latent, label])) if classes else (latent, latent)


def image_input(image_shape, classes: int):
    """The inputs of an encoder: the image and, with `classes`, the one-hot label; and these two by themselves."""
    image, label = keras.Input(image_shape), keras.Input((classes,))
    return [image, label] if classes else image, image, label


def apply(network, *inputs):
    """A network on inputs with any number of leading axes: [..., F], ... -> [..., outputs]."""
    leading = tf.shape(inputs[0])[:-1]
    flat = [tf.reshape(value, [-1, value.shape[-1]]) for value in inputs]
    outputs = network(flat if len(flat) > 1 else flat[0])
    return tf.reshape(outputs, tf.concat([leading, tf.shape(outputs)[1:]], 0))


def one_hot(label, leading, classes: int):
    """Labels [B] as one-hot vectors [*leading, B, classes], repeated over leading axes; zeros outside 0..classes-1."""
    vectors = tf.one_hot(label, classes)
    return tf.broadcast_to(vectors, tf.concat([leading, [classes]], 0))


def average_statistics(network, batches) -> None:
    """Replaces the statistics of a network's batch normalisations by their means over batches of its inputs.

    The running averages of training lag behind the weights, and after a short run they are hardly off their start;
    training itself never reads them.
    """
    normalisations = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    momenta = [layer.momentum for layer in normalisations]
    for done, batch in enumerate(batches):
        for layer in normalisations:
            layer.momentum = done / (done + 1)  # the mean of all batches so far
        network(batch, training=True)
    for layer, momentum in zip(normalisations, momenta, strict=True):
        layer.momentum = momentum
