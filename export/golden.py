"""Golden requests: for every signature a small batch and the answer that the model gives in Python.

Whoever serves the model, on whatever processor, can send the requests and compare.
"""

from pathlib import Path

import numpy as np

NAME = "golden.npz"
ROWS = 8
ABSOLUTE, RELATIVE = 1e-4, 1e-5  # other processors round otherwise; the relative part is for hundreds of nats
LARGEST_SEED = 2**53 - 1  # what JSON carries exactly


def make(table: dict, classes: int) -> dict:
    """Asks a model, through the functions of its signatures.

    Args:
        table: name -> `tfgen.models.signatures.Signature`, from `Model.signatures`.
        classes: the number of classes that `label` may name; 0 for a model that takes no label.

    Returns:
        Signature -> {"inputs": {name: array}, "outputs": {name: array}}, `ROWS` rows each.
    """
    from tfgen.quiet import tf

    generator = np.random.default_rng(0)
    values = {"seed": np.arange(ROWS, dtype=np.int64), "label": np.arange(ROWS, dtype=np.int64) % max(1, classes)}
    values["seed"][-2:] = 7 * 2**20, LARGEST_SEED
    answered = {}

    def ask(signature) -> dict:
        inputs = {}
        for name, spec in signature.inputs.items():
            if name not in values:
                values[name] = _example(name, spec, generator)
            inputs[name] = values[name]
        if signature.function not in answered:  # serving_default is another name of sample
            tensors = {name: tf.constant(value) for name, value in inputs.items()}
            specs = {name: tf.TensorSpec(value.shape, value.dtype, name) for name, value in tensors.items()}
            function = tf.function(signature.function, autograph=False).get_concrete_function(**specs)
            outputs = function(**tensors)
            answered[signature.function] = {name: outputs[name].numpy() for name in signature.outputs}
        return {"inputs": inputs, "outputs": answered[signature.function]}

    if "sample" in table:
        values["image"] = ask(table["sample"])["outputs"]["image"]
    return {name: ask(signature) for name, signature in table.items()}


def _example(name: str, spec: dict, generator) -> np.ndarray:
    """Numbers for an input that the caller has no better ones for; the same for each signature that takes it."""
    shape = [ROWS, *spec["shape"][1:]]
    if spec["dtype"] == "int64":
        return np.zeros(shape, np.int64)
    if name == "image":
        return generator.random(shape, np.float32)
    return generator.standard_normal(shape, np.float32)


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
    with path.open("rb") as file, np.load(file) as arrays:  # which leaves a damaged file open
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
