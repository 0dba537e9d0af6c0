"""A flow, z = f(eps) with eps ~ N(0, I): f is RealNVP's, of affine coupling steps (Dinh et al. 2017)."""

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import checks, seeds
from tfgen.distributions import flows, priors
from tfgen.networks.coupling import coupling

tfd = tfp.distributions

OPTIONS = ("steps", "width")


class FlowPrior(keras.layers.Layer):
    """p(z) of z = f(eps), eps ~ N(0, I), with f the coupling steps of `flows.RealNVP`; nearly N(0, I) at first.

    It may be told the class y: p(z|y), z = f(eps; y). The model's code is then eps, which has the same prior for every
    class.
    """

    def __init__(self, dim: int, steps: int, width: int, classes: int = 0):
        """Takes Z, at least 2, the number of steps, the width of the two hidden layers of each step's network.

        And the number of classes that it is told, 0 for none.
        """
        super().__init__(name="flow_prior", dtype="float32")
        if dim < 2:
            raise ValueError(f"prior flow needs a latent_dim of at least 2, whose halves it couples; got {dim}")
        checks.positive_int("prior_steps", steps, 1, checks.MOST_LAYERS)
        checks.positive_int("prior_width", width)
        self.dim, self.classes = dim, classes
        self.steps = [coupling(dim // 2, dim - dim // 2, width, classes) for _ in range(steps)]
        self.built = True

    def flow(self, label=None):
        """f as a bijector; if it is told the class, f(.; y) of labels [B]."""
        return flows.RealNVP(self.steps, None if label is None else tf.one_hot(label, self.classes))

    def given(self, label):
        """p(z|y) of labels [B], event [Z]."""
        noise = tfd.MultivariateNormalDiag(tf.zeros(tf.stack([tf.shape(label)[0], self.dim])), tf.ones([self.dim]))
        return tfd.TransformedDistribution(noise, self.flow(label))

    def distribution(self, posterior=None):
        """p(z), event [Z]; p(eps) = N(0, I) if the flow is told the class."""
        noise = priors.standard_normal(self.dim)
        return noise if self.classes else tfd.TransformedDistribution(noise, self.flow())

    def draws(self, rows, posterior=None):
        """Codes [B, Z], each from its row seed (int64 [B]) alone: the flow of the noise that N(0, I) has for it."""
        if self.classes:
            return seeds.normal_rows([self.dim], rows)
        flow = self.flow()
        return seeds.map_rows(
            lambda seed: flow.forward(seeds.normal([1, self.dim], seed))[0], rows, tf.TensorSpec([self.dim])
        )


def build(model, steps: int, width: int) -> FlowPrior:
    """The prior of a model's codes, told the class if the model says so."""
    return FlowPrior(model.latent_dim, steps, width, len(model.class_names) if model.told_flow else 0)
