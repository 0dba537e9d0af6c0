"""Distances between sets of features: known values, and what each of them is blind to."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import NearestNeighbors

from tfgen.evaluation import scores

RANDOM = np.random.default_rng(0)


def normal(count, dim=4, mean=0.0, scale=1.0):
    return mean + scale * RANDOM.standard_normal((count, dim))


def with_moments(points, mean, covariance):
    """Points moved so that their sample mean and covariance are exactly those given."""
    centred = points - points.mean(0)
    whitened = centred @ np.linalg.inv(np.linalg.cholesky(np.cov(centred, rowvar=False))).T
    return mean + whitened @ np.linalg.cholesky(covariance).T


def test_frechet_distance_of_moments_that_commute():
    """|m - m'|^2 + sum (s - s')^2 for diagonal covariances."""
    real = with_moments(normal(50, 3), np.zeros(3), np.diag([1.0, 4.0, 9.0]))
    other = with_moments(normal(70, 3), np.array([1.0, 2.0, 0.0]), np.diag([4.0, 4.0, 1.0]))
    assert scores.frechet_distance(real, other) == pytest.approx(5 + 1 + 0 + 4)


def test_frechet_distance_of_moments_that_do_not_commute():
    """In two dimensions tr (C C')^(1/2) = sqrt(tr C C' + 2 sqrt(det C det C'))."""
    first, second = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[5.0, -2.0], [-2.0, 1.0]])
    real, other = (with_moments(normal(50, 2), np.zeros(2), covariance) for covariance in (first, second))
    cross = np.sqrt(np.trace(first @ second) + 2 * np.sqrt(np.linalg.det(first) * np.linalg.det(second)))
    expected = np.trace(first) + np.trace(second) - 2 * cross
    assert scores.frechet_distance(real, other) == pytest.approx(expected)
    assert scores.frechet_distance(other, real) == pytest.approx(expected)


def test_frechet_distance_is_zero_on_itself_and_finite_without_full_rank():
    few = normal(5, 64).astype(np.float32)  # rank 4 of 64
    assert scores.frechet_distance(few, few) == pytest.approx(0, abs=1e-5)
    dead = np.where(np.arange(4) < 3, normal(50), 0.0)  # a unit that never fires
    assert scores.frechet_distance(dead, dead + np.array([0, 0, 0, 2.0])) == pytest.approx(4)


def test_kernel_distance_is_the_unbiased_estimate():
    """Against sklearn's kernel and the definition, with blocks of two."""
    x, y = normal(2 * scores.KERNEL_BLOCKS), normal(2 * scores.KERNEL_BLOCKS, mean=0.5)
    shuffle = np.random.default_rng(3)
    pairs = zip(shuffle.permutation(x).reshape(-1, 2, 4), shuffle.permutation(y).reshape(-1, 2, 4), strict=True)
    kernel = lambda a, b: polynomial_kernel(a, b, degree=3, gamma=1 / 4, coef0=1)  # noqa: E731
    estimates = [kernel(a, a)[0, 1] + kernel(b, b)[0, 1] - 2 * kernel(a, b).mean() for a, b in pairs]
    mean, error = scores.kernel_distance(x, y, seed=3)
    assert mean == pytest.approx(np.mean(estimates))
    assert error == pytest.approx(np.std(estimates, ddof=1) / np.sqrt(scores.KERNEL_BLOCKS))


def test_kernel_distance_is_near_zero_for_one_distribution_and_grows():
    real = normal(3000)
    same, near, far = (scores.kernel_distance(real, normal(3000, mean=mean)) for mean in (0, 0.2, 0.4))
    assert abs(same[0]) < 4 * same[1]
    assert near[0] > same[0] + 4 * near[1]
    assert far[0] > near[0] + 4 * far[1]


def test_kernel_distance_does_not_depend_on_the_order_by_kind():
    """Sorted sets, as a conditional model's samples are, would give blocks of one digit each."""
    real, generated = normal(1000), normal(1000)
    ascending, descending = real[np.argsort(real[:, 0])], generated[np.argsort(-generated[:, 0])]
    mean, error = scores.kernel_distance(ascending, descending)
    assert abs(mean) < 4 * error
    assert error < 0.1


def test_precision_and_recall_of_equal_and_of_far_sets():
    real = normal(200)
    assert scores.precision_recall(real, real) == (1.0, 1.0)
    assert scores.precision_recall(real, real + 100) == (0.0, 0.0)


def test_precision_and_recall_are_those_of_the_nearest_neighbours():
    real, generated = normal(150), normal(100, mean=0.5, scale=0.7)
    inside = []
    for points, manifold in ((generated, real), (real, generated)):
        search = NearestNeighbors(n_neighbors=scores.NEIGHBOURS + 1).fit(manifold)
        radii = search.kneighbors(manifold)[0][:, -1]
        distances = np.linalg.norm(points[:, None] - manifold, axis=-1)
        inside.append((distances <= radii).any(1).mean())
    assert scores.precision_recall(real, generated) == pytest.approx(tuple(inside))
    assert 0 < min(inside) < max(inside) < 1


def test_a_lost_mode_costs_recall_and_a_foreign_one_precision():
    modes = [normal(300, mean=mean) for mean in (0.0, 20.0)]
    whole, one = np.concatenate(modes), normal(300)
    precision, recall = scores.precision_recall(whole, one)
    assert precision > 0.9
    assert recall == pytest.approx(0.5, abs=0.05)
    precision, recall = scores.precision_recall(one, whole)
    assert precision == pytest.approx(0.5, abs=0.05)
    assert recall > 0.9


def test_distances_are_held_in_chunks(monkeypatch):
    real, generated = normal(300), normal(200, mean=1.0)
    whole = scores.precision_recall(real, generated)
    monkeypatch.setattr(scores, "MEGABYTES", 0.01)
    assert scores.precision_recall(real, generated) == whole


def test_class_balance():
    even = scores.class_balance(np.eye(10)[np.arange(40) % 10] * 0.9 + 0.01)
    assert even["confidence"] == pytest.approx(0.91)
    assert even["class_shares"] == [0.1] * 10
    assert even["class_entropy"] == pytest.approx(np.log(10))
    collapsed = scores.class_balance(np.eye(10)[[3, 3, 3, 8]])
    assert collapsed["class_shares"] == [0, 0, 0, 0.75, 0, 0, 0, 0, 0.25, 0]
    assert collapsed["class_entropy"] == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))


@pytest.mark.parametrize("function", [scores.frechet_distance, scores.kernel_distance, scores.precision_recall])
def test_features_that_mean_nothing_are_refused(function):
    good = normal(40)
    spoilt = good.copy()
    spoilt[3, 0] = np.nan
    for features, words in [
        (spoilt, "must be finite, and those of 1 image are not"),
        (good[:, 0], r"must be \[N, D\], got \[40\]"),
        (good[:1], "of at least .* images are needed, got 1"),
        (good[:0], "images are needed, got 0"),
        (good[:, :2], "must have the same number of dimensions"),
        (np.full_like(good, np.inf), "those of 40 images are not"),
    ]:
        for pair in ((good, features), (features, good)):
            with pytest.raises(ValueError, match=words):
                function(*pair)


def test_probabilities_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="probabilities must be finite"):
        scores.class_balance(np.full([3, 10], np.nan))
    with pytest.raises(ValueError, match="images are needed, got 0"):
        scores.class_balance(np.zeros([0, 10]))
