"""Flows as bijectors over standard normal noise.

inverse autoregressive   the gated steps of Kingma, Salimans et al. 2016 (arXiv 1606.04934), for posteriors
RealNVP                  the affine coupling steps of Dinh et al. 2017 (arXiv 1605.08803), for priors
"""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.networks import common

tfb = tfp.bijectors

OPEN_GATE = 2.0  # sigmoid(2) = 0.88: a new step keeps most of its input
SMALLEST_GATE = 1e-3  # bounds a step's log-determinant, and its inverse
LOG_SCALE = 2.0  # of a coupling step, at most, up or down


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
        mean, raw = tf.split(common.apply(self._network, latent, _with_axes_of(latent, self._context)), 2, axis=-1)
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
        steps: the MADE networks, one per step; the order of the coordinates is reversed between them.
        context: h, [B, C].
    """
    dim = mean.shape[-1]
    chain = [tfb.Shift(mean)(tfb.Scale(stddev))]
    for position, network in enumerate(steps):
        if position:
            chain.append(tfb.Permute(np.arange(dim)[::-1]))
        chain.append(GatedStep(network, context))
    return tfb.Chain(chain[::-1])


class RealNVP(tfb.Bijector):
    """Affine coupling steps from standard normal noise [..., Z] to codes [..., Z].

        [a, b] -> [a, b * exp(l(a)) + t(a)],  l = 2 tanh(s / 2),  (t, s) = network(a)       equations 4 and 5
        log |det| = sum of l over steps and coordinates                                     equation 6

    The half a has Z // 2 coordinates. The order of all of them is reversed after each step, so that the halves swap.
    Either direction is one pass through the networks. That from codes to noise keeps its log-determinant, so that the
    density of a code costs no second one.
    """

    def __init__(self, networks, context=None):
        """Takes the networks of the steps, [B, Z // 2] to a shift and a raw log-scale [B, 2 * (Z - Z // 2)] each.

        The networks may also take a context, [B, C], so that each row has its own f.
        """
        super().__init__(forward_min_event_ndims=1, name="real_nvp")
        self._networks, self._context, self._latest = networks, context, (None, None)

    def _forward(self, x):
        for network in self._networks:
            kept, moved = _halves(x)
            shift, log_scale = self._shift_and_log_scale(network, kept)
            x = tf.reverse(tf.concat([kept, moved * tf.exp(log_scale) + shift], -1), [-1])
        return x

    def _inverse(self, y):
        return self._noise_and_log_determinant(y)[0]

    def _inverse_log_det_jacobian(self, y):  # TFP asks it for the forward one as well
        return self._noise_and_log_determinant(y)[1]

    def _noise_and_log_determinant(self, latent):
        if self._latest[0] is not latent:
            self._latest = latent, self._compute(latent)
        return self._latest[1]

    def _compute(self, point):
        log_determinant = 0.0
        for network in reversed(self._networks):
            kept, moved = _halves(tf.reverse(point, [-1]))
            shift, log_scale = self._shift_and_log_scale(network, kept)
            point = tf.concat([kept, (moved - shift) * tf.exp(-log_scale)], -1)
            log_determinant -= tf.reduce_sum(log_scale, -1)
        return point, log_determinant

    def _shift_and_log_scale(self, network, kept):
        if self._context is not None:
            parameters = common.apply(network, kept, _with_axes_of(kept, self._context))
        else:
            short = kept.shape.rank == 2  # as a served draw is
            parameters = network(kept) if short else common.apply(network, kept)
        shift, raw = tf.split(parameters, 2, axis=-1)
        return shift, LOG_SCALE * tf.tanh(raw / 2)


def _halves(point):
    """The coordinates [..., Z] that a coupling step keeps, and those that it moves."""
    kept = point.shape[-1] // 2
    return point[..., :kept], point[..., kept:]


def _with_axes_of(latent, context):
    """A context [B, C] for each of the codes [..., B, Z]."""
    return tf.broadcast_to(context, tf.concat([tf.shape(latent)[:-1], [context.shape[-1]]], 0))
