"""The discretised logistic distribution over the 256 levels of 8 bits (Salimans et al. 2017, arXiv 1701.05517)."""

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions

STEPS = 255  # from the lowest level to the highest


class DiscretisedLogistic(tfd.Distribution):
    """A logistic of images in [0, 1], rounded to the levels 0, 1/255, ..., 1; what lies beyond falls to the outer two.

        P(x) = sigmoid(b) - sigmoid(a),  a, b = (x -+ 1/510 - location) / scale;  a = -inf at x = 0, b = inf at x = 1
        log (sigmoid(b) - sigmoid(a)) = -softplus(-b) - softplus(a) + log (1 - exp(a - b))

    the second of which keeps its precision in both tails. Other values of x are rounded to the nearest level.
    """

    def __init__(self, location, scale, name: str = "DiscretisedLogistic"):
        """Takes tensors of one shape, the batch shape; the scale is positive. Both are in units of [0, 1]."""
        parameters = dict(locals())
        self.location, self.scale = location, scale
        super().__init__(
            dtype=location.dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=False,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        properties = tfp.util.ParameterProperties
        return {"location": properties(), "scale": properties()}

    def _event_shape(self):
        return tf.TensorShape([])

    def _event_shape_tensor(self):
        return tf.constant([], tf.int32)

    def _log_prob(self, x):
        level = tf.round(STEPS * x)
        below = ((level - 0.5) / STEPS - self.location) / self.scale  # a
        above = ((level + 0.5) / STEPS - self.location) / self.scale  # b
        left = tf.where(level > 0, tf.nn.softplus(below), 0.0)
        right = tf.where(level < STEPS, tf.nn.softplus(-above), 0.0)
        inner = tf.logical_and(level > 0, level < STEPS)
        return tf.where(inner, tfp.math.log1mexp(1 / (STEPS * self.scale)), 0.0) - left - right

    def _mean(self):
        """Of the logistic clipped to [0, 1], which differs by less than half a level from that of the levels."""
        upper, lower = self.location / self.scale, (self.location - 1) / self.scale
        return tf.clip_by_value(self.scale * (tf.nn.softplus(upper) - tf.nn.softplus(lower)), 0.0, 1.0)

    def _quantile(self, value):
        """The lowest level whose distribution function reaches `value`, but for rounding."""
        drawn = self.location + self.scale * (tf.math.log(value) - tf.math.log1p(-value))
        return tf.round(STEPS * tf.clip_by_value(drawn, 0.0, 1.0)) / STEPS

    def _sample_n(self, n, seed=None):
        shape = tf.concat([[n], tf.shape(self.location)], 0)
        noise = tfp.random.sanitize_seed(seed, salt=self.name)
        return self._quantile(tf.random.stateless_uniform(shape, noise, 1e-7, 1 - 1e-7, dtype=self.dtype))
