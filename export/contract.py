"""The contract: which signatures a served model has, with the names, dtypes and shapes of their tensors.

The leading axis of every tensor is the batch, -1. No tensor is a scalar, so that a server may merge requests.
"""

FILE = "signatures.json"  # where a version keeps its own
CLASSES = 10
IMAGE_SHAPE = (28, 28, 1)
DEFAULT = "serving_default"  # the signature of a request that names none; the same as "sample"

IMAGE = {"dtype": "float32", "shape": [-1, *IMAGE_SHAPE]}  # in [0, 1]
SEED = {"dtype": "int64", "shape": [-1]}  # row seeds
DIGIT = {"dtype": "int64", "shape": [-1]}  # in 0..9; another value gives a row of NaN
NUMBER = {"dtype": "float32", "shape": [-1]}  # nats, or a logit


def signatures(*, latent_dim: int, conditional: bool, posterior: str | None, score: bool, logit: bool) -> dict:
    """The signatures of a model with these capabilities.

    Args:
        latent_dim: dimensions Z of the code.
        conditional: whether everything but `discriminate` takes `digit` as well.
        posterior: "moments" if a code is encoded as mean and standard deviation, "draw" if as a draw with its density,
            None if the model has no posterior.
        score: whether it bounds log p(x).
        logit: whether it tells real images from drawn ones.

    Returns:
        Name -> {"inputs": {name: {"dtype", "shape"}}, "outputs": {the same}}.
    """
    latent = {"dtype": "float32", "shape": [-1, latent_dim]}
    given = {"digit": DIGIT} if conditional else {}
    sample = _signature({"seed": SEED, **given}, {"image": IMAGE})
    table = {DEFAULT: sample, "sample": sample, "decode": _signature({"latent": latent, **given}, {"image": IMAGE})}
    if posterior == "moments":
        table["encode"] = _signature({"image": IMAGE, **given}, {"latent_mean": latent, "latent_stddev": latent})
    if posterior == "draw":
        outputs = {"latent": latent, "log_density": NUMBER}
        table["encode"] = _signature({"image": IMAGE, "seed": SEED, **given}, outputs)
    if posterior:
        table["reconstruct"] = _signature({"image": IMAGE, **given}, {"image": IMAGE})
    if score:
        outputs = {"elbo": NUMBER, "log_likelihood": NUMBER}
        table["score"] = _signature({"image": IMAGE, "seed": SEED, **given}, outputs)
    if logit:
        table["discriminate"] = _signature({"image": IMAGE}, {"logit": NUMBER})
    return table


def _signature(inputs: dict, outputs: dict) -> dict:
    return {"inputs": inputs, "outputs": outputs}
