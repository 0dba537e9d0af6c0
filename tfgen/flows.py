"""Inverse autoregressive flow: masked dense layers, and the gated step of Kingma, Salimans et al. 2016 as a bijector.

TFP's own autoregressive network is a tf_keras layer, whose variables a Keras 3 model does not see; hence these.
"""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import networks

tfb = tfp.bijectors

OPEN_GATE = 2.0  # sigmoid(2) = 0.88: a new step keeps most of its input
SMALLEST_GATE = 1e-3  # bounds a step's log-determinant, and its inverse


class MaskedDense(keras.layers.Dense):
    """A dense layer whose kernel is multiplied by a fixed 0/1 mask, [inputs, units]."""

    def __init__(self, mask: np.ndarray, **options):
        super().__init__(mask.shape[1], **options)
        self.mask = np.asarray(mask, np.float32)

    def call(self, inputs):
        outputs = tf.matmul(inputs, self.kernel * tf.cast(self.mask, self.kernel.dtype)) + self.bias
        return self.activation(outputs)


def made(dim: int, hidden_units: int, outputs: int, context_dim: int):
    """MADE (Germain et al. 2015): output i of each group depends on inputs 0..i-1 and on the context alone.

    Args:
        dim: inputs Z.
        hidden_units: width of its one hidden layer, spread evenly over the degrees 0..Z-2.
        outputs: how many groups of Z outputs.
        context_dim: width C of the context, which every hidden unit sees; 0 for none.

    Returns:
        A Keras model from [[B, Z], [B, C]] to [B, outputs * Z].
    """
    degrees = np.arange(dim)
    hidden_degrees = np.arange(hidden_units) % max(1, dim - 1)
    first_mask = degrees[:, None] <= hidden_degrees[None, :]  # a hidden unit of degree d sees inputs 0..d
    last_mask = np.tile(hidden_degrees[:, None] < degrees[None, :], (1, outputs))
    inputs, context = keras.Input((dim,)), keras.Input((context_dim,))
    hidden = MaskedDense(first_mask)(inputs)
    if context_dim:
        hidden = keras.layers.Add()([hidden, keras.layers.Dense(hidden_units, use_bias=False)(context)])
    last = MaskedDense(last_mask, kernel_initializer=keras.initializers.RandomNormal(stddev=1e-2))
    return networks.functional([inputs, context] if context_dim else inputs, last(keras.layers.ELU()(hidden)))


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
        mean, raw = tf.split(networks.apply(self._network, latent, context), 2, axis=-1)
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
