"""An .npz file: `images`, perhaps `labels` and `classes`; or `x_train`, `y_train`, `x_test`, `y_test` as in Keras."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np

from tfgen.data import arrays, lfs
from tfgen.data.dataset import Dataset

LAYOUTS = "it needs images (and perhaps labels, classes), or x_train and x_test (and perhaps y_train and y_test)"


def load(path: Path, *, image_size=None, channels=None, seed=0) -> Dataset:
    """The images of an .npz file. Nothing in it is unpickled.

    Args:
        path: an existing file.
        image_size: crop to the square in the middle and resize to this side; None: leave the size.
        channels: 1 or 3; None: leave the colours.
        seed: of the division of `images`.

    Raises:
        ValueError: no .npz, other arrays, types, shapes or values, or too few images.
    """
    content = _read(path)
    try:
        return arrays.dataset(
            _parts(content),
            path.stem,
            classes=_classes(content),
            image_size=image_size,
            channels=channels,
            seed=seed,
            source=str(path.resolve()),
            sha256=_sha256(path),
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"{str(path)!r}: {error}") from error


def check(path: Path) -> None:
    """ValueError if a file is no .npz or holds other arrays than are read; looks at their names only."""
    with _opened(path) as file:
        _check_names(file.files, path)


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file that are of interest."""
    content = {}
    with _opened(path) as file:
        _check_names(file.files, path)
        for name in {"images", "labels", "classes", "x_train", "y_train", "x_test", "y_test"} & set(file.files):
            try:
                content[name] = file[name]
            except MemoryError as error:
                raise ValueError(f"{str(path)!r}: {name} does not fit into memory") from error
            except Exception as error:  # zipfile, zlib and NumPy raise whatever the damage makes them raise
                if "allow_pickle" in str(error):
                    raise ValueError(f"{str(path)!r}: {name} has dtype object, which is not read") from error
                raise ValueError(f"{str(path)!r}: {name} cannot be read ({_first_line(error)})") from error
    return content


def _opened(path: Path):
    if lfs.is_pointer_file(path):
        raise ValueError(f"{str(path)!r} is a Git LFS pointer, not the file itself")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{str(path)!r} is no .npz file, or is cut off; numpy.savez(path, images=...) writes one")
    try:
        return np.load(path, allow_pickle=False)
    except Exception as error:  # as above
        raise ValueError(f"{str(path)!r} cannot be read as an .npz file ({_first_line(error)})") from error


def _check_names(names, path: Path) -> None:
    if "images" not in names and not {"x_train", "x_test"} <= set(names):
        raise ValueError(f"{str(path)!r} has no images; {LAYOUTS}; it has {', '.join(names) or 'nothing'}")


def _parts(content: dict) -> dict:
    if "images" in content:
        return {"": (arrays.uint8_images(content["images"]), content.get("labels"))}
    return {
        part: (arrays.uint8_images(content[f"x_{part}"], f"x_{part}"), content.get(f"y_{part}"))
        for part in ("train", "test")
    }


def _classes(content: dict) -> list[str] | None:
    if "classes" not in content:
        return None
    names = content["classes"]
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise ValueError(f"classes must be a list of names, got dtype {names.dtype} of shape {list(names.shape)}")
    return names.astype("U").tolist()


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
