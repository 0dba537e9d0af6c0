"""Golden requests: for every signature a small batch and the answer that the model gives in Python.

Whoever serves the model, on whatever processor, can send the requests and compare.
"""

from pathlib import Path

import numpy as np

NAME = "golden.npz"
ROWS = 8
ABSOLUTE, RELATIVE = 1e-4, 1e-5  # other processors round otherwise; the relative part is for hundreds of nats
LARGEST_SEED = 2**53 - 1  # what JSON carries exactly


def make(model, table: dict, score_samples: int) -> dict:
    """Asks a `tfgen.Model` through its public functions.

    Args:
        model: the model.
        table: its signatures, from `contract.signatures`.
        score_samples: K of `score`.

    Returns:
        Signature -> {"inputs": {name: array}, "outputs": {name: array}}, `ROWS` rows each.
    """
    seed = np.arange(ROWS, dtype=np.int64)
    seed[-2:] = 7 * 2**20, LARGEST_SEED
    given = {"digit": np.arange(ROWS, dtype=np.int64) % 10} if model.conditional else {}
    image = np.asarray(model.sample(ROWS, seed=seed, **given))
    latent = np.random.default_rng(0).standard_normal((ROWS, model.latent_dim), np.float32)
    values = {"seed": seed, "image": image, "latent": latent, **given}
    ask = {
        "sample": lambda: [image],
        "decode": lambda: [model.decode(latent, **given)],
        "encode": lambda: model.encode(image, **_seeded(table["encode"], seed), **given),
        "reconstruct": lambda: [model.reconstruct(image, **given)],
        "score": lambda: [
            model.elbo(image, seed=seed, **given),
            model.log_likelihood(image, k=score_samples, seed=seed, **given),
        ],
        "discriminate": lambda: [model.discriminate(image)],
    }
    golden = {}
    for name, signature in table.items():
        answers = ask.get(name, ask["sample"])()
        outputs = {key: np.asarray(answer) for key, answer in zip(signature["outputs"], answers, strict=True)}
        golden[name] = {"inputs": {key: values[key] for key in signature["inputs"]}, "outputs": outputs}
    return golden


def write(path: Path, golden: dict) -> None:
    """Writes golden requests as a NumPy archive of arrays named SIGNATURE/inputs/NAME and SIGNATURE/outputs/NAME."""
    arrays = {
        f"{signature}/{side}/{name}": array
        for signature, sides in golden.items()
        for side, tensors in sides.items()
        for name, array in tensors.items()
    }
    np.savez_compressed(path, **arrays)


def read(path: Path) -> dict:
    """The golden requests of a version, as `make` returns them."""
    golden: dict = {}
    with np.load(path) as arrays:
        for key in arrays.files:
            signature, side, name = key.split("/")
            golden.setdefault(signature, {"inputs": {}, "outputs": {}})[side][name] = arrays[key]
    return golden


def agree(answer, expected) -> bool:
    """Whether an answer is the golden one, up to rounding."""
    return np.shape(answer) == np.shape(expected) and np.allclose(answer, expected, RELATIVE, ABSOLUTE)


def distance(answer, expected) -> float:
    """The largest absolute difference."""
    return float(np.max(np.abs(np.asarray(answer, np.float64) - expected), initial=0))


def _seeded(signature: dict, seed) -> dict:
    return {"seed": seed} if "seed" in signature["inputs"] else {}
