"""Named arrays that a signature takes: cast to its dtypes where nothing is lost, checked before they are sent."""

import numpy as np

LARGEST = {"i": 2**63 - 1, "f": 2**24 - 1}  # integers up to which all are numbers of int64, and of float32


def cast(signature: str, tensors: dict, specs: dict) -> dict:
    """Named arrays as a signature takes them.

    Args:
        signature: its name, for messages.
        tensors: name -> array, or nested lists.
        specs: name -> (dtype, shape), the leading axis -1.

    Returns:
        Name -> array of that dtype, all of one length. Floats are rounded to float32; integers must fit.

    Raises:
        TypeError: an array of another dtype, whose numbers would change. ValueError: other names, shapes or lengths
            than the signature has, or numbers that are not finite.
    """
    if not isinstance(tensors, dict) or set(tensors) != set(specs):
        names = ", ".join(map(str, tensors)) if isinstance(tensors, dict) else type(tensors).__name__
        raise ValueError(f"{signature} takes {', '.join(sorted(specs))}; got {names or 'nothing'}")
    arrays = {name: _cast(name, tensors[name], *specs[name]) for name in specs}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{signature} takes as many rows of each input, got {_listed(lengths)}")
    return arrays


def _cast(name: str, value, dtype: np.dtype, shape) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        raise TypeError(f"{name} must be an array of {dtype}, got {type(value).__name__}") from None
    if array.ndim != len(shape) or (array.size and list(array.shape[1:]) != list(shape[1:])):
        expected = ", ".join(["B", *map(str, shape[1:])])
        raise ValueError(f"{name} must have shape [{expected}], got {list(array.shape)}")
    if not array.size and array.dtype != object:
        return np.zeros([len(array), *shape[1:]], dtype)  # an empty list is one of floats to NumPy
    kinds = "biu" if dtype.kind == "i" else "biuf"
    if array.dtype.kind not in kinds:
        raise TypeError(f"{name} must be {dtype}, got dtype {array.dtype}")
    largest = LARGEST[dtype.kind]
    if array.dtype.kind in "iu" and not -largest - 1 <= array.min() <= array.max() <= largest:
        raise TypeError(f"{name} must be {dtype}, got dtype {array.dtype} with numbers that do not fit")
    with np.errstate(over="ignore"):
        cast = array.astype(dtype)
    if not np.isfinite(cast).all():
        raise ValueError(f"{name} must be finite as {dtype}, got NaN or infinity")
    return cast


def _listed(lengths: dict) -> str:
    return ", ".join(f"{count} of {name}" for name, count in sorted(lengths.items()))
