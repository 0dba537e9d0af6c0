"""The Kullback-Leibler divergence from a posterior to a prior."""

import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


def kl_divergence(posterior, prior, latent):
    """KL(q || p) = E_q[log q(z) - log p(z)], [B], nats: in closed form of two normals, otherwise at samples of q.

    Args:
        posterior: q, batch [B], event [Z].
        prior: p, event [Z].
        latent: samples of q [L, B, Z], over which the estimate is a mean.
    """
    if all(isinstance(each, tfd.MultivariateNormalLinearOperator) for each in (posterior, prior)):
        return tfd.kl_divergence(posterior, prior)
    return tf.reduce_mean(posterior.log_prob(latent) - prior.log_prob(latent), 0)
