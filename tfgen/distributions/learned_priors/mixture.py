"""A mixture of K learned normals, p(z) = sum_k w_k N(mu_k, diag(sigma_k^2))."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import checks, seeds
from tfgen.distributions import posteriors

tfd = tfp.distributions

OPTIONS = ("components",)
MEANS_START = 0.5  # spread of the first means; with the first sigma, N(0, I) in the sum
RAW_STDDEV_START = 0.32  # softplus(0.32) = 0.866


class MixturePrior(keras.layers.Layer):
    """p(z) = sum_k w_k N(mu_k, diag(sigma_k^2)), with weights w, means mu and stddevs sigma learned."""

    def __init__(self, dim: int, components: int):
        """Takes Z and K."""
        super().__init__(name="mixture_prior", dtype="float32")
        self.dim, self.components = dim, checks.positive_int("prior_components", components)
        shape, start = (components, dim), keras.initializers.Constant(RAW_STDDEV_START)
        around = keras.initializers.RandomNormal(stddev=MEANS_START)
        self.logits = self.add_weight(shape=(components,), initializer="zeros", name="logits")
        self.means = self.add_weight(shape=shape, initializer=around, name="means")
        self.raw_stddevs = self.add_weight(shape=shape, initializer=start, name="raw_stddevs")
        self.built = True

    def distribution(self, posterior=None):
        """p(z), event [Z]."""
        normals = posteriors.diagonal_normal(tf.concat([self.means, self.raw_stddevs], -1))  # batch [K]
        return tfd.MixtureSameFamily(tfd.Categorical(logits=tf.convert_to_tensor(self.logits)), normals)

    def draws(self, rows, posterior=None):
        """Codes [B, Z], each of a component and with noise from its row seed (int64 [B]) alone."""
        prior = self.distribution()
        normals, bounds = prior.components_distribution, tf.cumsum(prior.mixture_distribution.probs_parameter())
        means, stddevs = normals.mean(), normals.stddev()

        def draw(seed):
            first, second = seeds.split(seed, 2)
            below = tf.cast(bounds <= seeds.uniform([], first), tf.int32)
            chosen = tf.minimum(tf.reduce_sum(below), self.components - 1)  # the sum of all may round to below 1
            return means[chosen] + stddevs[chosen] * seeds.normal([self.dim], second)

        return seeds.map_rows(draw, rows, tf.TensorSpec([self.dim]))


def build(model, components: int) -> MixturePrior:
    """The prior of a model's codes."""
    return MixturePrior(model.latent_dim, components)
