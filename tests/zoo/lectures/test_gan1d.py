"""The 1-D GAN: its distance, its exact map, minibatch features by their definition, and collapse without them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.lectures import gan1d


def untracked(loop, name):
    return loop


@pytest.fixture
def networks():
    """Three pairs of networks with minibatch features."""
    keras.utils.set_random_seed(0)
    return gan1d.Networks(3, True)


def test_the_exact_map_has_no_distance_and_a_shifted_one_has_that_in_closed_form():
    x = gan1d.ideal(gan1d.noise())
    shifted = 2 * 0.19146246  # of a normal distribution that is moved by one standard deviation: 2 Phi(1 / 2) - 1
    np.testing.assert_allclose(gan1d.distances(np.stack([x, x + 1], 1)), (0, shifted), atol=2e-4)


def test_minibatch_features_are_those_of_the_definition(networks):
    random = np.random.default_rng(0)
    x, others = random.normal(size=(4, 3, 1)).astype("f"), random.normal(size=(5, 3, 1)).astype("f")
    seen = []
    networks.decision = lambda features: seen.append(features.numpy()) or features[..., :1]
    networks.logit(x, others)
    mine, theirs = (networks.matrices(networks.features(each)).numpy() for each in (x, others))
    for i in range(4):
        for run in range(3):
            near = [np.exp(-np.abs(mine[i, run] - theirs[j, run]).sum(-1)) for j in range(5)]
            np.testing.assert_allclose(seen[0][i, run, gan1d.HIDDEN :], np.mean(near, 0), rtol=1e-4)


def test_runs_know_nothing_of_one_another(networks):
    x = tf.constant(np.random.default_rng(0).normal(size=(6, 3, 1)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        logit = networks.logit(x, x)[:, 1]
        made = networks.generator(x)[:, 1]
    for value in (logit, made):
        slopes = np.abs(tape.gradient(value, x).numpy()).sum((0, 2))
        assert slopes[1] > 0
        np.testing.assert_array_equal(slopes[[0, 2]], 0)


@pytest.mark.slow
@pytest.mark.ci
def test_a_short_training_moves_both_networks_and_is_repeatable(monkeypatch):
    monkeypatch.setattr(gan1d, "SAMPLES", 200)
    monkeypatch.setattr(gan1d, "VARIANTS", {"plain": False})
    results = [gan1d.compute(untracked, steps=50, runs=2, frames=3) for _ in range(2)]
    found = results[0][1]["variants"]["plain"]
    assert found["x"].shape == (3, 200, 2)
    assert np.abs(np.diff(found["x"], axis=0)).max((1, 2)).min() > 1e-3
    assert np.abs(np.diff(found["decision"], axis=0)).max((1, 2)).min() > 1e-3
    np.testing.assert_array_equal(found["x"], results[1][1]["variants"]["plain"]["x"])


@pytest.mark.slow
@pytest.mark.ci
def test_minibatch_features_keep_the_samples_apart():
    result, shown = gan1d.compute(untracked, frames=3)
    plain, minibatch, true = (row.values for row in result.rows)
    assert minibatch["ks"][0] < 0.08
    assert minibatch["worst_ks"][0] < 0.15
    assert minibatch["collapsed"][0] == 0
    assert plain["ks"][0] > 2 * minibatch["ks"][0]
    assert plain["stddev"][0] < minibatch["stddev"][0]
    assert true["ks"][0] < 0.02
    assert len(gan1d.draw(**shown)) == 3
