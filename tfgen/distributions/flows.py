"""Inverse autoregressive flow: the gated step of Kingma, Salimans et al. 2016 as a bijector, and a chain of them."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.networks import common

tfb = tfp.bijectors

OPEN_GATE = 2.0  # sigmoid(2) = 0.88: a new step keeps most of its input
SMALLEST_GATE = 1e-3  # bounds a step's log-determinant, and its inverse


class GatedStep(tfb.Bijector):
    """One step of the flow, z' = s * z + (1 - s) * m, with s = sigmoid(raw) in (0, 1) and (m, raw) = MADE(z, h).

    Equations 11 to 14 of the paper, with the gate kept above `SMALLEST_GATE`. Forward is one pass and remembers its
    gate, so the log-density of the flow's own sample costs no second one; the inverse takes Z passes.
    """

    def __init__(self, network, context):
        super().__init__(forward_min_event_ndims=1, name="gated_step")
        self._network, self._context, self._latest = network, context, (None, None)

    def _gate_and_mean(self, latent):
        if self._latest[0] is not latent:
            self._latest = latent, self._compute(latent)
        return self._latest[1]

    def _compute(self, latent):
        context = tf.broadcast_to(self._context, tf.concat([tf.shape(latent)[:-1], [self._context.shape[-1]]], 0))
        mean, raw = tf.split(common.apply(self._network, latent, context), 2, axis=-1)
        gate = SMALLEST_GATE + (1 - SMALLEST_GATE) * tf.sigmoid(raw + OPEN_GATE)
        return gate, mean

    def _forward(self, x):
        gate, mean = self._gate_and_mean(x)
        return gate * x + (1 - gate) * mean

    def _forward_log_det_jacobian(self, x):
        gate, _ = self._gate_and_mean(x)
        return tf.reduce_sum(tf.math.log(gate), -1)

    def _inverse(self, y):
        x = tf.zeros_like(y)
        for _ in range(y.shape[-1]):  # pass i makes coordinate i right: it needs coordinates 0..i-1 alone
            gate, mean = self._compute(x)
            x = (y - (1 - gate) * mean) / gate
        return x


def inverse_autoregressive_flow(mean, stddev, steps, context):
    """The bijector from standard normal noise [..., Z] to z: mu + sigma * eps, then the gated steps.

    Args:
        mean, stddev: [B, Z].
        steps: the MADE networks, one a step; the order of the coordinates is reversed between them.
        context: h, [B, C].
    """
    dim = mean.shape[-1]
    chain = [tfb.Shift(mean)(tfb.Scale(stddev))]
    for position, network in enumerate(steps):
        if position:
            chain.append(tfb.Permute(np.arange(dim)[::-1]))
        chain.append(GatedStep(network, context))
    return tfb.Chain(chain[::-1])
