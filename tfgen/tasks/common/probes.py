"""What judges vectors [N, D] of images by their classes, by scikit-learn: classifiers, clusters, maps of a plane.

The classifiers take vectors and labels in three parts: to fit on, to choose a setting on, and to be tested on.
"""

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)  # C of the logistic regression, the inverse of its L2 penalty's weight
ITERATIONS = 300  # of L-BFGS at most
NEIGHBOURS = (1, 3, 5, 10, 20)
PERPLEXITY = 30
STARTS = 10  # of k-means


def scaled(parts) -> list[np.ndarray]:
    """The three parts less the mean of the first, and divided by one number, so that its mean variance is 1."""
    mean = parts[0].mean(0)
    stddev = np.sqrt(np.mean((parts[0] - mean) ** 2)) or 1.0
    return [(part - mean) / stddev for part in parts]


def principal(parts, count: int, seed: int) -> list[np.ndarray]:
    """The parts along the first principal components of the first one; as many as there are, `count` at most."""
    pca = PCA(min(count, *parts[0].shape), random_state=seed).fit(parts[0])
    return [pca.transform(part) for part in parts]


def linear(parts, labels) -> tuple[np.ndarray, float]:
    """Which test vectors logistic regression gets wrong, bool [N], and its C."""
    fits = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # one that is stopped early is a classifier, too
        for strength in STRENGTHS:
            fits[strength] = LogisticRegression(C=strength, max_iter=ITERATIONS).fit(parts[0], labels[0])
    return _best(fits, parts, labels)


def neighbours(parts, labels) -> tuple[np.ndarray, int]:
    """Which test vectors the vote of the k nearest training vectors gets wrong, bool [N], and k."""
    counts = [count for count in NEIGHBOURS if count <= len(parts[0])]
    fits = {count: KNeighborsClassifier(count, algorithm="brute").fit(parts[0], labels[0]) for count in counts}
    return _best(fits, parts, labels)


def clusters(vectors, labels, seed: int) -> float:
    """Normalised mutual information of the labels with k-means clusters, as many as there are classes."""
    count = len(np.unique(labels))
    found = KMeans(count, n_init=STARTS, random_state=seed).fit_predict(vectors)
    return float(normalized_mutual_info_score(labels, found))


def map_of(vectors, seed: int) -> np.ndarray:
    """Vectors on a plane by t-SNE (van der Maaten and Hinton 2008): [N, 2]."""
    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(vectors)


def _best(fits: dict, parts, labels):
    """The errors on the last part of the fit with the fewest on the second, and its setting."""
    setting = min(fits, key=lambda key: np.mean(fits[key].predict(parts[1]) != labels[1]))
    return fits[setting].predict(parts[2]) != labels[2], setting
