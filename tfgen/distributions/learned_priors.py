"""Priors p(z) that are learned with the model, as Keras layers: their variables are the model's.

mixture   sum_k w_k N(mu_k, diag(sigma_k^2))          K learned normals
vamp      1/K sum_k q(z|u_k)                          the posteriors of K learned pseudo-inputs u_k (Tomczak and Welling
                                                      2018, arXiv 1705.07120, equation 9)
flow      z = f(eps), eps ~ N(0, I)                   RealNVP: f of affine coupling steps (Dinh et al. 2017)

Each has `distribution(posterior)`, p(z) with event [Z], and `draws(rows, posterior)`, codes [B, Z] from row seeds;
`posterior` is the model's q(z|x). A row is drawn in a turn of its own, because a product of matrices rounds differently
at another height: a seed gives the same code, bit for bit, whatever it is drawn beside.
"""

from typing import Literal, get_args

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import checks, seeds
from tfgen.distributions import flows, posteriors, priors
from tfgen.networks.coupling import coupling

tfd = tfp.distributions
normal_start = keras.initializers.RandomNormal

Prior = Literal["normal", "mixture", "vamp", "flow"]
KINDS = get_args(Prior)
COUPLING_STEPS, COUPLING_WIDTH, COMPONENTS = 10, 256, 100  # by default
MEANS_START = 0.5  # spread of a mixture's first means; with the first sigma, N(0, I) in the sum
RAW_STDDEV_START = 0.32  # softplus(0.32) = 0.866


class MixturePrior(keras.layers.Layer):
    """p(z) = sum_k w_k N(mu_k, diag(sigma_k^2)), with weights w, means mu and stddevs sigma learned."""

    def __init__(self, dim: int, components: int):
        """Takes Z and K."""
        super().__init__(name="mixture_prior", dtype="float32")
        self.dim, self.components = dim, checks.positive_int("prior_components", components)
        shape, start = (components, dim), keras.initializers.Constant(RAW_STDDEV_START)
        self.logits = self.add_weight(shape=(components,), initializer="zeros", name="logits")
        self.means = self.add_weight(shape=shape, initializer=normal_start(stddev=MEANS_START), name="means")
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


class VampPrior(keras.layers.Layer):
    """p(z) = 1/K sum_k q(z|u_k), with pseudo-inputs u in (0, 1) learned; of a conditional model q(z|u_k, y_k).

    The classes y of the pseudo-inputs are dealt out in turns.
    """

    def __init__(self, dim: int, components: int, image_shape, classes: int):
        """Takes Z, K, the shape of the images, and the number of classes, 0 for a model without."""
        super().__init__(name="vamp_prior", dtype="float32")
        self.dim, self.components = dim, checks.positive_int("prior_components", components)
        shape = (components, *image_shape)
        self.raw_images = self.add_weight(shape=shape, initializer=normal_start(stddev=1.0), name="raw_images")
        self.classes, self.built = classes, True

    def pseudo_inputs(self):
        """The images u, [K, H, W, C] in (0, 1), and of a conditional model their classes, {"label": int64 [K]}."""
        label = {"label": tf.range(self.components, dtype=tf.int64) % self.classes} if self.classes else {}
        return tf.sigmoid(self.raw_images), label

    def distribution(self, posterior):
        """p(z), event [Z]."""
        image, label = self.pseudo_inputs()
        return tfd.MixtureSameFamily(tfd.Categorical(logits=tf.zeros([self.components])), posterior(image, **label))

    def draws(self, rows, posterior):
        """Codes [B, Z], each of the posterior of a pseudo-input, both from its row seed (int64 [B]) alone."""
        image, label = self.pseudo_inputs()

        def draw(seed):
            first, second = seeds.split(seed, 2)
            chosen = tf.cast(tf.floor(self.components * seeds.uniform([1], first)), tf.int32)
            chosen = tf.minimum(chosen, self.components - 1)  # the product may round up
            own = posterior(
                tf.gather(image, chosen), **{name: tf.gather(value, chosen) for name, value in label.items()}
            )
            return own.bijector.forward(seeds.normal([1, self.dim], second))[0]

        return seeds.map_rows(draw, rows, tf.TensorSpec([self.dim]))


class FlowPrior(keras.layers.Layer):
    """p(z) of z = f(eps), eps ~ N(0, I), with f the coupling steps of `flows.RealNVP`; nearly N(0, I) at first."""

    def __init__(self, dim: int, steps: int, width: int):
        """Takes Z, at least 2, the number of steps and the width of the two hidden layers of each step's network."""
        super().__init__(name="flow_prior", dtype="float32")
        if dim < 2:
            raise ValueError(f"prior flow needs a latent_dim of at least 2, whose halves it couples; got {dim}")
        checks.positive_int("prior_steps", steps, 1, checks.MOST_LAYERS)
        checks.positive_int("prior_width", width)
        self.dim = dim
        self.steps = [coupling(dim // 2, dim - dim // 2, width) for _ in range(steps)]
        self.built = True

    def distribution(self, posterior=None):
        """p(z), event [Z]."""
        return tfd.TransformedDistribution(priors.standard_normal(self.dim), flows.RealNVP(self.steps))

    def draws(self, rows, posterior=None):
        """Codes [B, Z], each from its row seed (int64 [B]) alone: the flow of the noise that N(0, I) has for it."""
        flow = flows.RealNVP(self.steps)
        return seeds.map_rows(
            lambda seed: flow.forward(seeds.normal([1, self.dim], seed))[0], rows, tf.TensorSpec([self.dim])
        )
