"""Weights: a file in Keras's own HDF5 format, which its folder's manifest knows and which has the model's own arrays.

Only arrays are read from it, those that the model has, by name: models are built from code, nothing is unpickled,
nothing in a file names a class or another file.
"""

import contextlib
import io
import tempfile
import zlib
from pathlib import Path

import h5py
import numpy as np

from tfgen.storage import manifest

HEADERS = 2**17  # bytes that HDF5 needs beside the numbers; twice what it took for the largest model
WIDEST = 8  # bytes of a number
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}


def save(model, path: Path) -> None:
    """Writes a model's weights, without its optimisers, whole or not at all, and their record beside."""
    model.finalize()
    room = sum(variable.numpy().nbytes for variable in model.weights)
    with without_optimizers(model), manifest.replacing(path, room + HEADERS) as temporary:  # HDF5 dies on a full disk
        model.save_weights(temporary)


def load(model, path: Path) -> None:
    """Reads weights, of any precision, into a model of the same shapes.

    Raises:
        ValueError: the file is missing, no plain file, not the one that the manifest beside it records, no weights
            file, holds other arrays than the model has, or numbers that are not finite.
    """
    numbers = sum(int(np.prod(variable.shape)) for variable in model.weights)
    assign(model, read(path, numbers), path)


def read(path: Path, numbers: int) -> bytes:
    """The content of the weights of a model of so many numbers, checked but not parsed. Raises ValueError as `load`."""
    return manifest.checked(path, WIDEST * numbers + 8 * HEADERS)


def assign(model, content: bytes, path: Path) -> None:
    """Gives a model the weights in the content of a file, of which `path` is the name. Raises ValueError as `load`."""
    with tempfile.TemporaryDirectory() as own, without_optimizers(model):
        template = Path(own) / "model.weights.h5"
        model.save_weights(template)
        try:
            with h5py.File(template, "r+") as own_file, h5py.File(io.BytesIO(content)) as file:
                _fill(own_file, file)
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{str(path)!r} does not hold weights of this {model.entry}: {reason}") from None
        except Exception as error:  # whatever h5py meets in a file that is none
            reason = " ".join(str(error).split())
            raise ValueError(f"{str(path)!r} is damaged, or no file of weights: {reason}") from None
        model.load_weights(template)


def _fill(own: h5py.Group, found: h5py.Group) -> None:
    """Copies the arrays that a group of the model's own file has from a file. Raises ValueError where it has others."""
    for name in found:
        if found.get(name, getclass=True, getlink=True) is not h5py.HardLink:
            raise ValueError(f"{name!r} in {own.name!r} is a link")
        if name not in own and not _holds_nothing(found[name]):
            raise ValueError(f"{own.name!r} has {name!r} besides")
    for name in own:
        ours = own[name]
        if name not in found:
            if not _holds_nothing(ours):
                raise ValueError(f"{own.name!r} lacks {name!r}")
            continue
        theirs = found[name]
        if type(ours) is not type(theirs):
            raise ValueError(f"{ours.name!r} is another kind of object")
        if isinstance(ours, h5py.Dataset):
            ours[...] = _array(ours, theirs)
        else:
            _fill(ours, theirs)


def _holds_nothing(item, depth: int = 2) -> bool:
    """Whether an item is a group without arrays, as that of a layer without weights."""
    if not isinstance(item, h5py.Group) or (len(item) and not depth):
        return False
    hard = all(item.get(name, getclass=True, getlink=True) is h5py.HardLink for name in item)
    return hard and all(_holds_nothing(item[name], depth - 1) for name in item)


def _array(ours: h5py.Dataset, theirs: h5py.Dataset) -> np.ndarray:
    """The values of an array of the same shape and kind. Raises ValueError where it is another, or not finite."""
    if theirs.shape != ours.shape:
        raise ValueError(f"{ours.name!r} has the shape {theirs.shape}, the model's has {ours.shape}")
    if theirs.dtype.kind != ours.dtype.kind or theirs.dtype.itemsize > WIDEST:
        raise ValueError(f"{ours.name!r} holds {theirs.dtype}, the model's holds {ours.dtype}")
    if theirs.is_virtual or theirs.external:
        raise ValueError(f"{ours.name!r} lies in another file")
    if theirs.chunks:
        _check_chunks(theirs)
    with np.errstate(over="ignore"):  # what is too large for the model's own type is not finite there
        values = theirs[()].astype(ours.dtype)
    if not np.isfinite(values).all():
        raise ValueError(f"{ours.name!r} has numbers that are not finite")
    return values


def _check_chunks(dataset: h5py.Dataset) -> None:
    """Raises ValueError unless each piece of a compressed array takes the room that it should: HDF5 does not look."""
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
    count = int(np.prod([-(-side // chunk) for side, chunk in zip(dataset.shape, dataset.chunks, strict=True)]))
    if set(filters) - FILTERS or len(filters) > len(FILTERS) or dataset.id.get_num_chunks() != count:
        raise ValueError(f"{dataset.name!r} is stored in a way that weights are not")
    size = int(np.prod(dataset.chunks)) * dataset.dtype.itemsize
    if size > 2 * dataset.nbytes:
        raise ValueError(f"{dataset.name!r} is stored in pieces larger than itself")
    if h5py.h5z.FILTER_DEFLATE in filters:
        for i in range(count):
            _, raw = dataset.id.read_direct_chunk(dataset.id.get_chunk_info(i).chunk_offset)
            inflate = zlib.decompressobj()
            if len(inflate.decompress(raw, size + 5)) > size + 4:  # a checksum of 4 bytes may follow
                raise ValueError(f"{dataset.name!r} expands to more than its {size:,} bytes")


@contextlib.contextmanager
def without_optimizers(model):
    """Hides a compiled model's optimiser, whose slots Keras would store beside the weights."""
    optimizer = getattr(model, "optimizer", None)
    model.optimizer = None
    try:
        yield
    finally:
        model.optimizer = optimizer
