"""Binary codes: what each method promises, and the measures beside scikit-learn's over all orders."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

import tfgen
from tfgen.tasks import module
from tfgen.tasks.common import hashing, retrieval


@pytest.fixture(scope="module")
def vectors():
    """Correlated numbers, [400, 6], of falling variance."""
    random = np.random.default_rng(0)
    return (random.normal(size=(400, 6)) * [5, 4, 3, 2, 1, 0.5]) @ np.linalg.qr(random.normal(size=(6, 6)))[0]


def test_a_median_cuts_in_halves_and_further_bits_at_thirds(vectors):
    ordered = vectors[:, np.argsort(-vectors.var(0))]
    bits = hashing.medians(vectors, 8)(vectors)
    np.testing.assert_allclose(bits[:, 2:6].mean(0), 0.5, atol=0.01)
    np.testing.assert_allclose(bits[:, [0, 6]].mean(0), [2 / 3, 1 / 3], atol=0.01)
    np.testing.assert_array_equal(bits[:, 2], ordered[:, 2] > np.median(ordered[:, 2]))


def test_the_rotation_brings_components_nearer_to_their_signs(vectors):
    from sklearn.decomposition import PCA

    components = PCA(4, random_state=0).fit_transform(vectors)
    plain = np.sum((np.where(components >= 0, 1, -1) - components) ** 2)
    bits = np.where(hashing.itq(vectors, 4)(vectors), 1, -1)
    left, _, right = np.linalg.svd(components.T @ bits)
    rotation = left @ right
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(4), atol=1e-8)
    assert np.sum((bits - components @ rotation) ** 2) < 0.97 * plain
    np.testing.assert_array_equal(np.where(components @ rotation >= 0, 1, -1), bits)  # a fixed point


@pytest.mark.parametrize("method", hashing.METHODS)
def test_there_are_as_many_bits_as_asked_for_and_neighbours_share_them(vectors, method):
    for count in (3, 16):
        hashed = hashing.METHODS[method](vectors, count, 0)
        bits = hashed(vectors)
        assert (bits.shape, bits.dtype) == ((400, count), bool)
        near = hashed(vectors + 0.01) != bits
        assert near.mean() < 0.1 < (bits[:200] != bits[200:]).mean()


def test_distances_count_the_bits_that_differ():
    one, other = np.array([[1, 0, 1]], bool), np.array([[1, 0, 1], [0, 1, 0], [1, 1, 1]], bool)
    np.testing.assert_array_equal(retrieval.distances(one, other), [[0, 3, 1]])


def test_measures_are_means_over_the_orders_of_what_is_equally_far():
    distance = np.array([[0, 1, 1, 1, 3, 3, 4]])
    labels = np.array([1, 0, 1, 0, 1, 0, 0])
    there, right = retrieval.counts(distance, np.array([1]), labels, 4)
    np.testing.assert_array_equal(there, [[1, 3, 0, 2, 1]])
    np.testing.assert_array_equal(right, [[1, 1, 0, 1, 0]])
    areas, shares = [], []
    for middle, end in itertools.product(itertools.permutations([1, 2, 3]), itertools.permutations([4, 5])):
        ranked = labels[[0, *middle, *end, 6]]
        areas.append(average_precision_score(ranked, -np.arange(7)))
        shares.append(ranked[:3].mean())
    np.testing.assert_allclose(retrieval.average_precision(there, right), np.mean(areas))
    np.testing.assert_allclose(retrieval.precision(there, right, 3), np.mean(shares))


def test_the_nearest_of_the_same_distance_is_the_one_with_the_nearest_code():
    codes, vectors = np.array([[1, 1], [0, 0], [1, 1]], bool), np.array([[3.0], [1.0], [2.0]])
    rows, distance = retrieval.nearest(np.array([1, 1], bool), codes, vectors, np.zeros(1), 3)
    assert (rows.tolist(), distance.tolist()) == ([2, 0, 1], [0, 0, 2])


def test_codes_of_a_model_for_an_index_of_ones_own(small_vae, digits):
    model, images = small_vae(), digits.test.images[:30]
    codes = tfgen.tasks.binary_codes(model, images, fit_to=digits.train.images[:200], bits=16)
    assert (codes.shape, codes.dtype) == ((30, 16), bool)
    alone = tfgen.tasks.binary_codes(model, images[:5], fit_to=digits.train.images[:200], bits=16)
    np.testing.assert_array_equal(alone, codes[:5])
    with pytest.raises(ValueError, match="method must be one of"):
        tfgen.tasks.binary_codes(model, images, fit_to=images, method="LSH")


def test_a_query_that_is_no_picture_is_refused_before_anything_is_loaded(tmp_path):
    (tmp_path / "words.png").write_text("no picture")
    for path, words in ((tmp_path / "words.png", "is no picture"), (tmp_path / "none.png", "cannot be read")):
        with pytest.raises(ValueError, match=words):
            module("hash").check(query=path)
