"""Priors p(z) that are learned with the model, as Keras layers: their variables are the model's.

flow   RealNVP over N(0, I): affine coupling steps

Each has `distribution()`, p(z) with event [Z], and `draws(rows)`, codes [B, Z] from row seeds. A row is drawn in a turn
of its own, because a product of matrices rounds differently at another height: a seed gives the same code, bit for
bit, whatever it is drawn beside.
"""

from typing import Literal, get_args

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import checks, seeds
from tfgen.distributions import flows, priors
from tfgen.networks.coupling import coupling

tfd = tfp.distributions

Prior = Literal["normal", "flow"]
KINDS = get_args(Prior)
COUPLING_STEPS, COUPLING_WIDTH = 10, 256  # by default


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

    def distribution(self):
        """p(z), event [Z]."""
        return tfd.TransformedDistribution(priors.standard_normal(self.dim), flows.RealNVP(self.steps))

    def draws(self, rows):
        """Codes [B, Z], each from its row seed (int64 [B]) alone: the flow of the noise that N(0, I) has for it."""
        flow = flows.RealNVP(self.steps)
        return seeds.map_rows(
            lambda seed: flow.forward(seeds.normal([1, self.dim], seed))[0], rows, tf.TensorSpec([self.dim])
        )
