"""The losses of a generative adversarial network, from a discriminator's logits (Goodfellow et al. 2014).

Each is a mean over rows; a `weight` [B] weighs them. What is drawn for a row weighs as much as the row.
"""

import tensorflow as tf

SMALLEST_SLOPE = 1e-12  # its square: a slope of 0 has no direction, and its norm no gradient


def discriminator_loss(real_logits, fake_logits, real_label: float = 1.0, weight=None):
    """-E[log D(real)] - E[log (1 - D(fake))], equation 1; a `real_label` below 1 smooths the real side alone.

    One-sided label smoothing: Salimans et al. 2016, section 3.4.
    """
    return mean(of_logits(real_logits, real_label), weight) + mean(of_logits(fake_logits, 0.0), weight)


def generator_loss(fake_logits, weight=None):
    """-E[log D(fake)], the non-saturating loss (section 3): its gradient does not vanish where D(fake) is near 0."""
    return mean(of_logits(fake_logits, 1.0), weight)


def gradient_penalty(logit, inputs, weight=None):
    """E[|grad l|^2] / 2 at inputs [B, ...], where the function `logit` maps them to the discriminator's logits l.

    At real and at fake inputs these are R_1 and R_2 of Mescheder, Geiger and Nowozin 2018 (arXiv 1801.04406). Where
    batch normalisation ties the rows to one another, the slope is that of the sum of the batch's logits.
    """
    return mean(squared_slopes(logit, inputs), weight) / 2


def unit_slope_penalty(logit, inputs, weight=None):
    """E[(|grad l| - 1)^2] at inputs [B, ...]: holds a critic's slope at 1 (Gulrajani et al. 2017, arXiv 1704.00028)."""
    return mean((tf.sqrt(squared_slopes(logit, inputs) + SMALLEST_SLOPE) - 1) ** 2, weight)


def squared_slopes(logit, inputs):
    """|grad l|^2 at each of the inputs [B, ...], of the function `logit`: [B]."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        logits = logit(inputs)
    slope = tape.gradient(logits, inputs)
    return tf.reduce_sum(slope**2, range(1, slope.shape.rank))


def accuracy(real_logits, fake_logits):
    """The share of real and fake inputs that the discriminator tells right, in 0..1."""
    right = [tf.cast(real_logits > 0, tf.float32), tf.cast(fake_logits < 0, tf.float32)]
    return tf.reduce_mean(tf.stack([tf.reduce_mean(share) for share in right]))


def of_logits(logits, label: float):
    """The cross-entropy of logits with one label for all, of the logits' shape."""
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.fill(tf.shape(logits), label), logits=logits)


def mean(values, weight=None):
    """The mean over rows of values [B] or [B, 1], each times its weight where there are weights."""
    return tf.reduce_mean(values if weight is None else tf.reshape(values, [-1]) * weight)
