"""Few labels: which images of a split keep theirs. The label of an image without one is -1."""

import dataclasses

import numpy as np

from tfgen import checks
from tfgen.data import stored
from tfgen.data.dataset import Split

NONE = -1  # the label of an image without one
SHARE = 0.1  # of the images of an epoch that have a label, at least


def rows(labels, count: int, classes, seed: int) -> np.ndarray:
    """The rows of a split that keep their labels, int [count], as many of each class, drawn from a seed.

    Args:
        labels: int [N], -1 where there is none.
        count: labels to keep; if it cannot be divided by the number of classes, the first have one more.
        classes: the names of the classes.
        seed: of the draw.

    Raises:
        TypeError, ValueError: fewer labels than classes, or more than there are of a class.
    """
    checks.positive_int("labels", count)
    if count < len(classes):
        raise ValueError(f"labels must be at least one for each of the {len(classes)} classes, got {count}")
    random, chosen = np.random.default_rng(seed), []
    for label, name in enumerate(classes):
        rows, needed = np.flatnonzero(labels == label), count // len(classes) + (label < count % len(classes))
        if needed > len(rows):
            raise ValueError(f"labels {count} needs {needed} images of class {name}, and there are {len(rows)}")
        chosen.append(random.choice(rows, needed, replace=False))
    return np.concatenate(chosen)


def hidden(split: Split, known, seed: int = 0) -> Split:
    """A split of the same size in which only some rows have labels, repeated so that they are a tenth of it.

    Otherwise most batches had no label at all. The repeated rows take the place of others, drawn from the seed.

    Args:
        split: a split.
        known: int [M], the rows that keep their labels.
        seed: of the rows that are replaced.
    """
    order, labels = np.arange(len(split.labels)), np.full_like(split.labels, NONE)
    labels[known] = split.labels[known]
    missing = int(SHARE * len(order)) - len(known)
    if missing > 0:
        others = np.flatnonzero(labels == NONE)
        replaced = np.random.default_rng(seed).choice(others, min(missing, len(others)), replace=False)
        order[replaced] = np.resize(known, len(replaced))
    return dataclasses.replace(split, images=stored.select(split.images, order), labels=labels[order])


def only(split: Split, known) -> Split:
    """The rows of a split that have labels."""
    return dataclasses.replace(
        split, images=np.asarray(split.images[np.sort(known)]), labels=split.labels[np.sort(known)]
    )
