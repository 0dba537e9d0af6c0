"""How a data set is divided: its own parts where it has them, else 80 / 10 / 10 by a permutation from a seed."""

import numpy as np

from tfgen.data import stored
from tfgen.data.dataset import Split

VALIDATION = 5000  # images of the training part that are held out to choose on,
SMALL = 50_000  # or a tenth of it where it has fewer images than this
FEWEST = 10  # images that can be divided at all


def divide(parts: dict[str, tuple], name: str, seed: int = 0) -> tuple[Split, Split, Split]:
    """Training, validation and test images from the parts that a data set has.

    Args:
        parts: name -> (images [N, H, W, C], in memory or stored, labels [N]). "train" and "test" are used as they are;
            so is "validation", or else the end of "train" is held out: the last 5,000 images, or the last tenth of
            fewer than 50,000. Where there is no "test", "validation" is reported on. A part that stands alone is
            shuffled and divided.
        name: the data set's, for the message.
        seed: of the permutation.

    Raises:
        ValueError: fewer than 10 images to divide, or an empty part.
    """
    if len(parts) == 1:
        (part,) = parts.items()
        return _shuffled(part, name, seed)
    for part, (images, _) in parts.items():
        if not len(images):
            raise ValueError(f"data set {name!r} has no images in its part {part!r}")
    test = "test" if "test" in parts else "validation"
    if "validation" in parts and test != "validation":
        return tuple(Split(part, *parts[part]) for part in ("train", "validation", "test"))
    return *_end_held_out(parts["train"], name), Split(test, *parts[test])


def used(available, name: str) -> tuple[str, ...]:
    """Which of the available parts `divide` makes use of. ValueError if there are several, but not those it needs."""
    available = tuple(available)
    if len(available) == 1:
        return available
    chosen = tuple(part for part in ("train", "validation", "test") if part in available)
    if "train" not in chosen:
        raise ValueError(f"data set {name!r} has no part 'train'; it has {', '.join(available) or 'none'}")
    return chosen


def _end_held_out(part, name: str) -> tuple[Split, Split]:
    images, labels = part
    _check_count(len(images), name)
    cut = len(images) - (VALIDATION if len(images) >= SMALL else len(images) // 10)
    parts = {f"train[:{cut}]": slice(cut), f"train[{cut}:]": slice(cut, None)}
    return tuple(Split(words, stored.select(images, rows), labels[rows]) for words, rows in parts.items())


def _shuffled(part, name: str, seed: int) -> tuple[Split, Split, Split]:
    """The only part there is, shuffled by the seed and divided: 80 % to train, 10 % to validate, 10 % to test."""
    own, (images, labels) = part
    count = len(images)
    _check_count(count, name)
    order = np.random.default_rng(seed).permutation(count)
    first, second = count - 2 * (count // 10), count - count // 10
    prefix = f"{own} " if own else ""
    bounds = {
        f"[:{first}]": slice(first),
        f"[{first}:{second}]": slice(first, second),
        f"[{second}:]": slice(second, None),
    }
    return tuple(
        Split(f"{prefix}shuffled({seed}){words}", stored.select(images, order[rows]), labels[order[rows]])
        for words, rows in bounds.items()
    )


def _check_count(count: int, name: str) -> None:
    if count < FEWEST:
        images = "image" if count == 1 else "images"
        raise ValueError(f"data set {name!r} has {count} {images}; at least {FEWEST} are needed")
