"""What the page knows of a model besides its functions: shapes, classes, how active each dimension is, drawn codes."""

import base64
from pathlib import Path

import numpy as np

from export.page import program
from tfgen.quiet import tf
from tfgen.seeds import row_seeds

PARAMETERS = 5_000_000  # that a page holds at most
SEEDS = 256  # codes that are drawn with Python's own seeds, for the page to show
BASES = 6  # codes at which the effect of each dimension is measured


def of(model, source: str) -> dict:
    """The facts of a model as JSON holds them.

    Args:
        model: a `tfgen.Model` with a code.
        source: what `tfgen.load` loads it from.
    """
    codes, seeded = drawn(model)
    classes = [str(name) for name in model.class_names] if model.conditional else []

    def decode(latent, label):
        labels = {"label": tf.fill([len(latent)], np.int64(label))} if classes else {}
        return model.image_mean(tf.constant(latent), **labels).numpy()

    found = described(decode, codes, list(model.image_shape), classes)
    return found | {
        "name": Path(source).name,
        "draws": as_base64(codes) if seeded else "",
        "encodes": hasattr(model, "code"),
        "python": f"tfgen.load({source!r})",
    }


def described(decode, codes: np.ndarray, shape, classes: list[str]) -> dict:
    """What follows from codes, and from the images that `decode(codes, label)` makes of such."""
    low, high = codes.min(0), codes.max(0)
    flat = low == high
    low, high = np.where(flat, low - 1, low), np.where(flat, high + 1, high)
    return {
        "shape": [int(size) for size in shape],
        "dim": codes.shape[1],
        "classes": classes,
        "order": [int(dim) for dim in np.argsort(-activity(decode, codes, len(classes)), kind="stable")],
        "low": low.astype(float).round(4).tolist(),
        "high": high.astype(float).round(4).tolist(),
        "start": codes.mean(0).astype(float).round(4).tolist(),
    }


def as_base64(codes: np.ndarray) -> str:
    """Codes as the page reads them: base64 of little-endian float32."""
    return base64.b64encode(codes.astype("<f4").tobytes()).decode()


def drawn(model) -> tuple[np.ndarray, bool]:
    """Codes [SEEDS, Z], the k-th that of `model.sample(seed=k)`, and whether they are such.

    A model without a prior has none; then they are the codes of random images, and only show where codes lie.
    """
    if "sample" in model.signatures():
        rows = np.concatenate([row_seeds(seed, 1) for seed in range(SEEDS)])
        return model.draw_prior(tf.constant(rows)).numpy(), True
    blobs = np.random.default_rng(0).random((SEEDS, *model.image_shape), np.float32) < 0.2
    return np.asarray(model.code(tf.constant(blobs, tf.float32))), False


def activity(decode, codes: np.ndarray, classes: int) -> np.ndarray:
    """How much each dimension changes the image, [Z]: the mean square of a step of one standard deviation each way."""
    steps = np.diag(codes.std(0)).astype(np.float32)  # [Z, Z], a step per row
    total = np.zeros(len(steps))
    for number, base in enumerate(codes[:BASES].astype(np.float32)):
        up, down = (decode(base + sign * steps, number % max(1, classes)) for sign in (1, -1))
        total += np.square(up - down).reshape(len(steps), -1).mean(1)
    return total


def programs(model) -> dict[str, program.Program]:
    """`decode`, and `encode` where there is a posterior, of a model whose weights are rounded to half precision.

    Raises:
        ValueError: weights too large for half precision, an operation that the page does not compute, or more than
            `PARAMETERS` numbers.
    """
    program.rounded(model)
    label = [tf.TensorSpec([1], tf.int64)] if model.conditional else []

    def decode(latent, *labels):
        return model.image_mean(latent, **_condition(labels))

    def encode(image, *labels):
        return model.code(image, **_condition(labels))

    found = {"decode": program.program(decode, tf.TensorSpec([1, model.latent_dim]), *label)}
    if hasattr(model, "code"):
        found["encode"] = program.program(encode, tf.TensorSpec([1, *model.image_shape]), *label)
    if (count := sum(each.parameters for each in found.values())) > PARAMETERS:
        raise ValueError(f"it has {count:,} parameters, a page holds {PARAMETERS:,} at most")
    return found


def _condition(labels) -> dict:
    return {"label": labels[0]} if labels else {}
