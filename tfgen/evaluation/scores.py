"""Distances between two sets of images by their features, as functions of arrays [N, D]: real ones and generated ones.

Distances in other features are other numbers: what they were taken in belongs to them (`tfgen.evaluation.features`).
Every function raises ValueError for features that are not finite, not [N, D], not of the same D, or too few.
"""

import numpy as np
from sklearn.metrics import pairwise_distances_chunked

KERNEL_BLOCKS = 10
NEIGHBOURS = 3
MEGABYTES = 64  # of distances held at once


def frechet_distance(real, generated) -> float:
    """|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)) of means m and covariances C (Heusel et al. 2017, equation 6).

    0 where the first two moments agree; features rank deficient or not, the trace is taken over real eigenvalues.
    """
    (mean, covariance), (other_mean, other_covariance) = (
        _moments(part) for part in _checked(real, generated, fewest=2)
    )
    root = _square_root(covariance)
    # C C' and the symmetric C^(1/2) C' C^(1/2) have the same eigenvalues.
    eigenvalues = np.linalg.eigvalsh(root @ other_covariance @ root)
    cross = np.sqrt(eigenvalues.clip(0)).sum()
    distance = np.sum((mean - other_mean) ** 2) + np.trace(covariance) + np.trace(other_covariance) - 2 * cross
    return max(0.0, float(distance))


def kernel_distance(real, generated, seed: int = 0) -> tuple[float, float]:
    """The squared maximum mean discrepancy under the kernel (x.y / D + 1)^3, KID (Binkowski et al. 2018).

    Both sets are shuffled and cut into `KERNEL_BLOCKS` blocks that share no image. Each pair of blocks gives an
    unbiased estimate, which may be negative.

    Returns:
        (the mean of the estimates, its standard error).
    """
    random = np.random.default_rng(seed)
    real, generated = _checked(real, generated, fewest=2 * KERNEL_BLOCKS)
    blocks = (np.array_split(random.permutation(features), KERNEL_BLOCKS) for features in (real, generated))
    estimates = [_squared_discrepancy(x, y) for x, y in zip(*blocks, strict=True)]
    return float(np.mean(estimates)), float(np.std(estimates, ddof=1) / np.sqrt(KERNEL_BLOCKS))


def precision_recall(real, generated) -> tuple[float, float]:
    """Improved precision and recall (Kynkaanniemi et al. 2019), each in 0..1.

    A set's manifold is the union of balls around its points, each as large as the distance to the point's third nearest
    neighbour in the set. Precision is the share of generated points in the manifold of the real ones, recall the share
    of real points in the manifold of the generated ones.
    """
    real, generated = _checked(real, generated, fewest=NEIGHBOURS + 1)
    return _share_within(generated, real), _share_within(real, generated)


def all_of(real, generated, seed: int = 0) -> dict:
    """{"frechet", "kid", "kid_error", "precision", "recall"} of generated features [M, D] against real ones [N, D]."""
    kid, error = kernel_distance(real, generated, seed)
    precision, recall = precision_recall(real, generated)
    distances = {"frechet": frechet_distance(real, generated), "kid": kid, "kid_error": error}
    return distances | {"precision": precision, "recall": recall}


def class_balance(probabilities) -> dict:
    """How surely and how evenly generated images are recognised, from the probabilities of the classes [N, classes].

    Returns:
        {"confidence": the mean of the largest probability, "class_shares": the share of images of each class, as
        recognised, "class_entropy": of these shares in nats, at most the logarithm of the number of classes}.
    """
    (probabilities,) = _checked(probabilities, fewest=1, what="probabilities")
    shares = np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1]) / len(probabilities)
    present = shares[shares > 0]
    return {
        "confidence": float(probabilities.max(1).mean(dtype=np.float64)),
        "class_shares": shares.tolist(),
        "class_entropy": float(-np.sum(present * np.log(present))),
    }


def _moments(features):
    return features.mean(0), np.atleast_2d(np.cov(features, rowvar=False))


def _square_root(matrix):
    """The root of a symmetric matrix without negative eigenvalues, but for rounding."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(values.clip(0)) @ vectors.T


def _squared_discrepancy(x, y) -> float:
    """The unbiased estimate of MMD^2 from two samples (Gretton et al. 2012, equation 3)."""
    return _mean_of_pairs(_kernel(x, x)) + _mean_of_pairs(_kernel(y, y)) - 2 * _kernel(x, y).mean()


def _mean_of_pairs(kernel) -> float:
    """The mean of a square matrix without its diagonal."""
    n = len(kernel)
    return (kernel.sum() - np.trace(kernel)) / (n * (n - 1))


def _kernel(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def _share_within(points, manifold) -> float:
    """The share of points in the union of the balls around a manifold's own points."""
    radii = _chunked(manifold, manifold, lambda distances: np.partition(distances, NEIGHBOURS)[:, NEIGHBOURS])
    return float(_chunked(points, manifold, lambda distances: (distances <= radii).any(1)).mean())


def _chunked(points, others, reduce):
    """`reduce` of rows of the distances between points and others, [N, M] -> [N], a chunk of rows at a time."""
    chunks = pairwise_distances_chunked(
        points, others, reduce_func=lambda distances, _: reduce(distances), working_memory=MEGABYTES
    )
    return np.concatenate(list(chunks))


def _checked(*sets, fewest: int, what: str = "features") -> list:
    """Features as float64 [N, D] each. Raises ValueError as the module says."""
    checked = [np.asarray(features, np.float64) for features in sets]
    for features in checked:
        if features.ndim != 2:
            raise ValueError(f"{what} must be [N, D], got {list(features.shape)}")
        if len(features) < fewest:
            raise ValueError(f"{what} of at least {fewest} images are needed, got {len(features)}")
        if not np.isfinite(features).all():
            raise ValueError(f"{what} must be finite, and those of {_images_not_finite(features)} are not")
    sizes = [features.shape[1] for features in checked]
    if len(set(sizes)) > 1 or not sizes[0]:
        raise ValueError(f"{what} must have the same number of dimensions, at least 1, got {sizes}")
    return checked


def _images_not_finite(features) -> str:
    count = int((~np.isfinite(features).all(1)).sum())
    return f"{count} image{'s' if count > 1 else ''}"
