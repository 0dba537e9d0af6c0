"""What a data set is: images in three parts, with the names of their classes."""

import dataclasses

import numpy as np

from tfgen import inputs
from tfgen.data.stored import StoredImages


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Split:
    """A part of a data set.

    Attributes:
        name: where its images come from, such as "train[:55000]" or "shuffled(0)[:240]".
        images: uint8 [N, H, W, C]; C is 1 (grey) or 3 (colour). An array, or `tfgen.data.stored.StoredImages`, which
            slices and arrays of row numbers read from a file.
        labels: int64 [N], indices into the classes of the data set; zeros where it has none.
    """

    name: str
    images: np.ndarray | StoredImages
    labels: np.ndarray

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.images.shape[1:]))
        return f"Split({self.name!r}, {len(self.images):,} images of {shape})"

    def binarised(self, seed: int = 0) -> np.ndarray:
        """The images binarised once, x ~ Bernoulli(grey / 255) from `numpy.random.default_rng(seed)`; bool."""
        return inputs.binarised(self.images, seed)


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A data set: train to fit, validation to choose on, test to report on.

    Attributes:
        name: a short name for titles and protocols; of a folder or a file, its own name without the path.
        train, validation, test: `Split`s.
        classes: the names of the classes, in the order of the labels; () where images have no labels.
        source: what `load` takes to read it again: a name, or the absolute path of a folder or a file; "" for arrays.
        sha256: of the content of a folder or a file; "" for data that TensorFlow Datasets versions, and for arrays.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...] = ()
    source: str = ""
    sha256: str = ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape of one image, (H, W, C)."""
        return tuple(self.train.images.shape[1:])

    @property
    def splits(self) -> dict[str, dict]:
        """What config.json records of the parts: {"train": {"split": "train[:55000]", "images": 55000}, ...}."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {part: {"split": split.name, "images": len(split.images)} for part, split in parts.items()}

    def protocol(self, pixels: str = "dynamic") -> str:
        """The name of the protocol under which numbers on this data set are reported.

        Args:
            pixels: the protocol of a pixel likelihood: "dynamic" (binarised afresh in every epoch, tested on images
                binarised once with seed 0), "grey" or "8bit".
        """
        return f"{self.name.replace('/', '-')}-{pixels}"


class UnavailableError(ValueError):
    """A data set is neither prepared nor downloadable."""
