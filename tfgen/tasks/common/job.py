"""What a task works on: a model, the data sets, how many images, and a seed."""

import dataclasses
import functools
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfgen import checks
from tfgen.data import folder, loading
from tfgen.data.dataset import Dataset, Split
from tfgen.storage import runs


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """What a task works on.

    Attributes:
        model: a trained `tfgen.Model`.
        trained_on: a function that loads the `Dataset` that the model was trained on; called when that is needed.
        name: how the user calls the model.
        source: the data set to work on, a name or a path; None: the one that the model was trained on.
        data_dir: a TFDS directory that holds it prepared; None: `TFDS_DATA_DIR` or TFDS's own.
        images: how many test images; None: the task's own default.
        seed: of all that is drawn.
        track: wraps each long loop, with a word that describes it.
        classifier: of a data set, what recognises the classes of its images, a `tfgen.evaluation.features.Features`, or
            None where there is none.
        folder: makes the folder of the result, for what a task keeps while it works; the same one at each call.
        completer: a model whose `complete` undoes the damage of the task, where the user has one besides; else None.
    """

    model: object
    trained_on: Callable[[], Dataset]
    name: str = ""
    source: str | None = None
    data_dir: Path | None = None
    images: int | None = None
    seed: int = 0
    track: Callable = lambda loop, name: loop
    classifier: Callable = lambda dataset: None
    folder: Callable[[], Path] = Path
    completer: object | None = None

    @functools.cached_property
    def own(self) -> Dataset:
        """The data set that the model was trained on."""
        return self.fitting(self.trained_on())

    @functools.cached_property
    def dataset(self) -> Dataset:
        """The data set to work on."""
        return self.own if self.source is None else self.load(self.source)

    @functools.cached_property
    def to_repair(self) -> Dataset:
        """The data set whose test images a task damages and repairs.

        Of a folder of new pictures all are for the test. What is chosen, and the baselines, take the images that the
        model was trained on. A folder with parts, one that a model was trained on, and the images of a conditional
        model are divided as in training.
        """
        folder = self.source is not None and Path(self.source).is_dir() and not (Path(self.source) / "train").is_dir()
        if not folder or self.needs_labels or self.completer is not None or self._is_own(self.source):
            return self.dataset
        images, _ = self.pictures()
        name = Path(self.source).resolve().name
        test = Split(f"all of {name}", images, np.zeros(len(images), np.int64))
        return dataclasses.replace(self.own, name=name, test=test, classes=(), source="", sha256="")

    def _is_own(self, folder: str) -> bool:
        return Path(folder).resolve() == Path(self.own.source or os.devnull).resolve()

    def load(self, name: str | os.PathLike) -> Dataset:
        """A data set whose images are cropped and resized to the model's. Raises ValueError where that cannot be."""
        height, width, channels = self.model.image_shape
        square = height if height == width else None
        directory = directory_for(name, self.data_dir)
        return self.fitting(loading.load(name, directory, image_size=square, channels=channels))

    def pictures(self) -> tuple[np.ndarray, list[str]]:
        """The images to work on, [N, H, W, C], and what each is called: every file of a folder, or the test split."""
        if self.source is not None and Path(self.source).is_dir():
            height, width, channels = self.model.image_shape
            if height != width:
                raise ValueError(f"pictures are made square, and the model's images are {height} x {width}")
            return folder.listed(Path(self.source), image_size=height, channels=channels, notify=loading.to_stderr)
        test = self.dataset.test
        images, _ = first(test, self.count(test, len(test.images), fewest=1))
        return images, [f"{test.name} {row}" for row in range(len(images))]

    def fitting(self, dataset: Dataset) -> Dataset:
        """The data set. Raises ValueError if its images are not of the model's shape."""
        if dataset.image_shape != self.model.image_shape:
            sizes = (" x ".join(map(str, shape)) for shape in (dataset.image_shape, self.model.image_shape))
            raise ValueError("the images of {} are {}, those of the model are {}".format(dataset.name, *sizes))
        return dataset

    def count(self, split: Split, default: int, fewest: int = 10) -> int:
        """How many images of a split to work on. Raises ValueError if it has not as many, or too few."""
        count, available = self.images, len(split.images)
        if available < fewest:
            raise ValueError(f"this needs at least {fewest} images, and {split.name} has {available}")
        if count is None:
            return min(default, available)
        checks.positive_int("images", count)
        if not fewest <= count <= available:
            raise ValueError(f"images must lie in {fewest}..{available}, got {count}")
        return count

    @property
    def needs_labels(self) -> bool:
        """Whether the model has to be told the class of an image."""
        return self.model.conditional

    @property
    def labels(self) -> int:
        """How many labels of training images the model was trained with: all, or as many as its run was told."""
        config = runs.read_config(Path(self.name)) if Path(self.name).is_dir() else {}
        return config.get("recipe", {}).get("labels") or len(self.own.train.labels)

    def check_labels(self, dataset: Dataset) -> None:
        """Raises ValueError where the model is told classes that the data set does not have."""
        if self.needs_labels and dataset.classes != self.model.class_names:
            has = f"the classes {', '.join(dataset.classes[:5])}, ..." if dataset.classes else "no classes"
            raise ValueError(
                f"{self.model.entry} has to be told the class of each image, and {dataset.name} has {has}; a model "
                "that is not conditional needs none"
            )


def directory_for(name: str | os.PathLike, data_dir: Path | None) -> Path | None:
    """The TFDS directory in which a data set is looked for: none for folders, files and the embedded digits."""
    return None if name == loading.EMBEDDED or Path(name).exists() else data_dir


def first(split: Split, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first images [count, H, W, C] of a split, as an array, and their labels."""
    return np.asarray(split.images[:count]), split.labels[:count]


def flat(images) -> np.ndarray:
    """Images [N, H, W, C] as rows [N, H * W * C]."""
    return images.reshape(len(images), math.prod(images.shape[1:]))
