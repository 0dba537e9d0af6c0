"""Deep Gaussian processes on inducing points, trained by the doubly stochastic bound (Salimbeni and Deisenroth 2017).

Several are trained at once, such as those of all splits of a data set; they know nothing of one another. Points are
[runs, N, D]. All is float64.
"""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import seeds
from zoo.lectures import _descent

psd, tfd = tfp.math.psd_kernels, tfp.distributions

JITTER = 1e-6
LENGTH_SCALE, NOISE = 1.0, 0.5  # the first ones, of data whose standard deviation is 1
INNER_AMPLITUDE = 0.1  # the first one of all layers but the last, which begin near the identity


class Process(keras.layers.Layer):
    """A layer: O independent processes of D inputs, with one kernel and M inducing points, by q(v) = N(m, R R^T).

    The values at the inducing points Z are u = L v, L L^T = k(Z, Z), so that p(v) = N(0, I). With A = L^-1 k(Z, x)

        E[f(x)] = w(x) + A^T m,   Var[f(x)] = k(x, x) - |A|^2 + |R^T A|^2

    w(x) = x in the layers between, whose width is that of the data, and 0 in the last (section 2.3 of the paper).
    """

    def __init__(self, places, outputs: int, is_last: bool):
        """Starts with inducing points at `places`, [runs, M, D]."""
        super().__init__(dtype="float64")
        self.is_last, (runs, count, dim) = is_last, places.shape

        def weight(name, shape, value):
            return self.add_weight(name=name, shape=(runs, *shape), initializer=keras.initializers.Constant(value))

        self.places = self.add_weight(name="places", shape=places.shape)
        self.places.assign(places)
        self.amplitude = weight(
            "amplitude", (), 0.0 if is_last else np.log(INNER_AMPLITUDE)
        )  # logarithms, as those of the length scales
        self.length_scales = weight("length_scales", (dim,), np.log(LENGTH_SCALE * dim**0.5))
        self.mean = weight("mean", (outputs, count), 0.0)
        self.raw_root = weight("raw_root", (outputs, count, count), 0.0)

    def kernel(self):
        """k(x, x'), squared exponential with a length scale for each dimension: batch [runs]."""
        amplitude = tf.exp(self.amplitude.value)
        return psd.FeatureScaled(psd.ExponentiatedQuadratic(amplitude), tf.exp(self.length_scales.value))

    def root(self):
        """R, lower triangular: [runs, O, M, M]."""
        lower = tf.linalg.band_part(self.raw_root.value, -1, 0)
        return tf.linalg.set_diag(lower, tf.exp(tf.linalg.diag_part(self.raw_root.value)))

    def call(self, x):
        """Mean and variance of f at points [runs, N, D]: both [runs, N, O]."""
        kernel, places = self.kernel(), tf.convert_to_tensor(self.places.value)
        covariance = kernel.matrix(places, places) + JITTER * tf.eye(places.shape[1], dtype=x.dtype)
        across = tf.linalg.triangular_solve(tf.linalg.cholesky(covariance), kernel.matrix(places, x))  # A, [runs, M, N]
        mean = tf.matmul(self.mean.value, across)  # [runs, O, N]
        from_posterior = tf.reduce_sum(tf.square(tf.matmul(self.root(), across[:, None], transpose_a=True)), -2)
        from_prior = tf.exp(2 * self.amplitude.value)[:, None] - tf.reduce_sum(tf.square(across), 1)  # [runs, N]
        mean, variance = (tf.linalg.matrix_transpose(each) for each in (mean, from_posterior + from_prior[:, None]))
        return (mean if self.is_last else mean + x), variance

    def divergence(self):
        """KL(q(v) || N(0, I)), nats: [runs]."""
        posterior = tfd.MultivariateNormalTriL(self.mean.value, self.root())
        prior = tfd.MultivariateNormalDiag(tf.zeros_like(self.mean.value))
        return tf.reduce_sum(tfd.kl_divergence(posterior, prior), -1)


class DeepProcess:
    """y = f_L(... f_1(x)) + noise with layers of processes; one layer is a sparse variational Gaussian process."""

    def __init__(self, places, layers: int):
        """Starts with the same inducing points [runs, M, D] in each layer."""
        width = places.shape[-1]
        self.layers = [Process(places, width, False) for _ in range(layers - 1)] + [Process(places, 1, True)]
        self.log_noise = keras.Variable(np.full(len(places), np.log(NOISE)), dtype="float64")

    def marginal(self, x, seed):
        """Mean and variance of f_L(x) [runs, N], given a sample of the layers before: x -> f_1 -> ..., row by row."""
        *between, last = self.layers
        for layer, each in zip(between, seeds.split(seed, max(1, len(between))), strict=False):
            mean, variance = layer(x)
            x = mean + tf.sqrt(variance) * tf.cast(seeds.normal(tf.shape(mean), each), mean.dtype)
        mean, variance = last(x)
        return mean[..., 0], variance[..., 0]

    def bound(self, x, y, seed):
        """The bound on log p(y) with one sample of the layers between, nats: [runs].

        E[log N(y; f, s^2)] under f ~ N(mean, variance) is log N(y; mean, s^2) - variance / (2 s^2).
        """
        (mean, variance), log_noise = self.marginal(x, seed), self.log_noise.value[:, None]
        likelihood = tfd.Normal(mean, tf.exp(log_noise)).log_prob(y) - 0.5 * variance * tf.exp(-2 * log_noise)
        return tf.reduce_sum(likelihood, -1) - sum(layer.divergence() for layer in self.layers)

    def fit(self, x, y, *, steps: int, learning_rate: float, seed: int) -> None:
        """Climbs the bound by Adam, all points [runs, N, D] with values [runs, N] in each step."""
        variables = [*(weight for layer in self.layers for weight in layer.trainable_weights), self.log_noise]
        x, y = tf.constant(x), tf.constant(y)
        run = {"steps": steps, "learning_rate": learning_rate, "seed": seed}
        _descent.descend(lambda each: -tf.reduce_sum(self.bound(x, y, each)) / x.shape[1], variables, **run)

    def predict(self, x, samples: int, seed: int = 0):
        """The equal mixture of normals that f and y have at points [runs, N, D], by samples of the layers between.

        Returns:
            Means and standard deviations of f, both [samples, runs, N], and the noise's standard deviation [runs].
        """
        marginal = tf.function(self.marginal, autograph=False)
        parts = [marginal(tf.constant(x), tf.constant([seed, part])) for part in range(samples)]
        means, variances = (np.stack([each[i].numpy() for each in parts]) for i in range(2))
        return means, np.sqrt(variances), np.exp(self.log_noise.numpy())
