"""Data that do not fit in memory: decoded once into a file, from which images are read as they are needed.

The next command on the same data finds them there, as long as nothing has changed that they were decoded from. A data
set is a folder in `place()`, which may be removed whenever no command is at work on it:

images          the pixels of all images, uint8, one image behind the other
splits.npz      of each split, where its images lie in that file, and their labels
dataset.json    the rest of a `Dataset`, and what its reading had to tell the user
"""

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
import math
import os
import shutil
from pathlib import Path

import numpy as np

from tfgen import checks, files, locks
from tfgen.data import budget, stored
from tfgen.data.dataset import Dataset, Split

FORMAT = 1  # of the folders
IMAGES, SPLITS, DATASET = "images", "splits.npz", "dataset.json"
PARTS = ("train", "validation", "test")
UNFINISHED = ".decoding"


class TooLargeError(Exception):
    """Images do not fit in memory; `shape`, [N, H, W, C], says how many there are."""

    def __init__(self, shape):
        super().__init__(f"images of shape {list(shape)}")
        self.shape = tuple(shape)


def load(read, key, *, memory: int | None = None, at_once: int = 1, notify) -> Dataset:
    """A data set in memory, or in a file if its images take more memory than they may.

    Args:
        read: `read(empty, notify)` reads the data set. It calls `empty(shape)` for the uint8 array, or the
            `stored.StoredImages`, that it lays all images into by `stored.put`.
        key: `key()` returns what the images depend on, as JSON: a hash of what they are decoded from, and the options.
        memory: bytes that the images may take; None: half of what is free.
        at_once: images that must fit in any case, those of a batch.
        notify: called with a line for the user.

    Raises:
        ValueError: fewer bytes than `at_once` images take, or too little room on the disk. What `read` raises.
    """
    memory = budget.default() if memory is None else memory
    try:
        return read(lambda shape: _in_memory(shape, memory), notify)
    except TooLargeError as error:
        count, *shape = error.shape
    _check_batch(memory, at_once, shape)
    folder = place() / _digest(key())
    words = f"{count:,} images take {checks.size_words(count * math.prod(shape))} decoded, and may take "
    words += f"{checks.size_words(memory)} of memory: they are"
    if not _is_whole(folder):
        notify(f"{words} decoded to {folder} and read from there")
        with _one_process(folder.parent, notify):
            if not _is_whole(folder):
                _decode(folder, read, memory)
    else:
        notify(f"{words} read from {folder}")
    dataset = _opened(folder, memory, notify)
    _check_batch(memory, at_once, dataset.image_shape)  # in colour, where the first pictures were grey
    return dataset


def moved(dataset: Dataset, empty) -> Dataset:
    """A data set with its images laid into `empty(shape)`."""
    splits = {part: getattr(dataset, part) for part in PARTS}
    images = empty((sum(len(split.images) for split in splits.values()), *dataset.image_shape))
    first = 0
    for part, split in splits.items():
        stored.put(images, first, split.images)
        rows = slice(first, first := first + len(split.images))
        splits[part] = dataclasses.replace(split, images=stored.select(images, rows))
    return dataclasses.replace(dataset, **splits)


def place() -> Path:
    """The folder of decoded data sets: `tfgen/decoded` in XDG_CACHE_HOME, which is ~/.cache where it is not set."""
    return Path(os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or "~/.cache"), "tfgen", "decoded")


def _check_batch(memory: int, at_once: int, shape) -> None:
    if memory < (least := at_once * math.prod(shape)):
        images = f"a batch of {at_once} images of {' x '.join(map(str, shape))}"
        words = f"memory must be at least {checks.size_words(least)}, {images}"
        raise ValueError(f"{words}; got {checks.size_words(memory)}")


def _in_memory(shape, memory: int) -> np.ndarray:
    if math.prod(shape) > memory:
        raise TooLargeError(shape)
    return np.empty(shape, np.uint8)


def _on_disk(path: Path, shape, memory: int) -> stored.StoredImages:
    needed, free = math.prod(shape), shutil.disk_usage(path.parent).free
    if needed > free:
        words = f"{checks.size_words(needed)} of disk for decoded images, and {checks.size_words(free)} are free"
        raise ValueError(f"{str(place())!r} needs {words}; XDG_CACHE_HOME names another folder for them")
    path.write_bytes(b"")
    return stored.StoredImages(path, shape, memory)


def _digest(key) -> str:
    text = json.dumps([FORMAT, importlib.metadata.version("pillow"), key])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


@contextlib.contextmanager
def _one_process(folder: Path, notify):
    """Keeps other processes from decoding in the block, and removes what those left that were killed in it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f".{folder.name}.lock")
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locks.held(lock, wait=False, notify=notify))
        except locks.HeldError:
            notify(f"another process is decoding to {folder}; waiting for its end")
            stack.enter_context(locks.held(lock, notify=notify))
        shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
        yield


def _is_whole(folder: Path) -> bool:
    try:
        size = json.loads((folder / DATASET).read_text(encoding="utf-8"))["size"]
        return (folder / SPLITS).is_file() and (folder / IMAGES).stat().st_size == size
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _decode(folder: Path, read, memory: int) -> None:
    """Reads a data set into a folder, whole or not at all."""
    making, notes = folder.with_name(UNFINISHED), []
    making.mkdir()
    try:
        dataset = read(lambda shape: _on_disk(making / IMAGES, shape, memory), notes.append)
        splits = {part: getattr(dataset, part) for part in PARTS}
        rows = {f"{part}_rows": split.images.rows for part, split in splits.items()}
        labels = {f"{part}_labels": split.labels for part, split in splits.items()}
        np.savez(making / SPLITS, **rows, **labels)
        with open(making / IMAGES, "rb") as written:
            os.fsync(written.fileno())
        content = {
            "name": dataset.name,
            "splits": {part: split.name for part, split in splits.items()},
            "classes": dataset.classes,
            "source": dataset.source,
            "sha256": dataset.sha256,
            "image_shape": dataset.image_shape,
            "size": (making / IMAGES).stat().st_size,
            "notes": notes,
        }
        files.write_json(making / DATASET, content)
        shutil.rmtree(folder, ignore_errors=True)  # damaged
        making.rename(folder)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise


def _opened(folder: Path, memory: int, notify) -> Dataset:
    content = json.loads((folder / DATASET).read_text(encoding="utf-8"))
    for note in content["notes"]:
        notify(note)
    shape = content["image_shape"]
    whole = stored.StoredImages(folder / IMAGES, (content["size"] // math.prod(shape), *shape), memory)
    with np.load(folder / SPLITS, allow_pickle=False) as arrays:
        splits = {
            part: Split(name, whole.select(arrays[f"{part}_rows"]), arrays[f"{part}_labels"])
            for part, name in content["splits"].items()
        }
    return Dataset(
        content["name"], **splits, classes=tuple(content["classes"]), source=content["source"], sha256=content["sha256"]
    )
