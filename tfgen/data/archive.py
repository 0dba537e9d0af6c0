"""An .npz file: `images`, perhaps `labels` and `classes`; or `x_train`, `y_train`, `x_test`, `y_test` as in Keras."""

import contextlib
import dataclasses
import hashlib
import math
import zipfile
from pathlib import Path

import numpy as np

from tfgen.data import arrays, lfs, pictures, stored
from tfgen.data.dataset import Dataset

LAYOUTS = "it needs images (and perhaps labels, classes), or x_train and x_test (and perhaps y_train and y_test)"
BLOCK = 2**24  # bytes of an array that are read at a time


def load(path: Path, *, image_size=None, channels=None, seed=0, empty) -> Dataset:
    """The images of an .npz file. Nothing in it is unpickled.

    Args:
        path: an existing file.
        image_size: crop to the square in the middle and resize to this side; None: leave the size.
        channels: 1 or 3; None: leave the colours.
        seed: of the division of `images`.
        empty: makes the array for all images, as in `decoded.load`.

    Raises:
        ValueError: no .npz, other arrays, types, shapes or values, or too few images.
    """
    check(path)
    try:
        content, members = _read(path)
        images = _images(members, path.stem, image_size, channels, empty)
        return arrays.dataset(
            {part: (images[part], content.get(f"y_{part}" if part else "labels")) for part in members},
            path.stem,
            classes=_classes(content),
            seed=seed,
            source=str(path.resolve()),
            sha256=sha256(path),
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"{str(path)!r}: {error}") from error


def check(path: Path) -> None:
    """ValueError if a file is no .npz or holds other arrays than are read; looks at their names only."""
    with _opened(path) as file:
        _check_names(file.files, path)


@dataclasses.dataclass(frozen=True)
class Member:
    """An array of images in a file: what its header says, and its rows, a block at a time."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    by_columns: bool  # in Fortran's order, whose rows cannot be read one by one

    def blocks(self):
        """The rows, in arrays of about `BLOCK` bytes; ValueError if they cannot be read."""
        if self.by_columns:
            with _named(self.name), np.load(self.path, allow_pickle=False) as file:
                whole = file[self.name]
            yield whole
            return
        size = self.dtype.itemsize * math.prod(self.shape[1:])
        count = max(1, BLOCK // size)
        with zipfile.ZipFile(self.path) as file, file.open(f"{self.name}.npy") as member:
            _header(member)
            for first in range(0, self.shape[0], count):
                rows = min(count, self.shape[0] - first)
                with _named(self.name):
                    block = np.frombuffer(member.read(rows * size), self.dtype).reshape(rows, *self.shape[1:])
                yield block
            with _named(self.name):
                member.read(1)  # the end, where zipfile compares checksums


def _header(file) -> tuple[tuple[int, ...], bool, np.dtype]:
    """(shape, whether in Fortran's order, dtype) at the beginning of an .npy file."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


def _member(path: Path, name: str) -> Member:
    with _named(name), zipfile.ZipFile(path) as file, file.open(f"{name}.npy") as content:
        shape, by_columns, dtype = _header(content)
        promised, size = content.tell() + dtype.itemsize * math.prod(shape), file.getinfo(f"{name}.npy").file_size
    if dtype.hasobject:
        raise ValueError(f"{name} has dtype object, which is not read")
    if promised != size:
        raise ValueError(f"{name} cannot be read (it has {size:,} bytes, where its header promises {promised:,})")
    return Member(path, name, shape, dtype, by_columns)


def _images(members: dict[str, Member], title: str, image_size, channels, empty) -> dict:
    """The images of each part, uint8, fitted, in one array that `empty` makes."""
    shapes = {part: arrays.image_shape(member.shape, member.dtype, member.name) for part, member in members.items()}
    fitted = {part: pictures.fitted_shape(shape[1:], image_size, channels) for part, shape in shapes.items()}
    arrays.check_shapes(fitted, title)
    images = empty((sum(shape[0] for shape in shapes.values()), *next(iter(fitted.values()))))
    parts, row = {}, 0
    for part, member in members.items():
        first, highest = row, 0
        for block in member.blocks():
            levels = arrays.levels(block.reshape(-1, *shapes[part][1:]), member.name)
            highest = max(highest, levels.max())
            stored.put(images, row, pictures.fitted(levels, image_size, channels))
            row += len(block)
        arrays.check_highest(highest, member.dtype, member.name)
        parts[part] = stored.select(images, slice(first, row))
    return parts


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Member]]:
    """Labels and classes by name, and the images by part."""
    content = {}
    with np.load(path, allow_pickle=False) as file:
        names = set(file.files)
        for name in sorted({"labels", "classes", "y_train", "y_test"} & names):
            with _named(name):
                content[name] = file[name]
    parts = {"": "images"} if "images" in names else {"train": "x_train", "test": "x_test"}
    return content, {part: _member(path, name) for part, name in parts.items()}


@contextlib.contextmanager
def _named(name: str):
    """Turns whatever is raised of a damaged array into a ValueError that names it."""
    try:
        yield
    except MemoryError as error:
        raise ValueError(f"{name} does not fit into memory") from error
    except Exception as error:  # zipfile, zlib and NumPy raise whatever the damage makes them raise
        if "allow_pickle" in str(error):
            raise ValueError(f"{name} has dtype object, which is not read") from error
        raise ValueError(f"{name} cannot be read ({_first_line(error)})") from error


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


def _classes(content: dict) -> list[str] | None:
    if "classes" not in content:
        return None
    names = content["classes"]
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise ValueError(f"classes must be a list of names, got dtype {names.dtype} of shape {list(names.shape)}")
    return names.astype("U").tolist()


def sha256(path: Path) -> str:
    """The SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
