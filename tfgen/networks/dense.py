"""Fully connected networks with ReLU units and Glorot's initialisation."""

import math

import keras

from tfgen import checks
from tfgen.networks.common import Centred, code_input, functional, image_input

layers = keras.layers
HIDDEN_UNITS = (500, 500)


def widths(hidden_units) -> tuple[int, ...]:
    """The widths of the hidden layers, the default ones if none are given. Raises ValueError, TypeError."""
    return checks.positive_ints("hidden_units", tuple(hidden_units) or HIDDEN_UNITS)


def encoder(image_shape, outputs: int, hidden_units, classes: int = 0, centred: bool = True):
    """Images [B, H, W, C] to raw parameters [B, outputs]; those of several channels less their mean, if `centred`."""
    inputs, image, label = image_input(image_shape, classes)
    if centred and len(image_shape) == 3 and image_shape[-1] > 1:
        image = Centred(name="centred")(image)
    units = layers.Flatten()(image)
    if classes:
        units = layers.Concatenate()([units, label])
    return functional(inputs, layers.Dense(outputs)(hidden(units, hidden_units)), name="encoder")


def decoder(latent_dim: int, output_shape, hidden_units, classes: int = 0):
    """Codes [B, Z] to raw parameters of pixels [B, *output_shape]."""
    inputs, units = code_input(latent_dim, classes)
    units = hidden(units, hidden_units)
    return functional(
        inputs, layers.Reshape(tuple(output_shape))(layers.Dense(math.prod(output_shape))(units)), name="decoder"
    )


def code_discriminator(latent_dim: int, hidden_units, classes: int = 0):
    """Discriminator of codes [B, Z], of their labels too with `classes`, to logits [B, 1]."""
    inputs, units = code_input(latent_dim, classes)
    return functional(inputs, layers.Dense(1)(hidden(units, hidden_units)), name="discriminator")


def image_discriminator(image_shape, hidden_units, bias: bool = True):
    """Discriminator of images [B, H, W, C] to logits [B, 1], with LeakyReLU units; bias: whether the logit has one."""
    image = keras.Input(tuple(image_shape))
    units = layers.Flatten()(image)
    for width in hidden_units:
        units = layers.LeakyReLU(0.2)(layers.Dense(width)(units))
    return functional(image, layers.Dense(1, use_bias=bias)(units), name="discriminator")


def hidden(units, hidden_units):
    """The hidden layers, one after the other."""
    for width in hidden_units:
        units = layers.Dense(width, "relu")(units)
    return units
