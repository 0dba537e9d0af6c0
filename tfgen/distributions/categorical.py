"""Codes of K categorical variables with C classes each, as K one-hot vectors behind one another: [..., K * C].

A standard normal number n becomes a Gumbel one by -log(-log Phi(n)), so that the noise which drives all other codes
drives these as well: one-hot draws by the Gumbel-max trick, relaxed ones by the Gumbel-softmax (Jang et al. 2017, arXiv
1611.01144; Maddison et al. 2017, arXiv 1611.00712).
"""

import tensorflow as tf
import tensorflow_probability as tfp

tfb, tfd = tfp.bijectors, tfp.distributions


def codes(logits):
    """The distribution of codes, event [K * C], from logits [..., K, C], with exact probabilities and KL."""
    groups, classes = logits.shape[-2:]
    one_hot = tfd.Independent(tfd.OneHotCategorical(logits=logits, dtype=tf.float32), 1)
    return tfd.TransformedDistribution(one_hot, tfb.Reshape([groups * classes], [groups, classes]))


def drawn(logits, noise):
    """One-hot codes [..., K * C] of logits [..., K, C] under standard normal noise [..., K * C]."""
    return one_hot(logits + gumbel(logits, noise))


def relaxed(logits, noise, temperature):
    """Draws of tfd.RelaxedOneHotCategorical(temperature, logits) under the same noise, whose classes are `drawn`'s."""
    return _flat(tf.nn.softmax((logits + gumbel(logits, noise)) / temperature))


def one_hot(scores):
    """The class with the highest of the scores [..., K, C] in each group, [..., K * C]."""
    return _flat(tf.one_hot(tf.argmax(scores, -1), scores.shape[-1]))


def gumbel(logits, noise):
    """Standard Gumbel noise [..., K, C] from standard normal noise [..., K * C]."""
    shape = tf.concat([tf.shape(noise)[:-1], logits.shape[-2:]], 0)
    return -tf.math.log(-tfd.Normal(0.0, 1.0).log_cdf(tf.reshape(noise, shape)))


def _flat(groups):
    size = groups.shape[-2] * groups.shape[-1]
    return tf.reshape(groups, tf.concat([tf.shape(groups)[:-2], [size]], 0))
