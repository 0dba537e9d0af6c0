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


def build(model, steps: int, width: int) -> FlowPrior:
    """The prior of a model's codes."""
    return FlowPrior(model.latent_dim, steps, width)
