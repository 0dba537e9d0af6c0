"""How well binary codes find images of the same class, by their Hamming distance.

Many images are at the same distance from a query. Their order is not known, so what is measured is the mean over all
orders, which has a closed form (McSherry and Najork 2008), and not what one order happens to give.
"""

import numpy as np
from scipy.special import digamma

ROWS = 50  # queries whose distances are held at once
FIRST = 100  # images whose share of the right class is the precision


def distances(queries, codes) -> np.ndarray:
    """Hamming distances, int [Q, N], of bits, bool [Q, bits] and [N, bits]."""
    signs, others = (np.where(bits, np.float32(1), np.float32(-1)) for bits in (queries, codes))
    return np.rint((queries.shape[1] - signs @ others.T) / 2).astype(np.int64)


def measures(queries, query_labels, codes, labels) -> dict[str, np.ndarray]:
    """How well queries find images of their class.

    Args:
        queries: bool [Q, bits]; query_labels: int [Q].
        codes: bool [N, bits]; labels: int [N].

    Returns:
        {"map": average precision of the ranking of all N images, "precision": share of the right class among the
        nearest 100}, float64 [Q] each, 0 to 1, means over the orders of images at the same distance.
    """
    found = {"map": [], "precision": []}
    for start in range(0, len(queries), ROWS):
        rows = slice(start, start + ROWS)
        there, right = counts(distances(queries[rows], codes), query_labels[rows], labels, queries.shape[1])
        found["map"].append(average_precision(there, right))
        found["precision"].append(precision(there, right, min(FIRST, len(codes))))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def counts(distance, query_labels, labels, most: int) -> tuple[np.ndarray, np.ndarray]:
    """How many images lie at each distance 0..most of each query, and how many of its class: int [Q, most + 1] each."""
    rows = np.arange(len(distance))[:, None] * (most + 1)
    size = len(distance) * (most + 1)
    same = query_labels[:, None] == labels
    there = np.bincount((distance + rows).ravel(), minlength=size)
    right = np.bincount((distance + rows)[same], minlength=size)
    return there.reshape(-1, most + 1), right.reshape(-1, most + 1)


def average_precision(there, right) -> np.ndarray:
    """Average precision [Q], the mean over the orders of images at one distance.

    With N images and R right ones before a distance that has n and r of them, the i-th of the n is right with
    probability r / n, and has then R + (i - 1)(r - 1) / (n - 1) right ones before it on average, so that it adds

        sum_i  r / n * (1 + R + (i - 1) (r - 1) / (n - 1)) / (N + i)

    which two sums give: sum_i 1 / (N + i) = psi(N + n + 1) - psi(N + 1), and sum_i i / (N + i) from it.

    Args:
        there, right: int [Q, distances], n and r.
    """
    total, of_class = np.cumsum(there, 1), np.cumsum(right, 1)
    before, right_before = total - there, of_class - right
    reciprocals = digamma(total + 1.0) - digamma(before + 1.0)  # sum_i 1 / (N + i)
    steps = there - (before + 1) * reciprocals  # sum_i (i - 1) / (N + i)
    slope = (right - 1) / np.maximum(there - 1, 1)
    added = right / np.maximum(there, 1) * ((1 + right_before) * reciprocals + slope * steps)
    return added.sum(1) / np.maximum(of_class[:, -1], 1)


def precision(there, right, first: int) -> np.ndarray:
    """The expected share [Q] of the right class among the `first` nearest, from counts as `average_precision`'s."""
    taken = np.clip(first - (np.cumsum(there, 1) - there), 0, there)
    return (taken * right / np.maximum(there, 1)).sum(1) / first


def nearest(query, codes, vectors, query_vector, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows [count] of the nearest codes of a query [bits] and their distances; of the same, the nearest vectors."""
    distance = distances(query[None], codes)[0]
    between = np.sum((vectors - query_vector) ** 2, 1)
    order = np.lexsort((between, distance))[:count]
    return order, distance[order]
