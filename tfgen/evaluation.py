"""The evaluation protocol: the likelihood of images binarised once, in nats per image, and the use of the code."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen import seeds

tfd = tfp.distributions

CHUNK = 1000
LIKELIHOOD_CHUNK = 50  # images a turn of the progress bar, with K samples each
ACTIVE = 0.01  # variance over images of a code's posterior mean above which its dimension counts as used
DRAWS = 8  # per image and half, where the posterior mean has no closed form


def means(model, image: np.ndarray, labels: np.ndarray, seed: int = 0) -> dict[str, float]:
    """The means over images of what `model.validation_terms` computes, each image with its own row seed.

    Args:
        model: a `tfgen.Model` that has `validation_terms(image, rows)`.
        image: bool, uint8 or float [N, 28, 28, 1].
        labels: [N], for conditional models.
        seed: the integer seed of the rows.

    Returns:
        Name -> mean, for likelihood models "neg_elbo", "rate" and "distortion", nats per image.
    """
    rows = seeds.row_seeds(seed, len(image))
    totals: dict[str, float] = {}
    for part, given in _chunks(model, labels):
        terms = model.validation_terms(as_float(image[part]), rows[part], **given)
        for name, values in terms.items():
            totals[name] = totals.get(name, 0.0) + float(np.sum(values, dtype=np.float64))
    return {name: total / len(image) for name, total in totals.items()}


def codes(model, split) -> np.ndarray:
    """The codes that stand for a split's images, [N, Z]: the posterior's means where it is normal."""
    images = as_float(held_out(model, split))
    parts = []
    for part, given in _chunks(model, split.labels):
        parts.append(np.asarray(model.centre(tf.constant(images[part]), **given)))
    return np.concatenate(parts)


def negative_log_likelihood(model, split, *, k: int, seed: int = 0, track=lambda chunks, name: chunks) -> dict:
    """The importance-weighted bound on -log p(x) of a split, with K samples of z an image (Burda et al. 2016).

    Args:
        model: a `tfgen.Variational` model.
        split: a `tfgen.data.Split`.
        k: samples an image.
        seed: the integer seed of the rows.
        track: wraps the loop over chunks of images, with a word that describes it.

    Returns:
        {"nll": the mean, nats per image, "nll_error": its standard error over images, "nll_k": K}.
    """
    image, rows, parts = held_out(model, split), seeds.row_seeds(seed, len(split.images)), []
    for part, given in track(_chunks(model, split.labels, LIKELIHOOD_CHUNK), f"log-likelihood, K = {k}"):
        parts.append(model.log_likelihood(image[part], k=k, seed=rows[part], **given))
    values = -np.concatenate(parts).astype(np.float64)
    return {"nll": values.mean(), "nll_error": values.std(ddof=1) / np.sqrt(len(values)), "nll_k": k}


def code_usage(model, split, seed: int = 0) -> dict:
    """How much of the code carries something about the image.

    Returns:
        {"active_units": the dimensions u with Var_x(E_q(z|x)[z_u]) > 0.01 (Burda et al. 2016, section 5),
        "kl_per_dimension": KL(q(z_u|x) || p(z_u)), the mean over images, nats [Z]}. The latter is there for diagonal
        normal posteriors only, where it adds up to the rate. Where a posterior has no mean in closed form, two
        independent estimates of it, whose covariance over images has the variance as its expectation, take its place.
    """
    image, rows = held_out(model, split), seeds.row_seeds(seed, len(split.images))
    halves, divergences = [], []
    for part, given in _chunks(model, split.labels):
        posterior = model.posterior(tf.constant(as_float(image[part])), **given)
        halves.append(_two_means(posterior, rows[part], model.latent_dim))
        if isinstance(posterior, tfd.MultivariateNormalDiag):
            own = tfd.Normal(posterior.mean(), posterior.stddev())  # batch [B, Z]
            divergences.append(tfd.kl_divergence(own, tfd.Normal(0.0, 1.0)))
    first, second = np.concatenate(halves, 1).astype(np.float64)  # [N, Z] each
    variance = np.mean((first - first.mean(0)) * (second - second.mean(0)), 0)
    usage = {"active_units": int(np.sum(variance > ACTIVE))}
    if divergences:
        usage["kl_per_dimension"] = np.concatenate(divergences).mean(0, dtype=np.float64).tolist()
    return usage


def code_moments(model, split) -> dict:
    """How far the aggregated posterior E_x[q(z|x)] of a split's images is from the prior.

    Returns:
        {"code_mean_error": the largest difference of an entry of its mean from the prior's, "code_covariance_error":
        the same of its covariance, Cov_x(mu(x)) + E_x[diag(sigma(x)^2)]}.
    """
    image, prior, parts = as_float(held_out(model, split)), model.prior, []
    for part, _ in _chunks(model, split.labels):
        parts.append(np.stack(model.encode(image[part])))  # [2, B, Z]
    mean, stddev = np.concatenate(parts, 1).astype(np.float64)
    covariance = np.cov(mean.T) + np.diag(np.mean(stddev**2, 0))
    return {
        "code_mean_error": float(np.abs(mean.mean(0) - prior.mean()).max()),
        "code_covariance_error": float(np.abs(covariance - prior.covariance()).max()),
    }


def _two_means(posterior, rows, dim: int):
    """E_q(z|x)[z], twice, [2, B, Z]: exactly if q is normal, otherwise from two independent sets of draws."""
    if isinstance(posterior, tfd.MultivariateNormalLinearOperator):
        return tf.stack([posterior.mean()] * 2)
    noise = tf.transpose(seeds.normal_rows([2 * DRAWS, dim], rows), [1, 0, 2])  # [2 * DRAWS, B, Z]
    latent = posterior.bijector.forward(noise)
    return tf.stack([tf.reduce_mean(half, 0) for half in tf.split(latent, 2)])


def samples(model, digits, seed: int = 0, track=lambda chunks, name: chunks) -> np.ndarray:
    """An image for each of the digits [N], of this digit if the model is conditional: [N, 28, 28, 1] in [0, 1]."""
    rows, parts = seeds.row_seeds(seed, len(digits)), []
    for part, given in track(_chunks(model, digits), "samples"):
        parts.append(model.sample(len(rows[part]), seed=rows[part], **given))
    return np.concatenate(parts)


def report(model, dataset, seed: int = 0) -> dict[str, float]:
    """The metrics of the test split under the protocol, as `test_NAME`; the codes are drawn from `seed`."""
    terms = means(model, held_out(model, dataset.test), dataset.test.labels, seed)
    return {f"test_{name}": round(value, 4) for name, value in terms.items()}


def as_float(image: np.ndarray) -> np.ndarray:
    """uint8 in 0..255 or bool as float32 in [0, 1]."""
    return image.astype(np.float32) / np.float32(255 if image.dtype == np.uint8 else 1)


def held_out(model, split) -> np.ndarray:
    """A split as the model sees its data: binarised once for a binary model, grey for others."""
    return split.binarised() if model.binary else split.images


def _chunks(model, labels, size: int = CHUNK) -> list[tuple[slice, dict]]:
    """The rows of each chunk, and what a conditional model is given there."""
    parts = [slice(start, start + size) for start in range(0, len(labels), size)]
    return [(part, {"digit": labels[part]} if model.conditional else {}) for part in parts]
