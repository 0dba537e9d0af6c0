"""The three networks of a completer: of the damaged image, of it and the whole one, and from a code to pixels.

context   seen [B, H, W, K]             -> raw mean and stddev of the prior [B, 2 Z], and features of what is seen
encoder   image and seen [B, H, W, C+K] -> raw mean and stddev of the posterior [B, 2 Z]
decoder   code [B, Z] and the features  -> raw parameters of pixels [B, H, W, P]

Dense: the features are the last hidden units, [B, F]. Convolutional: maps of what is seen at every size, which the
decoder joins to its own maps of that size, as a U-Net does (Ronneberger, Fischer and Brox 2015).
"""

import math

import keras

from tfgen import checks
from tfgen.networks import convolutional, dense
from tfgen.networks.common import Centred, functional

layers = keras.layers
KINDS = ("dense", "conv")


def make(network: str, hidden_units, latent_dim: int, image_shape, seen: int, pixels):
    """The three networks.

    Args:
        network: "dense" or "conv".
        hidden_units: widths of hidden layers, or channels of stages; () for the default ones.
        latent_dim: Z.
        image_shape: (H, W, C).
        seen: channels K of what is seen.
        pixels: the likelihood, a `tfgen.distributions.likelihoods.Pixels`.

    Raises:
        TypeError, ValueError: unknown network, or widths that do not fit it; the message names them.
    """
    checks.one_of("network", network, KINDS)
    height, width, channels = image_shape
    seen_shape, both_shape = (height, width, seen), (height, width, channels + seen)
    if network == "dense":
        widths = dense.widths(hidden_units)
        context = _dense_context(seen_shape, 2 * latent_dim, widths, channels > 1)
        encoder = dense.encoder(both_shape, 2 * latent_dim, widths, centred=channels > 1)
        decoder = _dense_decoder(latent_dim, context.outputs[1:], pixels.parameter_shape, widths[::-1])
    else:
        widths = convolutional.stage_channels("hidden_units", hidden_units, image_shape)
        context = _conv_context(seen_shape, 2 * latent_dim, widths)
        encoder = convolutional.encoder(both_shape, 2 * latent_dim, widths)
        decoder = _conv_decoder(latent_dim, context.outputs[1:], pixels.parameter_shape, widths)
    return context, encoder, pixels.complete(decoder)


def _dense_context(seen_shape, outputs: int, widths, centred: bool):
    seen = keras.Input(seen_shape)
    image = Centred(name="centred")(seen) if centred else seen
    units = dense.hidden(layers.Flatten()(image), widths)
    return _several(seen, [layers.Dense(outputs)(units), units], "context")


def _dense_decoder(latent_dim: int, features, output_shape, widths):
    code, contexts = keras.Input((latent_dim,)), _inputs_like(features)
    units = dense.hidden(layers.Concatenate()([code, *contexts]), widths)
    units = layers.Dense(math.prod(output_shape))(layers.Concatenate()([units, *contexts]))
    return functional([code, *contexts], layers.Reshape(tuple(output_shape))(units), "decoder")


def _conv_context(seen_shape, outputs: int, channels):
    seen = keras.Input(seen_shape)
    maps = layers.Conv2D(channels[0], 3, padding="same", kernel_initializer="he_normal")(seen)
    features = [convolutional.silu(convolutional.residual(maps, channels[0]))]  # of the image's size first
    for count in channels:
        maps = layers.Conv2D(count, 4, 2, "same", kernel_initializer="he_normal")(features[-1])  # 28 -> 14 -> 7
        features.append(convolutional.silu(convolutional.residual(maps, count)))
    units = layers.Dense(convolutional.CODE_UNITS, "silu")(layers.Flatten()(features[-1]))
    return _several(seen, [layers.Dense(outputs)(units), *features], "context")


def _conv_decoder(latent_dim: int, features, output_shape, channels):
    code, contexts = keras.Input((latent_dim,)), _inputs_like(features)
    *larger, smallest = contexts
    units = layers.Dense(convolutional.CODE_UNITS, "silu")(code)
    shape = smallest.shape[1:]
    maps = layers.Reshape(shape)(layers.Dense(math.prod(shape))(units))
    maps = _joined(maps, smallest, channels[-1])
    for count, skip in zip((channels[0], *channels[:-1])[::-1], larger[::-1], strict=True):
        maps = layers.Conv2DTranspose(count, 4, 2, "same", kernel_initializer="he_normal")(maps)  # 7 -> 14 -> 28
        maps = _joined(convolutional.cropped(maps, skip.shape[1:3]), skip, count)
    maps = layers.Conv2D(output_shape[-1], 3, padding="same", kernel_initializer="he_normal")(maps)
    return functional([code, *contexts], maps, "decoder")


def _joined(maps, skip, count: int):
    """Maps of the code and of what is seen, joined, convolved to `count` channels and refined."""
    both = layers.Concatenate()([maps, skip])
    both = layers.Conv2D(count, 3, padding="same", kernel_initializer="he_normal")(both)
    return convolutional.silu(convolutional.residual(both, count))


def _inputs_like(features) -> list:
    return [keras.Input(feature.shape[1:]) for feature in features]


def _several(inputs, outputs, name: str):
    """A network with several float32 outputs."""
    outputs = [each if each.dtype == "float32" else layers.Identity(dtype="float32")(each) for each in outputs]
    return keras.Model(inputs, outputs, name=name)
