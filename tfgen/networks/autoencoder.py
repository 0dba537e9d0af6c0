"""The encoder and the decoder of an autoencoder, of either kind, for a model's images, pixels and classes."""

from tfgen import checks
from tfgen.networks import convolutional, dense

KINDS = ("dense", "conv")


def make(network: str, hidden_units, model, outputs: int, labelled: bool = False, default=dense.HIDDEN_UNITS):
    """An encoder and a decoder that mirrors it.

    Args:
        network: "dense" or "conv".
        hidden_units: widths of the encoder's hidden layers, or channels of its stages; () for the default ones.
        model: a `tfgen.Model`: its `image_shape`, `latent_dim`, `pixels` and `class_names`.
        outputs: raw parameters of the posterior.
        labelled: whether both take a one-hot label as second input.
        default: widths of the hidden layers if none are given.

    Returns:
        (encoder [B, H, W, C] -> [B, outputs], decoder [B, Z] -> raw parameters of pixels [B, H, W, P]).

    Raises:
        TypeError, ValueError: unknown network, or widths that do not fit it; the message names them.
    """
    checks.one_of("network", network, KINDS)
    shape, latent_dim = model.image_shape, model.latent_dim
    classes, pixels = len(model.class_names) * labelled, model.pixels
    if network == "conv":
        channels = convolutional.stage_channels("hidden_units", hidden_units, shape)
        return (
            convolutional.encoder(shape, outputs, channels, classes),
            pixels.complete(convolutional.decoder(latent_dim, pixels.parameter_shape, channels, classes)),
        )
    widths = checks.positive_ints("hidden_units", tuple(hidden_units) or default)
    return (
        dense.encoder(shape, outputs, widths, classes),
        pixels.complete(dense.decoder(latent_dim, pixels.parameter_shape, widths[::-1], classes)),
    )
