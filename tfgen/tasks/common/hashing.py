"""Binary codes: functions from vectors [N, D] to bits, bool [N, bits], fitted to training vectors.

medians    the numbers of the largest variance, each cut at its median, so that a bit is 1 for half of the images;
           where there are fewer numbers than bits, those of the largest variance are cut at thirds, quarters, ...
ITQ        iterative quantisation (Gong et al. 2013): bits b = sign(v R) of the principal components v, where the
           rotation R minimises |b - v R|^2. With more bits than components R has orthonormal rows.
LSH        the signs of random projections (Charikar 2002)
"""

import numpy as np
from sklearn.decomposition import PCA

ITERATIONS = 50  # of ITQ, as in its paper


def medians(vectors, bits: int, seed: int = 0):
    """Numbers cut at quantiles, one cut a bit. `seed` is not used."""
    order = np.argsort(-vectors.var(0), kind="stable")
    columns = np.resize(order, bits)  # the numbers in turn, until there are enough bits
    cuts = np.empty(bits, np.float32)
    for column in np.unique(columns):
        places = np.flatnonzero(columns == column)
        cuts[places] = np.quantile(vectors[:, column], np.arange(1, len(places) + 1) / (len(places) + 1))
    return lambda others: others[:, columns] > cuts


def itq(vectors, bits: int, seed: int = 0):
    """The signs of principal components after the rotation that brings them nearest to their signs."""
    pca = PCA(min(bits, *vectors.shape), random_state=seed).fit(vectors)
    components = pca.transform(vectors)
    rotation = _nearest_rotation(np.random.default_rng(seed).normal(size=(components.shape[1], bits)))
    for _ in range(ITERATIONS):
        signs = np.where(components @ rotation >= 0, 1.0, -1.0)
        rotation = _nearest_rotation(components.T @ signs)
    return lambda others: pca.transform(others) @ rotation >= 0


def lsh(vectors, bits: int, seed: int = 0):
    """The sides of random hyperplanes through the mean."""
    mean, planes = vectors.mean(0), np.random.default_rng(seed).normal(size=(vectors.shape[1], bits))
    return lambda others: (others - mean) @ planes >= 0


METHODS = {"medians": medians, "ITQ": itq, "LSH": lsh}


def _nearest_rotation(matrix):
    """The matrix with orthonormal rows, or columns if it is taller than wide, that is nearest to [D, bits]."""
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    return left @ right
