"""Gaussian processes: two views, scikit-learn, the sparse bound in closed form, and bands that cover what they say."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from sklearn.gaussian_process import GaussianProcessRegressor, kernels

from zoo.lectures import _descent, _gaussian, _log, gaussian_process

PARAMETERS, NOISE = np.log([1.3, 0.3, 0.2]), 0.2**2 + _gaussian.FLOOR
_log.quiet()


def untracked(loop, name):
    return loop


@pytest.fixture(scope="module")
def data():
    """Observations (x, y), and new points."""
    return *gaussian_process.example(30, np.random.default_rng(0)), np.linspace(0, 1, 17)


@pytest.mark.parametrize("name", _gaussian.KERNELS)
def test_the_views_agree(name, data):
    x, y, new = data
    found = _gaussian.predict(name, PARAMETERS[None, None], x[None, :, None], y[None], new[None, :, None])
    points = np.concatenate([x, new])[:, None]
    covariance = _gaussian.kernel_of(name, PARAMETERS).matrix(points, points).numpy()
    for view in (gaussian_process.one_vector, gaussian_process.sum_of_kernels):
        np.testing.assert_allclose(view(covariance, NOISE, y), [each[0, 0] for each in found], atol=1e-8)


def test_predictions_are_those_of_scikit_learn(data):
    x, y, new = data
    kernel = 1.3**2 * kernels.Matern(0.3, nu=2.5)
    process = GaussianProcessRegressor(kernel, alpha=NOISE, optimizer=None).fit(x[:, None], y)
    found = _gaussian.predict("matern52", PARAMETERS[None, None], x[None, :, None], y[None], new[None, :, None])
    mean, stddev = process.predict(new[:, None], return_std=True)
    np.testing.assert_allclose(found[0][0, 0], mean, atol=1e-8)
    np.testing.assert_allclose(found[1][0, 0], stddev, atol=1e-8)
    density = _gaussian.process("matern52", PARAMETERS, x[:, None]).log_prob(y)
    assert float(density) == pytest.approx(process.log_marginal_likelihood_value_, abs=1e-8)


@pytest.mark.parametrize("name", _gaussian.KERNELS)
def test_values_without_noise_leave_all_finite(name):
    x, y = np.array([[[0.1], [0.2], [0.2 + 1e-9]]]), np.ones((1, 3))
    parameters = np.log([1.0, 0.5, 1e-9])[None, None]
    found = _gaussian.predict(name, parameters, x, y, x)
    np.testing.assert_allclose(found[0][0], y, atol=1e-3)
    assert np.isfinite(_gaussian.process(name, parameters, x).log_prob(y)).all()


@pytest.fixture
def variational(data, monkeypatch):
    """A process on 6 inducing points with given parameters, which no descent has changed."""
    monkeypatch.setattr(_descent, "descend", lambda *arguments, **options: None)
    process = _gaussian.Variational("matern52", *data[:2], 6)
    process._parameters.assign(PARAMETERS)
    return process


def test_the_variational_bound_is_titsias(data, variational):
    x, y, _ = data
    places, kernel = variational.inducing[:, None], _gaussian.kernel_of("matern52", PARAMETERS)
    across = kernel.matrix(places, x[:, None]).numpy()
    explained = across.T @ np.linalg.solve(kernel.matrix(places, places).numpy(), across)
    bound = scipy.stats.multivariate_normal(np.zeros(30), explained + NOISE * np.eye(30)).logpdf(y)
    bound -= (30 * 1.3**2 - np.trace(explained)) / (2 * NOISE)
    assert float(variational.bound()) == pytest.approx(bound, abs=0.01)
    assert bound < float(_gaussian.process("matern52", PARAMETERS, x[:, None]).log_prob(y))


def test_with_all_points_as_inducing_ones_it_is_the_exact_process(data, monkeypatch):
    x, y, new = data
    monkeypatch.setattr(_descent, "descend", lambda *arguments, **options: None)
    process = _gaussian.Variational("matern52", x, y, 30)
    process._places.assign(x[:, None])
    process._parameters.assign(PARAMETERS)
    found = _gaussian.predict("matern52", PARAMETERS[None, None], x[None, :, None], y[None], new[None, :, None])
    np.testing.assert_allclose(process.predict(new), [each[0, 0] for each in found], atol=2e-3)


def test_descent_ends_where_the_loss_is_least():
    place = keras.Variable(np.zeros(2), dtype="float64")
    _descent.descend(
        lambda seed: tf.reduce_sum((place.value - [1.0, -2.0]) ** 2), [place], steps=200, learning_rate=0.1
    )
    np.testing.assert_allclose(place.numpy(), (1, -2), atol=1e-3)


def test_quantiles_of_a_mixture_are_the_inverse_of_its_distribution():
    means, stddevs = np.array([[0.0, 5.0], [1.0, -5.0], [9.0, 0.0]]), np.array([[1.0, 2.0], [0.1, 1.0], [3.0, 1.0]])
    for share in (0.025, 0.5, 0.9):
        values = _gaussian.mixture_quantile(share, means, stddevs)
        np.testing.assert_allclose(_gaussian.mixture_cdf(values, means, stddevs), share, atol=1e-9)


def test_with_known_parameters_the_band_covers_what_it_says(monkeypatch):
    monkeypatch.setattr(_gaussian, "most_likely", lambda name, x, y: np.zeros((1, len(x), 3)))
    monkeypatch.setattr(_gaussian, "sampled", lambda name, x, y, seed: np.zeros((1, len(x), 3)))
    known, wrong, _ = gaussian_process.study("matern32", 300, np.random.default_rng(0), 0, {})
    for metric in ("coverage", "coverage_y"):
        share, error = known.values[metric]
        assert abs(share - 0.95) < 4 * error
        assert error < 0.01
        share, error = wrong.values[metric]
        assert abs(share - 0.95) > 4 * error


@pytest.mark.slow
@pytest.mark.ci
def test_a_lecture_with_sampled_parameters():
    result, shown = gaussian_process.compute(untracked, kernel="rbf", fit="mcmc", functions=100, many=300)
    rows = {row.name: row.values for row in result.rows if row.group == "100 functions"}
    for name in ("known", "mcmc"):
        share, error = rows[name]["coverage"]
        assert abs(share - 0.95) < 4 * error
    assert rows["likelihood"]["coverage"][0] < rows["mcmc"]["coverage"][0]
    assert rows["known"]["nlpd"][0] < rows["mcmc"]["nlpd"][0] < rows["likelihood"]["nlpd"][0]
    *_, few, enough = (row.values for row in result.rows[-2:])
    assert enough["rmse"][0] < few["rmse"][0] + 0.02
    assert result.conditions["views_differ_by"] < 1e-8
    assert len(gaussian_process.draw(**shown).axes) == 6
