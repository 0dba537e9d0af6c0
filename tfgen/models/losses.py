"""The losses of a generative adversarial network, from a discriminator's logits (Goodfellow et al. 2014)."""

import tensorflow as tf


def discriminator_loss(real_logits, fake_logits, real_label: float = 1.0):
    """-E[log D(real)] - E[log (1 - D(fake))], equation 1; a `real_label` below 1 smooths the real side alone.

    One-sided label smoothing: Salimans et al. 2016, section 3.4.
    """
    return _cross_entropy(real_logits, real_label) + _cross_entropy(fake_logits, 0.0)


def generator_loss(fake_logits):
    """-E[log D(fake)], the non-saturating loss (section 3): its gradient does not vanish where D(fake) is near 0."""
    return _cross_entropy(fake_logits, 1.0)


def gradient_penalty(logit, inputs):
    """E[|grad l|^2] / 2 at inputs [B, ...], where the function `logit` maps them to the discriminator's logits l.

    At real and at fake inputs these are R_1 and R_2 of Mescheder, Geiger and Nowozin 2018 (arXiv 1801.04406). Where
    batch normalisation ties the rows to one another, the slope is that of the sum of the batch's logits.
    """
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        logits = logit(inputs)
    slope = tape.gradient(logits, inputs)
    return tf.reduce_mean(tf.reduce_sum(slope**2, range(1, slope.shape.rank))) / 2


def accuracy(real_logits, fake_logits):
    """The share of real and fake inputs that the discriminator tells right, in 0..1."""
    right = [tf.cast(real_logits > 0, tf.float32), tf.cast(fake_logits < 0, tf.float32)]
    return tf.reduce_mean(tf.stack([tf.reduce_mean(share) for share in right]))


def _cross_entropy(logits, label: float):
    labels = tf.fill(tf.shape(logits), label)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))
