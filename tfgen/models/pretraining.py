"""How the encoder of a model starts from that of another one: with the hidden layers in which both are alike.

The last layer of an encoder gives the parameters of the code, which mean something else in every model: it stays fresh.
"""

import itertools

import keras

from tfgen.models import abilities

OF_TRAINING = ("name", "trainable", "dtype")  # what layers may differ in, beside what ends as below
ENDINGS = ("_initializer", "_regularizer", "_constraint")


def take(model, source, name: str) -> list[str]:
    """Gives the encoder of a model the weights of another's, from the image on, up to the first layer that differs.

    Args:
        model: the `tfgen.Model` that is to be trained.
        source: the trained one.
        name: what the latter is called in an error.

    Returns:
        The layers that were taken, in words: ["784 x 500 relu", "500 x 500 relu"].

    Raises:
        ValueError: one of the models has no encoder of images, or the encoders have no hidden layer in common.
    """
    for each in (model, source):
        if not hasattr(each, "image_encoder"):
            raise ValueError(f"init-from {name!r}: {abilities.reason(each, 'image_encoder')}")
    pairs = zip(_hidden(model.image_encoder), _hidden(source.image_encoder), strict=False)
    alike = itertools.takewhile(lambda pair: _kind(pair[0]) == _kind(pair[1]), pairs)
    taken = [(own, theirs) for own, theirs in alike if own.weights]
    hidden = [_words(own) for own, _ in taken if own.trainable_weights]
    if not hidden:
        raise ValueError(
            f"init-from {name!r}: its encoder, {_layers(source)}, and that of {model.entry}, {_layers(model)}, have no "
            "hidden layer in common"
        )
    for own, theirs in taken:
        own.set_weights(theirs.get_weights())
    return hidden


def _hidden(network) -> list:
    """The layers of a network between its inputs and its last layer with weights."""
    inner = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    return inner[: max(at for at, layer in enumerate(inner) if layer.weights)]


def _kind(layer):
    """All that must be equal in two layers, that weights of the one mean the same in the other."""
    settings = {
        key: value for key, value in layer.get_config().items() if key not in OF_TRAINING and not key.endswith(ENDINGS)
    }
    return type(layer), [tuple(weight.shape) for weight in layer.weights], settings


def _layers(model) -> str:
    return ", ".join(_words(layer) for layer in model.image_encoder.layers if layer.trainable_weights)


def _words(layer) -> str:
    """A layer's largest weight, and its activation: `784 x 500 relu`."""
    shape = " x ".join(str(size) for size in max((weight.shape for weight in layer.weights), key=len))
    activation = layer.get_config().get("activation", "linear")
    return shape if activation == "linear" else f"{shape} {activation}"
