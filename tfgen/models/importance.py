"""The importance-weighted objective, with the doubly reparameterised gradient (Tucker et al. 2019, arXiv 1810.04152).

    L_K = E[log 1/K sum_k w_k],  log w = log p(x|z) - beta (log q(z|x) - log p(z)),  z_k ~ q(z|x)

Its plain gradient for the posterior's parameters phi has, beside the path through z, the score d log q / d phi, whose
share of signal falls with K. Reparameterised a second time it is gone (equation 8, here with a weight beta):

    d L_K / d phi = E[sum_k v_k (1 - beta + beta v_k) (d log w_k / d z_k) (d z_k / d phi)],  v_k = w_k / sum_j w_j

That needs log q(z|x) as a function of z with phi held fixed. A normal posterior gives it; one that is a flow would need
its inverse, Z passes, and keeps the plain gradient.
"""

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.models import bounds

tfd = tfp.distributions


def loss_terms(model, image, noise, beta, **condition) -> dict:
    """-L_K and the means of its parts: {"loss", "distortion", "rate"}, each [B], nats.

    Args:
        model: a `tfgen.Variational` model.
        image: [B, H, W, C].
        noise: standard normal, [K, B, Z].
        beta: the weight of the rate; 1 for a bound on log p(x).
        condition: what likelihood and posterior are conditioned on.
    """
    (posterior, prior, likelihood), shares = model.joint(image, **condition), []
    latent = posterior.bijector.forward(noise)
    if isinstance(posterior, tfd.MultivariateNormalLinearOperator):
        posterior = _fixed(posterior)
        latent = _with_gradient_times(latent, lambda: (1 - beta + beta * shares[0])[..., None])
    distortion = -likelihood(latent).log_prob(image)  # [K, B]
    rate = posterior.log_prob(latent) - prior.log_prob(latent)
    log_weights = -(distortion + beta * rate)
    shares.append(tf.stop_gradient(tf.nn.softmax(log_weights, 0)))
    descended = -tf.reduce_sum(shares[0] * log_weights, 0)
    loss = descended + tf.stop_gradient(-bounds.importance_weighted_bound(log_weights) - descended)
    return {"loss": loss, "distortion": tf.reduce_mean(distortion, 0), "rate": tf.reduce_mean(rate, 0)}


def _fixed(posterior):
    """The same distribution, whose parameters have no gradient."""
    parameters = {name: value for name, value in posterior.parameters.items() if tf.is_tensor(value)}
    return posterior.copy(**{name: tf.stop_gradient(value) for name, value in parameters.items()})


def _with_gradient_times(value, factor):
    """The same tensor, whose gradient is multiplied by `factor()`, which is asked for when the gradient is taken."""

    @tf.custom_gradient
    def identity(value):
        return tf.identity(value), lambda gradient: gradient * factor()

    return identity(value)
