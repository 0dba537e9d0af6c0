"""Weights: a file in Keras's own HDF5 format, which its folder's manifest knows and whose shapes the model has.

Only arrays are read from it: models are built from code, nothing is unpickled, nothing in a file names a class.
"""

import contextlib
import io
import tempfile
import warnings
from pathlib import Path

import h5py
import numpy as np

from tfgen.storage import manifest

HEADERS = 2**17  # bytes that HDF5 needs beside the numbers; twice what it took for the largest model


def save(model, path: Path) -> None:
    """Writes a model's weights, without its optimisers, whole or not at all, and their record beside."""
    model.finalize()
    room = sum(variable.numpy().nbytes for variable in model.weights)
    with without_optimizers(model), manifest.replacing(path, room + HEADERS) as temporary:  # HDF5 dies on a full disk
        model.save_weights(temporary)


def load(model, path: Path) -> None:
    """Reads weights, of any precision, into a model of the same shapes.

    Raises:
        ValueError: the file is missing, a symbolic link, not the one that the manifest beside it records, no weights
            file, or holds other shapes than the model has.
    """
    path = Path(path)
    content = manifest.checked(path)
    with tempfile.TemporaryDirectory() as own, without_optimizers(model), warnings.catch_warnings():
        warnings.filterwarnings("error", "Skipping nested container")  # Keras only warns of weights it cannot place
        copy = Path(own) / path.name  # of what was checked, since Keras reads from a path
        copy.write_bytes(content)
        try:
            _check_size(model, content)
            model.load_weights(copy)
        except (OSError, KeyError, ValueError, UserWarning) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{str(path)!r} does not hold weights of this {model.entry}: {reason}") from error


def _check_size(model, content: bytes) -> None:
    """Raises ValueError unless a file holds as many numbers as the model: Keras leaves what it does not look for."""
    found, expected = [], sum(int(np.prod(variable.shape)) for variable in model.weights)
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(lambda _, item: found.append(item.size) if isinstance(item, h5py.Dataset) else None)
    if sum(found) != expected:
        raise ValueError(f"it holds {sum(found):,} numbers, the model has {expected:,}")


@contextlib.contextmanager
def without_optimizers(model):
    """Hides a compiled model's optimiser, whose slots Keras would store beside the weights."""
    optimizer = getattr(model, "optimizer", None)
    model.optimizer = None
    try:
        yield
    finally:
        model.optimizer = optimizer
