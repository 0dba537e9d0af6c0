"""Gaussian processes of one variable, for many functions at once: kernels, their parameters, predictions.

Parameters are logarithms of (amplitude, length scale, standard deviation of the noise), [..., 3]. Points x are
[..., N, 1], observations [..., N]; all is float64.
"""

from typing import Literal

import keras
import numpy as np
import scipy.special
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.tasks.common.result import MODEL, Row, means
from zoo.lectures import _chains, _descent

psd, tfd = tfp.math.psd_kernels, tfp.distributions

PERIOD = 2 / 3  # of the periodic kernel
FLOOR = 1e-6  # of the variance of the noise, in addition: points that nearly coincide stay apart
KERNELS = {
    "rbf": psd.ExponentiatedQuadratic,
    "matern12": psd.MaternOneHalf,
    "matern32": psd.MaternThreeHalves,
    "matern52": psd.MaternFiveHalves,
    "rational-quadratic": lambda amplitude, scale: psd.RationalQuadratic(
        amplitude, scale, scale_mixture_rate=np.float64(1)
    ),
    "periodic": lambda amplitude, scale: psd.ExpSinSquared(amplitude, scale, np.float64(PERIOD)),
}
Kernel = Literal["rbf", "matern12", "matern32", "matern52", "rational-quadratic", "periodic"]
PRIOR = tfd.Normal(np.log([1.0, 0.2, 0.1]), np.float64(0.5))  # of the parameters
STEPS, LEARNING_RATE = 200, 0.1  # of Adam to the most likely parameters
VARIATIONAL_STEPS, VARIATIONAL_RATE, JITTER = 300, 0.03, 1e-6
BAND = 0.95
CHAINS, DRAWS, BURN_IN, LEAPFROGS, THINNED = 4, 200, 200, 4, 100  # of HMC; parameters that are kept


def kernel_of(name: Kernel, parameters):
    """The kernel k(x, x') of parameters [..., 3]: batch [...]."""
    return KERNELS[name](tf.exp(parameters[..., 0]), tf.exp(parameters[..., 1]))


def noise_variance(parameters):
    """s^2 of parameters [..., 3]: [...]."""
    return tf.exp(2 * parameters[..., 2]) + FLOOR


def process(name: Kernel, parameters, x):
    """The distribution of noisy observations at points x: batch [...], event [N]."""
    options = {"observation_noise_variance": noise_variance(parameters), "cholesky_fn": tf.linalg.cholesky}
    return tfd.GaussianProcess(kernel_of(name, parameters), index_points=x, **options)


def most_likely(name: Kernel, x, y, steps: int = STEPS) -> np.ndarray:
    """The parameters under which observations are most likely, of each of B functions: [1, B, 3]."""
    parameters = keras.Variable(np.tile(PRIOR.loc, [len(x), 1]), dtype="float64")
    _descent.descend(
        lambda seed: -tf.reduce_sum(process(name, parameters.value, x).log_prob(y)),
        [parameters],
        steps=steps,
        learning_rate=LEARNING_RATE,
    )
    return parameters.numpy()[None]


def sampled(name: Kernel, x, y, seed: int) -> np.ndarray:
    """Draws from the posterior of the parameters under PRIOR, of each of B functions: [THINNED, B, 3]."""

    def log_density(state):  # in units of the prior, [chains, B, 3]
        parameters = PRIOR.loc + PRIOR.scale * state
        return process(name, parameters, x).log_prob(y) - 0.5 * tf.reduce_sum(tf.square(state), -1)

    start = tf.zeros([CHAINS, len(x), 3], tf.float64)
    run = {"draws": DRAWS, "burn_in": BURN_IN, "leapfrogs": LEAPFROGS, "seed": seed}
    values = _chains.sample(log_density, start, "hmc", **run).values.reshape(-1, len(x), 3)
    return PRIOR.loc + PRIOR.scale * values[:: len(values) // THINNED][:THINNED]


def predict(name: Kernel, parameters, x, y, x_new) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of f at new points [B, T, 1], for parameters [S, B, 3]: both [S, B, T]."""
    noise = noise_variance(tf.constant(parameters))
    options = {"observation_noise_variance": noise, "predictive_noise_variance": np.float64(0)}
    options |= {"cholesky_fn": tf.linalg.cholesky}
    kernel = kernel_of(name, tf.constant(parameters))
    posterior = tfd.GaussianProcessRegressionModel(kernel, x_new, x, y, **options)
    return posterior.mean().numpy(), posterior.stddev().numpy()


def mixture_cdf(values, means, stddevs) -> np.ndarray:
    """P(f < value) of values [..., T] under the equal mixture of normals [S, ..., T]."""
    return tfd.Normal(means, stddevs).cdf(values).numpy().mean(0)


def mixture_quantile(share: float, means, stddevs) -> np.ndarray:
    """The value below which a share of the equal mixture of normals [S, ..., T] lies, by bisection: [..., T]."""
    low, high = (means + side * 10 * stddevs for side in (-1, 1))
    low, high = low.min(0), high.max(0)
    for _ in range(50):
        middle = (low + high) / 2
        below = mixture_cdf(middle, means, stddevs) < share
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return middle


def scores(name: str, found, noise, f, y, seconds: float | None = None) -> Row:
    """The row of predictions, (means, standard deviations) [S, B, T], of f and of noisy y, both [B, T].

    Args:
        name: of the method.
        found: the predictions for each of S parameters.
        noise: standard deviation of the noise [S, B].
        f, y: what is true.
        seconds: that it took.
    """
    noisy = found[0], np.hypot(found[1], noise[..., None])
    share = [np.abs(mixture_cdf(*each) - 0.5) < BAND / 2 for each in ((f, *found), (y, *noisy))]
    density = scipy.special.logsumexp(tfd.Normal(*noisy).log_prob(y).numpy(), axis=0) - np.log(len(noise))
    values = {"coverage": share[0].mean(-1), "coverage_y": share[1].mean(-1)}
    values |= {"rmse": np.sqrt(np.square(found[0].mean(0) - f).mean(-1)), "nlpd": -density.mean(-1)}
    timed = {} if seconds is None else {"seconds": [seconds]}
    return means(name, MODEL, values | timed)


class Variational:
    """A process of N points [N] whose posterior is that of values at M inducing points, fitted by Titsias's bound."""

    def __init__(self, name: Kernel, x, y, inducing: int):
        self._name, self._x, self._y = name, x[:, None], y
        self._places = keras.Variable(np.quantile(x, np.linspace(0, 1, inducing))[:, None], dtype="float64")
        self._parameters = keras.Variable(PRIOR.loc, dtype="float64")
        variables = [self._places, self._parameters]
        run = {"steps": VARIATIONAL_STEPS, "learning_rate": VARIATIONAL_RATE}
        _descent.descend(lambda seed: -self.bound(), variables, **run)

    def process(self, x):
        """The distribution of f at points [T, 1]."""
        kernel, noise = kernel_of(self._name, self._parameters.value), noise_variance(self._parameters.value)
        places = tf.convert_to_tensor(self._places.value)
        mean, root = tfd.VariationalGaussianProcess.optimal_variational_posterior(
            kernel, places, self._x, self._y, noise, jitter=JITTER
        )
        # TensorFlow Probability 0.25 returns the transpose of a root of the covariance; it takes triangular ones.
        ridge = JITTER * tf.eye(places.shape[0], dtype=x.dtype)
        scale = tf.linalg.cholesky(tf.matmul(root, root, adjoint_a=True) + ridge)
        options = {"observation_noise_variance": noise, "predictive_noise_variance": np.float64(0), "jitter": JITTER}
        return tfd.VariationalGaussianProcess(kernel, x, places, mean, scale, **options)

    def bound(self):
        """Titsias's bound on log p(y), nats."""
        return -self.process(self._x).variational_loss(self._y, self._x, kl_weight=np.float64(1))

    def predict(self, x) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of f at points [T]: both [T]."""
        found = self.process(x[:, None])
        return found.mean().numpy(), found.stddev().numpy()

    @property
    def inducing(self) -> np.ndarray:
        """The inducing points [M]."""
        return self._places.numpy()[:, 0]

    @property
    def noise(self) -> np.ndarray:
        """The standard deviation of the noise."""
        return np.sqrt(noise_variance(self._parameters.numpy()))
