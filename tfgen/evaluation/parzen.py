"""The Parzen-window score: the log-likelihood of images under a Gaussian kernel density of generated ones.

    log p(x) = log (1/S) sum_s N(x; y_s, sigma^2 I),   y_1 ... y_S generated, sigma chosen on validation images

The one likelihood that papers report for models without a density (Goodfellow et al. 2014, section 5; Makhzani et al.
2015, table 1): grey images in [0, 1], 10,000 samples, nats. It says little about the look of samples (Theis et al.
2016).
"""

import numpy as np
from scipy.special import logsumexp

BANDWIDTHS = np.geomspace(0.1, 1.0, 10)  # of Goodfellow's own code, by which the papers' numbers were measured
FINE = np.geomspace(0.1, 1.0, 46)  # with four more between each two of them; a best one there gains up to 13 nats
CHUNK = 200  # images whose distances to all samples are held at once


def parzen_score(samples, validation, test, track=lambda chunks, name: chunks) -> dict:
    """The mean log-likelihood of test images under the bandwidth that suits validation images best.

    Args:
        samples: [S, ...], generated.
        validation, test: [N, ...], real, of the same range.
        track: wraps the loops over chunks of images, with a word that describes them.

    Returns:
        {"parzen": the mean over test images, nats, "parzen_error": its standard error, "parzen_bandwidth": sigma}, the
        best of `BANDWIDTHS`, and the same three with "parzen_fine" in their names, of the finer grid `FINE`.

    Raises:
        ValueError: a set that is not finite, of no images, or of images of another size; one test image has no error.
    """
    samples, validation, test = (
        _rows("samples", samples, 1),
        _rows("validation", validation, 1),
        _rows("test", test, 2),
    )
    if not samples.shape[1] == validation.shape[1] == test.shape[1]:
        sizes = [part.shape[1] for part in (samples, validation, test)]
        raise ValueError(f"samples, validation and test must have the same number of pixels, got {sizes}")
    grids = {"parzen": BANDWIDTHS, "parzen_fine": FINE}
    every = np.concatenate([*grids.values()])
    chosen = log_density(samples, validation, every, lambda chunks: track(chunks, "Parzen: validation")).mean(1)
    best = {name: max(grid, key=dict(zip(every, chosen, strict=True)).get) for name, grid in grids.items()}
    values = log_density(samples, test, [*best.values()], lambda chunks: track(chunks, "Parzen: test"))
    found = {}
    for (name, bandwidth), scores in zip(best.items(), values, strict=True):
        found[name] = float(scores.mean())
        found[f"{name}_error"] = float(scores.std(ddof=1) / np.sqrt(len(scores)))
        found[f"{name}_bandwidth"] = float(bandwidth)
    return found


@np.errstate(under="ignore")  # far samples have a density of 0
def log_density(samples, points, bandwidths, track=iter):
    """log p of points [N, D] under the kernel densities of samples [S, D], one a bandwidth: [bandwidths, N], nats."""
    variances = np.square(bandwidths)
    parts = []
    for start in track(range(0, len(points), CHUNK)):
        x = points[start : start + CHUNK]
        halves = (np.sum(x**2, 1)[:, None] + np.sum(samples**2, 1)) / 2 - x @ samples.T  # |x - y|^2 / 2, [CHUNK, S]
        parts.append([logsumexp(-halves / variance, axis=1) for variance in variances])
    normaliser = np.log(len(samples)) + samples.shape[1] / 2 * np.log(2 * np.pi * variances)
    return np.concatenate(parts, 1) - normaliser[:, None]


def _rows(name: str, images, fewest: int) -> np.ndarray:
    """Images as float64 [N, D]. Raises ValueError for fewer than they must be, or for numbers that are not finite."""
    images = np.asarray(images, np.float64)
    if images.ndim < 2 or len(images) < fewest:
        raise ValueError(f"{name} must be at least {fewest} images [N, ...], got {list(images.shape)}")
    if not np.isfinite(images).all():
        raise ValueError(f"{name} must be finite")
    return images.reshape(len(images), -1)
