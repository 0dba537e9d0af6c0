"""The likelihood of held-out images under a protocol, in nats per image."""

import numpy as np

from tfgen.evaluation.images import as_float, chunks, held_out
from tfgen.inputs import row_seeds

CHUNK = 50  # images a turn of the progress bar, with K samples each


def means(model, image: np.ndarray, labels: np.ndarray, seed: int = 0) -> dict[str, float]:
    """The means over images of what `model.validation_terms` computes, each image with its own row seed.

    Args:
        model: a `tfgen.Model` that has `validation_terms(image, rows)`.
        image: bool, uint8 or float [N, H, W, C].
        labels: [N], for conditional models.
        seed: the integer seed of the rows.

    Returns:
        Name -> mean, for likelihood models "neg_elbo", "rate" and "distortion", nats per image.
    """
    rows = row_seeds(seed, len(image))
    totals: dict[str, float] = {}
    for part, condition in chunks(model, labels):
        terms = model.validation_terms(as_float(image[part]), rows[part], **condition)
        for name, values in terms.items():
            totals[name] = totals.get(name, 0.0) + float(np.sum(values, dtype=np.float64))
    return {name: total / len(image) for name, total in totals.items()}


def negative_log_likelihood(model, split, *, k: int, seed: int = 0, track=lambda loop, name: loop) -> dict:
    """-log p(x) of a split: exact, or the importance-weighted bound on it, with K samples of z (Burda et al. 2016).

    Args:
        model: a model whose `score` answers `log_likelihood`.
        split: a `tfgen.data.Split`.
        k: samples per image, of a bound.
        seed: the integer seed of the rows.
        track: wraps the loop over chunks of images, with a word that describes it.

    Returns:
        {"nll": the mean, nats per image, "nll_error": its standard error over images, "nll_k": K, of a bound}, and of a
        discrete likelihood "nll_bits_per_dim".
    """
    drawn = "seed" in model.signatures()["score"].inputs
    image, rows, parts = held_out(model, split), row_seeds(seed, len(split.images)), []
    for part, condition in track(chunks(model, split.labels, CHUNK), f"log-likelihood, K = {k}" if drawn else "NLL"):
        options = condition | ({"k": k, "seed": rows[part]} if drawn else {})
        parts.append(model.log_likelihood(image[part], **options))
    values = -np.concatenate(parts).astype(np.float64)
    found = {"nll": values.mean(), "nll_error": values.std(ddof=1) / np.sqrt(len(values))}
    found |= {"nll_k": k} if drawn else {}
    if model.pixels.is_discrete:
        found["nll_bits_per_dim"] = model.pixels.bits_per_dimension(found["nll"])
    return found


def report(model, dataset, seed: int = 0) -> dict[str, float]:
    """The metrics of the test split under the protocol, as `test_NAME`; the codes are drawn from `seed`.

    The probability of 8-bit levels, or a bound on it, is also given in bits for each channel of a pixel, as
    `test_nll_bits_per_dim` or `test_bits_per_dim`.
    """
    terms = means(model, held_out(model, dataset.test), dataset.test.labels, seed)
    for name, bits in (("neg_elbo", "bits_per_dim"), ("nll", "nll_bits_per_dim")):
        if model.pixels.is_discrete and name in terms:
            terms[bits] = model.pixels.bits_per_dimension(terms[name])
    return {f"test_{name}": round(value, 4) for name, value in terms.items()}
