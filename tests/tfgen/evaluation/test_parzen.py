"""The Parzen-window score against a kernel density of scikit-learn, and against a density that is known."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.neighbors import KernelDensity

from tfgen.evaluation import parzen

RANDOM = np.random.default_rng(0)


def test_log_density_is_that_of_a_kernel_density():
    samples, points = RANDOM.random((30, 28 * 28)), RANDOM.random((7, 28 * 28))
    bandwidths = [0.1, 0.3, 2.0]
    found = parzen.log_density(samples, points, bandwidths)
    for values, bandwidth in zip(found, bandwidths, strict=True):
        np.testing.assert_allclose(values, KernelDensity(bandwidth=bandwidth).fit(samples).score_samples(points))


def test_chunks_of_points_do_not_matter(monkeypatch):
    samples, points = RANDOM.random((5, 6)), RANDOM.random((7, 6))
    whole = parzen.log_density(samples, points, [0.2])
    monkeypatch.setattr(parzen, "CHUNK", 2)
    np.testing.assert_allclose(parzen.log_density(samples, points, [0.2]), whole)


def test_score_of_one_sample_is_a_normal_density():
    """With one sample y the density is N(y, sigma^2), whose best sigma is the root mean square distance."""
    points = 0.3 * RANDOM.standard_normal((4000, 2, 2, 1))
    score = parzen.parzen_score(np.zeros((1, 2, 2, 1)), points, points)
    assert score["parzen_fine_bandwidth"] == pytest.approx(0.3, rel=0.05)
    values = norm.logpdf(points, scale=score["parzen_bandwidth"]).sum((1, 2, 3))
    assert score["parzen"] == pytest.approx(values.mean())
    assert score["parzen_error"] == pytest.approx(values.std(ddof=1) / np.sqrt(4000))


def test_the_grid_of_the_papers_and_a_finer_one_choose_each_their_own():
    """Goodfellow's ten are `numpy.logspace(-1, 0, 10)`; a best bandwidth in between is only in the finer grid."""
    np.testing.assert_allclose(parzen.BANDWIDTHS, np.logspace(-1, 0, 10))
    between = (parzen.BANDWIDTHS[3] * parzen.BANDWIDTHS[4]) ** 0.5
    points = between * RANDOM.standard_normal((4000, 2, 2, 1))
    score = parzen.parzen_score(np.zeros((1, 2, 2, 1)), points, points)
    assert score["parzen_bandwidth"] in parzen.BANDWIDTHS[3:5]
    assert score["parzen_fine_bandwidth"] == pytest.approx(between, rel=0.03)
    assert score["parzen_fine"] > score["parzen"]


def test_bandwidth_is_chosen_on_validation_and_not_on_test():
    sample, near, far = np.zeros((1, 4)), np.full((5, 4), 0.15), np.full((5, 4), 0.6)
    assert parzen.parzen_score(sample, near, far)["parzen_fine_bandwidth"] == pytest.approx(0.15, rel=0.05)
    assert parzen.parzen_score(sample, far, near)["parzen_fine_bandwidth"] == pytest.approx(0.6, rel=0.05)


def test_images_that_mean_nothing_are_refused():
    good = np.random.default_rng(0).random((5, 4))
    for images, words in [
        (good * np.nan, "must be finite"),
        (good[:0], "must be at least . images?"),
        (good[0], "must be at least . images?"),
        (good[:, :3], "the same number of pixels"),
    ]:
        for place in range(3):
            sets = [good, good, good]
            sets[place] = images
            with pytest.raises(ValueError, match=words):
                parzen.parzen_score(*sets)
