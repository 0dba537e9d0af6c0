"""What the code of a model carries about the image, and how it is spread."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import seeds
from tfgen.evaluation.images import as_float, chunks, held_out
from tfgen.inputs import row_seeds

tfd = tfp.distributions

ACTIVE = 0.01  # variance over images of a code's posterior mean, of the prior's, above which a dimension counts as used
DRAWS = 8  # per image and half, where the posterior mean has no closed form


def codes(model, split) -> np.ndarray:
    """The codes that stand for a split's images, [N, Z]: the posterior's means where it is normal."""
    image, parts = held_out(model, split), []
    for part, condition in chunks(model, split.labels):
        parts.append(np.asarray(model.code(tf.constant(as_float(image[part])), **condition)))
    return np.concatenate(parts)


def code_usage(model, split, seed: int = 0) -> dict:
    """How much of the code carries something about the image.

    Returns:
        {"active_units": the dimensions u with Var_x(E_q(z|x)[z_u]) > 0.01 Var_p(z_u) (Burda et al. 2016, section 5,
        where the prior's variance is 1), "kl_per_dimension": KL(q(z_u|x) || p(z_u)), the mean over images, nats [Z]}.
        The latter is available where posterior and prior are diagonal normals: it adds up to the rate. Where a
        posterior has no mean in closed form, two independent estimates of it, whose covariance over images has the
        variance as its expectation, take its place.
    """
    image, rows = held_out(model, split), row_seeds(seed, len(split.images))
    halves, divergences, prior = [], [], model.prior
    for part, condition in chunks(model, split.labels):
        posterior = model.posterior(tf.constant(as_float(image[part])), **condition)
        halves.append(_two_means(posterior, rows[part], model.latent_dim))
        if isinstance(posterior, tfd.MultivariateNormalDiag) and isinstance(prior, tfd.MultivariateNormalDiag):
            own, of_prior = (tfd.Normal(each.mean(), each.stddev()) for each in (posterior, prior))  # batch [B, Z]
            divergences.append(tfd.kl_divergence(own, of_prior))
    first, second = np.concatenate(halves, 1).astype(np.float64)  # [N, Z] each
    variance = np.mean((first - first.mean(0)) * (second - second.mean(0)), 0)
    usage = {"active_units": int(np.sum(variance > ACTIVE * np.asarray(model.prior_variance())))}
    if divergences:
        usage["kl_per_dimension"] = np.concatenate(divergences).mean(0, dtype=np.float64).tolist()
    return usage


def code_moments(model, split) -> dict:
    """How far the aggregated posterior E_x[q(z|x)] of a split's images is from the prior.

    Returns:
        {"code_mean_error": the largest difference of an entry of its mean from the prior's, "code_covariance_error":
        the same of its covariance, Cov_x(mu(x)) + E_x[diag(sigma(x)^2)]}.
    """
    image, prior, parts = held_out(model, split), model.prior, []
    for part, condition in chunks(model, split.labels):
        parts.append(np.stack(model.encode(as_float(image[part]), **condition)))  # [2, B, Z]
    mean, stddev = np.concatenate(parts, 1).astype(np.float64)
    covariance = np.cov(mean.T) + np.diag(np.mean(stddev**2, 0))
    return {
        "code_mean_error": float(np.abs(mean.mean(0) - prior.mean()).max()),
        "code_covariance_error": float(np.abs(covariance - prior.covariance()).max()),
    }


def _two_means(posterior, rows, dim: int):
    """E_q(z|x)[z], twice, [2, B, Z]: exactly if q is normal or discrete, else from two independent sets of draws."""
    discrete = posterior.reparameterization_type == tfd.NOT_REPARAMETERIZED
    if discrete or isinstance(posterior, tfd.MultivariateNormalLinearOperator):
        return tf.stack([posterior.mean()] * 2)
    noise = tf.transpose(seeds.normal_rows([2 * DRAWS, dim], rows), [1, 0, 2])  # [2 * DRAWS, B, Z]
    latent = posterior.bijector.forward(noise)
    return tf.stack([tf.reduce_mean(half, 0) for half in tf.split(latent, 2)])
