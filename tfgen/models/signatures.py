"""Signatures: what a model can be asked, by name, as functions of tensors with a row per image.

`Model.signatures()` is the one place that says what a model can do. The commands, the figures, the tasks, the export
and the tests read it.
"""

import dataclasses
from collections.abc import Callable

DEFAULT = "serving_default"  # what a server answers when a request names no signature
SEED = {"dtype": "int64", "shape": [-1]}  # row seeds
LABEL = {"dtype": "int64", "shape": [-1]}  # numbers of classes
SCORE_SAMPLES = 64  # of z behind the log-likelihood that `score` answers, unless it is asked for more
NUMBER = {"dtype": "float32", "shape": [-1]}  # nats, or a logit


def images(shape) -> dict:
    """Images [B, H, W, C] in [0, 1]."""
    return {"dtype": "float32", "shape": [-1, *shape]}


def vectors(dim: int) -> dict:
    """Vectors [B, dim], codes for example."""
    return {"dtype": "float32", "shape": [-1, dim]}


@dataclasses.dataclass(frozen=True)
class Signature:
    """A function of named tensors that answers named tensors; the first axis of each is the batch.

    Attributes:
        function: called with keywords, returns a dictionary.
        inputs, outputs: name -> {"dtype", "shape"}, whose first dimension is -1.
    """

    function: Callable
    inputs: dict
    outputs: dict
