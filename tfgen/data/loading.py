"""A data set by what the user calls it: digits, an .npz file, a folder of pictures, a name of TensorFlow Datasets."""

import dataclasses
import os
import re
import sys
from pathlib import Path

from tfgen import checks
from tfgen.data import archive, decoded, embedded, folder, names, pictures, tfds, versions
from tfgen.data.dataset import Dataset, UnavailableError

EMBEDDED = embedded.NAME
DEFAULT = "mnist"
SHOWN = 100  # characters of a name that a message repeats where the name itself may be what is wrong
TFDS_NAME = re.compile(r"[A-Za-z]\w*(/[\w+-][\w.+-]*)?")  # with a configuration or without


def to_stderr(line: str) -> None:
    """Prints a note for the user on stderr."""
    print(line, file=sys.stderr)


def load(
    name: str | os.PathLike,
    data_dir: str | os.PathLike | None = None,
    *,
    image_size: int | None = None,
    channels: int | None = None,
    seed: int = 0,
    memory: int | None = None,
    at_once: int = 1,
    notify=to_stderr,
) -> Dataset:
    """A data set, from the first of these that `name` is.

    Args:
        name: "digits" (embedded); an existing .npz file; an existing folder of pictures; or the name of a data set of
            TensorFlow Datasets that has an `image` feature, such as "mnist" or "emnist/digits".
        data_dir: a TFDS directory that holds it prepared; nothing is downloaded then. None: `TFDS_DATA_DIR` or TFDS's
            own default directory, and a download if nothing is prepared there.
        image_size: crop images to the square in their middle and resize it to this side, 16 to 128 pixels; None: leave
            the size.
        channels: 1 (grey) or 3 (colour); None: as found.
        seed: of the permutation that divides data which have no parts of their own.
        memory: bytes that the decoded images may take; None: half of what is free. Where they take more, they are
            decoded into a file once, and `Split.images` are `tfgen.data.stored.StoredImages`, which read from it.
        at_once: images that must fit in any case, those of a batch.
        notify: called with one line for each thing that the user should know: files skipped, an older version used.

    Raises:
        TypeError, ValueError: what cannot be read as a data set, and why, in one line.
        UnavailableError: a data set of TFDS that is neither prepared nor downloadable.
    """
    kind, place = _find(name, data_dir, image_size, channels, seed)
    options = {"image_size": image_size, "channels": channels, "seed": seed}
    return _load(kind, place, data_dir, options, memory=memory, at_once=at_once, notify=notify)


def load_or_embedded(
    data_dir=None,
    *,
    image_size=None,
    channels=None,
    seed: int = 0,
    memory: int | None = None,
    at_once: int = 1,
    notify=to_stderr,
) -> tuple[Dataset, str]:
    """The default data set, or the embedded digits with the reason why; the reason is "" if MNIST is available.

    Arguments and errors as those of `load`.
    """
    _check(data_dir, image_size, channels, seed)
    options = {"image_size": image_size, "channels": channels, "seed": seed}
    room = {"memory": memory, "at_once": at_once, "notify": notify}
    try:
        return _load("published", DEFAULT, data_dir, options, **room), ""
    except UnavailableError as error:
        reason = f"{error}; training on the embedded digits (scikit-learn's, resized) instead"
        return _load("embedded", EMBEDDED, None, options, **room), reason


def _load(kind: str, place: Path | str, data_dir, options: dict, **room) -> Dataset:
    """A data set as `_find` found it, in memory or in a file."""
    data_dir = _expanded(data_dir)
    readers = {
        "folder": lambda empty, notify: folder.load(place, **options, empty=empty, notify=notify),
        "archive": lambda empty, notify: archive.load(place, **options, empty=empty),
        "published": lambda empty, notify: tfds.load(place, data_dir, **options, empty=empty, notify=notify),
        "embedded": lambda empty, notify: _embedded(empty, options["image_size"], options["channels"]),
    }
    contents = {
        "folder": lambda: (str(place.resolve()), folder.sha256(place)),
        "archive": lambda: (str(place.resolve()), archive.sha256(place)),
        "published": lambda: (place, tfds.fingerprint(place, data_dir)),
        "embedded": lambda: EMBEDDED,
    }
    return decoded.load(readers[kind], lambda: [kind, contents[kind](), options], **room)


def check(name, data_dir=None, *, image_size=None, channels=None, seed: int = 0) -> None:
    """Raises what `load` would, as far as it shows without reading images or importing TensorFlow."""
    kind, place = _find(name, data_dir, image_size, channels, seed)
    if kind == "folder":
        folder.check(place)
    elif kind == "archive":
        archive.check(place)
    elif kind == "published":
        tfds.check(place, _expanded(data_dir))


def _find(name, data_dir, image_size, channels, seed) -> tuple[str, Path | str]:
    """What a name stands for: ("embedded" | "archive" | "folder" | "published", its path or name)."""
    if not isinstance(name, str | os.PathLike):
        raise TypeError(f"data set must be a name or a path, got {name!r}")
    name = os.fspath(name)
    _check(data_dir, image_size, channels, seed)
    path = _expanded(name)
    kind, words = _local(name, path)
    if kind:
        if data_dir is not None:
            raise ValueError(f"data_dir is for data sets of TensorFlow Datasets, but {name!r} is {words}")
        return kind, path
    if path.suffix.lower() == ".npz" or not TFDS_NAME.fullmatch(name):
        raise ValueError(f"no such folder or file: {name!r}" if name else "the name of the data set is empty")
    if names.is_published(name) or versions.every_version(name, data_dir) or versions.configurations(name, data_dir):
        return "published", name
    raise ValueError(f"data set must be {names.choices(name, versions.names(data_dir))}")


def _local(name: str, path: Path) -> tuple[str, str]:
    """What a name stands for on this machine, as `_find` calls it and in words; ("", "") if nothing."""
    try:
        if name == EMBEDDED:
            return "embedded", "the embedded data set"
        if path.suffix.lower() == ".npz" and path.is_file():
            return "archive", "a file"
        if path.is_dir() and name:
            return "folder", "a folder"
        if path.is_file():
            raise ValueError(f"data set {name!r} is a file, but no .npz file and no folder of pictures")
    except OSError as error:  # a name too long for a file, or a folder that nobody may look into
        raise ValueError(f"data set {name[:SHOWN]!r} cannot be looked up: {error.strerror}") from error
    return "", ""


def _check(data_dir, image_size, channels, seed) -> None:
    pictures.check_options(image_size, channels)
    checks.positive_int("seed", seed, 0)
    if data_dir is not None and not _expanded(data_dir).is_dir():
        raise ValueError(f"data directory {str(data_dir)!r} does not exist")


def _expanded(path) -> Path | None:
    """A path with `~` replaced by the home directory; as it is where no such home is known."""
    if path is None:
        return None
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _embedded(empty, image_size, channels) -> Dataset:
    dataset = embedded.load()
    parts = {
        part: dataclasses.replace(split, images=pictures.fitted(split.images, image_size, channels))
        for part, split in (("train", dataset.train), ("validation", dataset.validation), ("test", dataset.test))
    }
    return decoded.moved(dataclasses.replace(dataset, **parts), empty)
