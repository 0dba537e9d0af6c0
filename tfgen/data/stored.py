"""Images in a file, read as they are asked for: what stands in for an array that does not fit in memory."""

import math
from pathlib import Path

import numpy as np

from tfgen import files, inputs


class StoredImages:
    """Images in a file, one behind the other, uint8 [N, H, W, C]: `images[2:5]` and `images[[7, 4]]` are arrays.

    Attributes:
        path: of the file.
        shape, dtype: as of an array.
        memory: the bytes that may be taken for images that are read ahead.
        rows: int64 [N], where each image lies in the file, counted in images.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, path: Path, shape, memory: int, rows=None):
        self.path, self.memory = path, memory
        self.rows = np.arange(shape[0]) if rows is None else rows
        self.shape = (len(self.rows), *shape[1:])

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, rows) -> np.ndarray:
        """Images of a slice or of an array of row numbers, or the image of one row; raises files.ReadError."""
        places = self.rows[rows]
        images = np.empty((*places.shape, *self.shape[1:]), np.uint8)
        flat = images.reshape(-1, self._size())
        try:
            with open(self.path, "rb", buffering=0) as file:
                for image, place in zip(flat, places.reshape(-1).tolist(), strict=True):
                    file.seek(place * len(image))
                    if file.readinto(image) != len(image):
                        raise OSError(None, "it is cut off")
        except OSError as error:
            raise files.ReadError(f"decoded images in {str(self.path)!r} cannot be read: {error.strerror}") from error
        return images

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[:], dtype)

    def write(self, first: int, images: np.ndarray) -> None:
        """Writes images [n, H, W, C or 1] to the rows first, first + 1, ... of the file."""
        with open(self.path, "r+b") as file:
            file.seek(first * self._size())
            file.write(np.broadcast_to(images, (len(images), *self.shape[1:])).tobytes())

    def select(self, rows) -> "StoredImages":
        """Some of these images, in another order perhaps; nothing is read."""
        return StoredImages(self.path, self.shape, self.memory, self.rows[rows])

    def binarised(self, seed: int) -> "BinarisedImages":
        """The images as `inputs.binarised` makes them of an array, when they are read."""
        return BinarisedImages(self, seed)

    def _size(self) -> int:
        return math.prod(self.shape[1:])


class BinarisedImages:
    """Stored images as `inputs.binarised` makes them of an array, bool [N, H, W, C]; it takes slices of step 1."""

    dtype = np.dtype(bool)

    def __init__(self, images: StoredImages, seed: int):
        self.images, self.seed, self.shape = images, seed, images.shape

    def __len__(self):
        return len(self.images)

    def __getitem__(self, rows: slice) -> np.ndarray:
        first, stop, _ = rows.indices(len(self))
        return inputs.binarised(self.images[first:stop], self.seed, first)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[:], dtype)


def put(images, first: int, block: np.ndarray) -> None:
    """Lays a block of images [n, H, W, C or 1] into the rows first, first + 1, ... of an array or of a file."""
    if isinstance(images, StoredImages):
        images.write(first, block)
    else:
        images[first : first + len(block)] = block


def select(images, rows):
    """The images of a slice or of an array of row numbers: an array of an array, and of stored images stored ones."""
    return images.select(rows) if isinstance(images, StoredImages) else images[rows]
