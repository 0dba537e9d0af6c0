"""Bounds on log p(x), as functions of log weights log w = log p(x, z) - log q(z|x), z ~ q(z|x)."""

import math

import tensorflow as tf


def importance_weighted_bound(log_weights, axis: int = 0):
    """L_K = E[log (1/K) sum_k w_k] <= log p(x), of K weights along `axis`; nats.

    K = 1 is the ELBO, and the bound grows with K towards log p(x) (Burda, Grosse and Salakhutdinov 2016, equation 8).
    """
    samples = tf.cast(tf.shape(log_weights)[axis], log_weights.dtype)
    return tf.reduce_logsumexp(log_weights, axis) - tf.math.log(samples)


def marginal_bound(each, log_q):
    """sum_y q(y) (J(y) + log q(y)) >= -log sum_y exp(-J(y)), equation 7 of Kingma et al. 2014 (arXiv 1406.5298).

    Args:
        each: J(y), a bound on -log p(x,y) for each class y, [B, classes], nats.
        log_q: log q(y), [B, classes].

    Returns:
        [B], nats.
    """
    return tf.reduce_sum(tf.exp(log_q) * (each + log_q), -1)


def streamed_bound(log_weights, noise, chunk: int):
    """The importance-weighted bound without holding K copies of a batch: a running log-sum-exp over chunks of samples.

    Args:
        log_weights: a function from noise [k, B, Z] to log weights [k, B].
        noise: [B, K, Z], the whole noise of each row.
        chunk: how many samples per row are weighed at once.

    Returns:
        L_K, [B], nats.
    """
    rows, samples = tf.shape(noise)[0], tf.shape(noise)[1]

    def add(start, total):
        part = tf.transpose(noise[:, start : start + chunk], [1, 0, 2])  # [k, B, Z]
        return start + chunk, tf.experimental.numpy.logaddexp(total, tf.reduce_logsumexp(log_weights(part), 0))

    _, total = tf.while_loop(
        lambda start, _: start < samples,
        add,
        (0, tf.fill([rows], -math.inf)),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None])),
        parallel_iterations=1,
    )
    return total - tf.math.log(tf.cast(samples, tf.float32))
