"""Weights: a file in Keras's own HDF5 format, whose shapes are those of the model that the code builds."""

import contextlib
import warnings
from pathlib import Path

from tfgen import files

HEADERS = 2**17  # bytes that HDF5 needs beside the numbers; twice what it took for the largest model


def save(model, path: Path) -> None:
    """Writes a model's weights, without its optimisers, whole or not at all."""
    model.settle()
    room = sum(variable.numpy().nbytes for variable in model.weights)
    with _without_optimizers(model), files.replacing(path, room + HEADERS) as temporary:  # HDF5 dies on a full disk
        model.save_weights(temporary)


def load(model, path: Path) -> None:
    """Reads weights into a model of the same shapes.

    Raises:
        ValueError: the file is missing, is no weights file, or holds other shapes than the model has.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there are no weights at {str(path)!r}")
    try:
        with _without_optimizers(model), warnings.catch_warnings():
            warnings.filterwarnings("error", "Skipping nested container")  # Keras only warns of weights it cannot place
            model.load_weights(path)
    except (OSError, KeyError, ValueError, UserWarning) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{str(path)!r} does not hold weights of this {model.entry}: {reason}") from error


@contextlib.contextmanager
def _without_optimizers(model):
    """Hides a compiled model's optimisers, whose slots Keras would store beside the weights."""
    single, several = getattr(model, "optimizer", None), model.optimizers
    model.optimizer, model.optimizers = None, {}
    try:
        yield
    finally:
        model.optimizer, model.optimizers = single, several
