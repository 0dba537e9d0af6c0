"""Baselines of anomaly detection on raw pixels, by scikit-learn: PCA, kernel density, one-class SVM, isolation forest.

Each is fitted to training images, [N, D] in [0, 1], with each of its settings; a score is higher for what is stranger.
"""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import KernelDensity
from sklearn.svm import OneClassSVM

TRAIN = 5000  # training images: the SVM's and the density's time grows with them
DENSITY_DIM = 30  # principal components in which the density is estimated


def _pca(components: int):
    def fit(train, seed):
        pca = PCA(min(components, *train.shape), random_state=seed).fit(train)
        return lambda images: np.sum((images - pca.inverse_transform(pca.transform(images))) ** 2, 1)

    return fit


def _kde(bandwidth: float):
    def fit(train, seed):
        pca = PCA(min(DENSITY_DIM, *train.shape), random_state=seed).fit(train)
        density = KernelDensity(bandwidth=bandwidth).fit(pca.transform(train))
        return lambda images: -density.score_samples(pca.transform(images))

    return fit


def _ocsvm(nu: float):
    def fit(train, seed):
        machine = OneClassSVM(nu=nu, gamma="scale").fit(train)
        return lambda images: -machine.decision_function(images)

    return fit


def _forest(trees: int):
    def fit(train, seed):
        forest = IsolationForest(n_estimators=trees, random_state=seed).fit(train)
        return lambda images: -forest.score_samples(images)

    return fit


DETECTORS = {  # name -> the settings in words, each with what fits it
    "PCA": {f"{count} components": _pca(count) for count in (10, 30, 100)},
    "kernel density": {f"bandwidth {width}": _kde(width) for width in (0.5, 1.0, 2.0)},
    "one-class SVM": {f"nu {nu}": _ocsvm(nu) for nu in (0.05, 0.2)},
    "isolation forest": {f"{count} trees": _forest(count) for count in (100, 300)},
}
