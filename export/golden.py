"""Golden requests: for every signature a small batch and the answer that the model gives in Python.

Whoever serves the model, on whatever processor, can send the requests and compare.
"""

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from export import contract
from tfgen import checks, files

NAME = "golden.npz"
ROWS = 8
ABSOLUTE, RELATIVE = 1e-4, 1e-5  # other processors round otherwise; the relative part is for hundreds of nats
OVERHEAD = 1024  # bytes that an array's header and its place in the archive take at most
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


def most(signatures: dict) -> int:
    """The bytes that the golden requests of these signatures can take, uncompressed and with all headers."""
    return sum(_size(spec) + OVERHEAD for spec in _specs(signatures).values())


def read(version: Path) -> dict:
    """The golden requests of a version, as `make` returns them, for the signatures that its facts state.

    Raises:
        FileNotFoundError: it has none, or no facts. ValueError: they are damaged, or not of these signatures.
    """
    signatures = contract.read(version)["signatures"]
    return parse(files.read(version / NAME, most(signatures)), signatures)


def parse(content: bytes, signatures: dict) -> dict:
    """Golden requests from the content of their file.

    Args:
        content: the file's bytes.
        signatures: those of the contract, name -> {"inputs", "outputs"}.

    Raises:
        ValueError: it holds other tensors than theirs, or is damaged. No tensor is read before its size is known to be
            right.
    """
    golden: dict = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            expected = _specs(signatures)
            if sorted(member.filename for member in members) != sorted(f"{key}.npy" for key in expected):
                raise ValueError("it holds other tensors than the signatures of the contract have")
            for key, spec in expected.items():
                signature, side, name = key.split("/")
                member = archive.getinfo(f"{key}.npy")
                with archive.open(member) as array:
                    sides = golden.setdefault(signature, {"inputs": {}, "outputs": {}})
                    sides[side][name] = _array(array, member.file_size, spec)
    except Exception as error:  # zipfile and NumPy raise errors of many kinds for a damaged file
        reason = checks.shortened(str(error), 200) or type(error).__name__
        raise ValueError(f"{NAME} is damaged: {reason}") from None
    return golden


def _specs(signatures: dict) -> dict:
    """The tensors of signatures by their names in the archive, SIGNATURE/inputs/NAME."""
    return {
        f"{signature}/{side}/{name}": spec
        for signature, sides in signatures.items()
        for side, specs in sides.items()
        for name, spec in specs.items()
    }


def _array(content, size: int, spec: dict) -> np.ndarray:
    """An array in NumPy's format, read once its header is what the contract lets expect."""
    if np.lib.format.read_magic(content) != (1, 0):
        raise ValueError("an array of another version of NumPy's format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(content, max_header_size=OVERHEAD)
    if fortran or (shape, dtype) != ((ROWS, *spec["shape"][1:]), np.dtype(spec["dtype"])):
        raise ValueError(f"an array {dtype} {list(shape)}")
    expected = math.prod(shape) * dtype.itemsize
    if not expected < size <= expected + OVERHEAD:
        raise ValueError(f"an array of {expected} bytes in {size}")
    values = content.read(expected + 1)  # to the end, where the archive's checksum is compared
    if len(values) != expected:
        raise ValueError(f"an array of {expected} bytes in {len(values)}")
    return np.frombuffer(values, dtype).reshape(shape).copy()


def _size(spec: dict) -> int:
    return ROWS * math.prod(spec["shape"][1:]) * np.dtype(spec["dtype"]).itemsize


def agree(answer, expected) -> bool:
    """Whether an answer is the golden one, up to rounding."""
    return np.shape(answer) == np.shape(expected) and np.allclose(answer, expected, RELATIVE, ABSOLUTE)


def distance(answer, expected) -> float:
    """The largest absolute difference."""
    return float(np.max(np.abs(np.asarray(answer, np.float64) - expected), initial=0))
