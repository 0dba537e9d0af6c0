"""The network of an affine coupling step (Dinh et al. 2017, arXiv 1605.08803)."""

import keras

from tfgen.networks.common import code_input, functional
from tfgen.networks.dense import hidden

HIDDEN_LAYERS = 2
START = 1e-3  # stddev of the last layer's first weights: a fresh step moves next to nothing


def coupling(kept: int, moved: int, width: int, classes: int = 0):
    """The coordinates that a step keeps [B, kept] to a shift and a raw log-scale of the others, [B, 2 * moved].

    With `classes` it also takes the one-hot class [B, classes].
    """
    inputs, joined = code_input(kept, classes)
    last = keras.layers.Dense(2 * moved, kernel_initializer=keras.initializers.RandomNormal(stddev=START))
    return functional(inputs, last(hidden(joined, [width] * HIDDEN_LAYERS)), name="coupling")
