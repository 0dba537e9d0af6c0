"""Deep Gaussian processes: a layer by its definition, the bound below the likelihood, and a step without ripples."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from zoo.lectures import _deep, _log
from zoo.lectures import deep_gaussian_process as lecture

_log.quiet()
SEED = tf.constant([0, 1])


def untracked(loop, name):
    return loop


@pytest.fixture
def data():
    """Points [2, 12, 3] of two runs, and values [2, 12]."""
    random = np.random.default_rng(0)
    return random.normal(size=(2, 12, 3)), random.normal(size=(2, 12))


@pytest.fixture
def places():
    """Inducing points [2, 4, 3]."""
    return np.random.default_rng(1).normal(size=(2, 4, 3))


def disturb(process) -> None:
    """Moves all weights a little, other ones in each run."""
    random = np.random.default_rng(2)
    for layer in process.layers:
        for weight in layer.trainable_weights:
            weight.assign_add(0.3 * random.normal(size=weight.shape))


def kernel(layer, run: int, x, others):
    """k(x, x') of a layer, written out."""
    scaled = (x[:, None] - others) / np.exp(layer.length_scales.numpy()[run])
    return np.exp(2 * layer.amplitude.numpy()[run] - 0.5 * np.square(scaled).sum(-1))


@pytest.mark.parametrize("is_last", [False, True])
def test_a_layer_is_the_process_of_its_inducing_values(data, places, is_last):
    layers = _deep.DeepProcess(places, 2)
    disturb(layers)
    layer, (x, _) = layers.layers[is_last], data
    mean, variance = (each.numpy() for each in layer(x))
    divergence = layer.divergence().numpy()
    for run in range(2):
        where = layer.places.numpy()[run]
        lower = np.linalg.cholesky(kernel(layer, run, where, where) + _deep.JITTER * np.eye(4))
        project = kernel(layer, run, x[run], where) @ np.linalg.inv(lower @ lower.T)  # u -> E[f(x) | u]
        left = np.exp(2 * layer.amplitude.numpy()[run]) - np.sum(project * kernel(layer, run, x[run], where), -1)
        total = 0
        for output in range(mean.shape[-1]):
            root, m = layer.root().numpy()[run, output], layer.mean.numpy()[run, output]
            np.testing.assert_array_equal(root, np.tril(root))
            shift = 0 if is_last else x[run, :, output]
            np.testing.assert_allclose(mean[run, :, output], project @ lower @ m + shift, atol=1e-8)
            spread = np.square(project @ lower @ root).sum(-1)
            np.testing.assert_allclose(variance[run, :, output], left + spread, atol=1e-8)
            total += 0.5 * (np.square(root).sum() + m @ m - 4) - np.log(np.diag(root)).sum()
        np.testing.assert_allclose(divergence[run], total, rtol=1e-8)


def test_layers_that_add_nothing_leave_one_layer(data, places):
    one, three = _deep.DeepProcess(places, 1), _deep.DeepProcess(places, 3)
    for layer in three.layers[:2]:
        layer.amplitude.assign([-20.0, -20.0])
    np.testing.assert_allclose(three.bound(*data, SEED), one.bound(*data, SEED), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.ci
def test_the_bound_of_one_layer_is_below_the_likelihood_and_meets_it(data):
    """With an inducing point at each value the best bound is the likelihood itself."""
    x, y = data
    process = _deep.DeepProcess(x, 1)
    process.fit(x, y, steps=400, learning_rate=0.05, seed=0)
    bound = process.bound(x, y, SEED).numpy()
    for run in range(2):
        layer, noise = process.layers[0], np.exp(2 * process.log_noise.numpy()[run])
        covariance = kernel(layer, run, x[run], x[run]) + noise * np.eye(12)
        exact = scipy.stats.multivariate_normal(np.zeros(12), covariance).logpdf(y[run])
        assert exact - 0.5 < bound[run] < exact + 1e-3


def test_runs_know_nothing_of_one_another_and_all_weights_are_trained(data, places):
    process = _deep.DeepProcess(places, 2)
    disturb(process)
    weights = [*(weight for layer in process.layers for weight in layer.trainable_weights), process.log_noise]
    assert len(weights) == 11
    with tf.GradientTape() as tape:
        tape.watch([weight.value for weight in weights])
        value = process.bound(*data, SEED)[0]
    for weight, slope in zip(weights, tape.gradient(value, [weight.value for weight in weights]), strict=True):
        assert np.abs(slope[0]).max() > 0, weight.name
        np.testing.assert_array_equal(slope[1], 0)


def test_splits_leave_each_patient_out_once():
    problem = lecture.diabetes(5, 0)
    assert problem["x"].shape == (5, 353, 10)
    assert problem["x_new"].shape == (5, 88, 10)
    np.testing.assert_allclose(problem["x"].mean(1), 0, atol=1e-9)
    np.testing.assert_allclose(problem["y"].std(1), 1)


def test_measures_are_those_of_a_normal_prediction():
    problem = lecture.step(0)
    mean = np.broadcast_to(problem["truth"], (3, *problem["truth"].shape))
    found = lecture.measures(problem, mean, np.full_like(mean, lecture.STEP_NOISE))
    np.testing.assert_array_equal(found["rmse"], 0)
    np.testing.assert_array_equal(found["overshoot"], 0)
    exact = -scipy.stats.norm(0, lecture.STEP_NOISE).logpdf(problem["y_new"] - problem["truth"]).mean(-1)
    np.testing.assert_allclose(found["nlpd"], exact)
    ringing = lecture.measures(problem, 1.1 * mean, np.full_like(mean, 0.1))
    np.testing.assert_allclose((ringing["overshoot"], ringing["ripple"]), 0.1)


@pytest.mark.slow
def test_two_layers_ring_less_than_one(monkeypatch):
    monkeypatch.setattr(lecture, "LAYERS", (1, 2))
    result, shown = lecture.compute(untracked, samples=20)
    rows = {(row.group, row.name): row.values for row in result.rows}
    for metric in ("rmse", "nlpd", "ripple"):
        assert rows["step", "2 layers"][metric][0] < rows["step", "1 layer"][metric][0]
    for name in ("1 layer", "2 layers"):
        (value, error), (exact, _) = rows["diabetes", name]["rmse"], rows["diabetes", "exact process"]["rmse"]
        assert abs(value - exact) < 2 * error
        assert value < 0.8
    assert len(lecture.draw(**shown).axes) == 6
