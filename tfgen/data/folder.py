"""A folder of pictures: classes by sub-folder or none, and its own parts where it has folders for them."""

import collections
import contextlib
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tfgen.data import pictures, splits, stored
from tfgen.data.dataset import Dataset

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
PARTS = {"train": "train", "test": "test", "validation": "validation", "valid": "validation", "val": "validation"}
UNREADABLE = 0.01  # the share of unreadable files above which something else must be wrong
NAMED = 5  # unreadable files that a message names
TOGETHER = 256  # files that are decoded at a time


def load(folder: Path, *, image_size=None, channels=None, seed=0, empty, notify) -> Dataset:
    """The pictures of a folder and of the folders below it.

    Where all pictures lie in sub-folders, these are the classes; if they are named train, test, validation (or val),
    they are the parts of the data set, and their own sub-folders the classes. Other files are ignored, and so is what
    is hidden.

    Args:
        folder: an existing directory.
        image_size: crop to the square in the middle and resize to this side; None: all pictures must have one size.
        channels: 1 or 3; None: 3 if any picture has colour, else 1.
        seed: of the division into parts.
        empty: makes the array for all images, as in `decoded.load`.
        notify: called with a line for the user.

    Raises:
        ValueError: no pictures, more than 1 % of them unreadable, of several sizes, of sides outside 16..128 pixels, or
            too few.
    """
    files = _pictures_below(folder)
    names = _names(folder, files)
    arguments = folder, files, names, image_size, channels, empty, notify
    images, kept, digest = _decoded(*arguments) or _decoded(*arguments, colour=True)
    parts, classes = _places([names[i] for i in kept])
    if not classes and any("/" in names[i] for i in kept) and not all(part for part, _ in parts):
        notify(f"some pictures of {str(folder)!r} lie outside its sub-folders, so these are not taken as classes")
    labels = _labels(parts, classes)
    divided = {}
    for part in dict.fromkeys(PARTS.get(part, "") for part, _ in parts):
        rows = np.array([PARTS.get(own, "") == part for own, _ in parts])
        divided[part] = (images, labels) if rows.all() else (stored.select(images, rows), labels[rows])
    title = folder.resolve().name
    chosen = {part: divided[part] for part in splits.used(divided, title)}
    return Dataset(title, *splits.divide(chosen, title, seed), classes, str(folder.resolve()), digest)


def listed(folder: Path, *, image_size=None, channels=None, notify) -> tuple[np.ndarray, list[str]]:
    """All pictures of a folder, uint8 [N, H, W, C], and the names of their files, sorted; arguments as in `load`."""
    files = _pictures_below(folder)
    names = _names(folder, files)
    arguments = folder, files, names, image_size, channels, lambda shape: np.empty(shape, np.uint8), notify
    images, kept, _ = _decoded(*arguments) or _decoded(*arguments, colour=True)
    return images, [names[i] for i in kept]


def check(folder: Path) -> None:
    """ValueError if a folder holds no pictures."""
    _pictures_below(folder)


def sha256(folder: Path) -> str:
    """The SHA-256 over names and bytes of a folder's pictures that its `Dataset` has."""
    files, digest = _pictures_below(folder), hashlib.sha256()
    names = _names(folder, files)
    with _readers() as pool:
        for block in _blocks(pool, files, lambda content: None):
            for i, content, _ in block:
                digest.update(_line(content, names[i]))
    return digest.hexdigest()


def _pictures_below(folder: Path) -> list[Path]:
    """The picture files in a folder and below it, sorted by their relative names; ValueError if there are none."""
    files, others, seen = [], collections.Counter(), set()

    def refuse(error: OSError):
        raise ValueError(f"folder {str(error.filename)!r} cannot be read: {error.strerror}") from error

    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        if (here := os.path.realpath(place)) in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(here)
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        for name in names:
            ending = os.path.splitext(name)[1].lower()
            if name.startswith("."):
                continue
            if ending in ENDINGS:
                files.append(Path(place, name))
            else:
                others[ending or "no ending"] += 1
    if not files:
        kinds = ", ".join(kind for kind, _ in others.most_common(3))
        held = f"it holds {others.total()} other file{'s'[: others.total() > 1]} ({kinds})" if others else "it is empty"
        looked = ", ".join(ending[1:] for ending in ENDINGS)
        raise ValueError(f"folder {str(folder)!r} has no pictures ({looked}); {held}")
    return sorted(files, key=lambda file: file.relative_to(folder).as_posix())


def _decoded(folder: Path, files, names, image_size, channels, empty, notify, *, colour=False):
    """(images [N, H, W, C], the indices of the files that could be read, SHA-256 over names and bytes of all).

    None if `colour` is wrong: there are pictures in colour behind so many grey ones that the array is for grey ones.
    """
    images, kept, unreadable, digest = None, [], [], hashlib.sha256()
    with _readers() as pool:
        for block in _blocks(pool, files, lambda content: pictures.decode(content, image_size, channels)):
            readable, done = [], len(kept)
            for i, content, image in block:
                digest.update(_line(content, names[i]))
                if isinstance(image, Exception):
                    unreadable.append(f"{names[i]} ({image})")
                    continue
                if not kept:
                    first = image
                    pictures.check_shape(first.shape)
                readable.append(image)
                kept.append(i)
                _check_same_size(first, image, names[kept[0]], names[i])
            if not readable:
                continue
            if images is None:
                colour = colour or any(image.shape[-1] == 3 for image in readable)
                images = empty((len(files), *first.shape[:2], 3 if colour else 1))
            if not colour and any(image.shape[-1] == 3 for image in readable):
                return None
            stored.put(images, done, np.stack([np.broadcast_to(image, images.shape[1:]) for image in readable]))
    _report(unreadable, len(files), folder, notify)
    return stored.select(images, slice(len(kept))), kept, digest.hexdigest()


def _report(unreadable: list[str], count: int, folder: Path, notify) -> None:
    """Tells which files are skipped, if any; ValueError if these are too many."""
    if unreadable:
        more = f" and {len(unreadable) - NAMED} more" if len(unreadable) > NAMED else ""
        words = f"{len(unreadable)} of {count} pictures in {str(folder)!r} cannot be read: "
        words += f"{', '.join(unreadable[:NAMED])}{more}"
        if len(unreadable) > UNREADABLE * count:
            raise ValueError(f"{words}; up to {UNREADABLE:.0%} would be skipped")
        notify(f"{words}; skipped")


@contextlib.contextmanager
def _readers():
    """Threads that read and decode files."""
    with pictures.no_bombs(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        yield pool


def _blocks(pool, files: list[Path], decode):
    """Lists with (index, SHA-256 of the bytes, what `decode` makes of them or the error) of some files, in order."""

    def read(file: Path):
        try:
            content = file.read_bytes()
        except OSError as error:
            return "", pictures.UnreadableError(error.strerror or str(error))
        digest = hashlib.sha256(content).hexdigest()
        try:
            return digest, decode(content)
        except pictures.UnreadableError as error:
            return digest, error

    for start in range(0, len(files), TOGETHER):
        found = pool.map(read, files[start : start + TOGETHER])
        yield [(i, *of) for i, of in enumerate(found, start)]


def _names(folder: Path, files: list[Path]) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in files]


def _line(digest: str, name: str) -> bytes:
    """The line of a file in the text that a folder's SHA-256 is taken of."""
    return f"{digest}  {name}\n".encode("utf-8", "surrogateescape")


def _check_same_size(first, image, first_name: str, name: str) -> None:
    if image.shape[:2] != first.shape[:2]:
        sizes = [f"{shape[1]} x {shape[0]}" for shape in (first.shape, image.shape)]
        raise ValueError(
            f"pictures differ in size: {first_name} is {sizes[0]}, {name} is {sizes[1]} pixels; {pictures.ADVICE}"
        )


def _places(names: list[str]) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """(part, class) of each picture, "" where it has none; and the names of the classes."""
    levels = [name.split("/")[:-1] for name in names]
    tops = {level[0] if level else "" for level in levels}
    has_parts = "train" in tops and tops <= set(PARTS)
    parts = [level[0] if has_parts else "" for level in levels]
    owners = [(level[1:] if has_parts else level)[:1] for level in levels]
    if not all(owners):  # pictures beside the sub-folders belong to no class, so there are no classes
        return [(part, "") for part in parts], ()
    places = [(part, owner[0]) for part, owner in zip(parts, owners, strict=True)]
    return places, tuple(sorted({name for _, name in places}))


def _labels(places, classes: tuple[str, ...]) -> np.ndarray:
    index = {name: i for i, name in enumerate(classes)}
    return np.array([index.get(name, 0) for _, name in places], np.int64)
