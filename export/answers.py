"""What a server may answer: the one check that both transports end in. Nothing that a server says is believed before.

A server lists its signatures, which must keep the contract (`signatures`). They say which names, dtypes and shapes an
answer has, and so how large it may be, before it is read (`expected`); what was read is compared with them (`check`).
"""

import itertools
import math
import re
import time

import numpy as np

from export import contract, limits
from tfgen import checks

LISTING = 2**18  # bytes of an answer that lists signatures; those of a model of the zoo take 20,000
NUMBERS = 2**19  # of the inputs, and of the outputs, of one request
TENSORS, AXES = 16, 8  # of one side of a signature, and of a tensor
OUT_OF_RANGE = 1e-4  # how far rounding may carry a pixel out of [0, 1]
DTYPES = {"DT_FLOAT": "float32", "DT_INT64": "int64"}  # those of the contract, by the names of TensorFlow's enum
SIZE = re.compile(r"-1|[0-9]{1,10}")


class ServingError(RuntimeError):
    """A server refused a request, did not answer in time, or answered what the contract does not allow."""


class AnswerError(ValueError):
    """What is wrong with an answer, as a clause whose subject is the server."""


class LateError(Exception):
    """The deadline of a request is over."""


class Deadline:
    """When a request must be over: all of it, from the connection to the last check of its answer."""

    def __init__(self, seconds: float):
        self.end = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds that are left, above 0. Raises LateError if there are none."""
        seconds = self.end - time.monotonic()
        if seconds <= 0:
            raise LateError
        return seconds


def said(text, most: int = 300) -> str:
    """What a server said, fit for a message."""
    return checks.shortened(str(text), most)


def without(text: str, secrets) -> str:
    """A text in which each of some secrets is replaced by stars."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def signatures(listed) -> dict:
    """The signatures of a model from the JSON form of its SignatureDefMap.

    Returns:
        Name -> {"inputs": {name: (dtype, shape)}, "outputs": {the same}}; those of TensorFlow's own, `__...`, left out.

    Raises:
        AnswerError: the listing is malformed, breaks the contract, or asks for more numbers than a request has.
    """
    definitions = _object(_object(listed, "metadata").get("signature_def"), "signature_def")
    definitions = {name: each for name, each in definitions.items() if not name.startswith("__")}
    _count(definitions, limits.SIGNATURES, "signatures")
    found = {name: _sides(name, _object(each, name)) for name, each in definitions.items()}
    if broken := contract.served(found):
        raise AnswerError(f"lists signatures that break the contract: {said('; '.join(broken))}")
    for name, sides in found.items():
        for side, specs in sides.items():
            numbers = sum(math.prod(spec["shape"][1:]) for spec in specs.values())
            if numbers > NUMBERS:
                raise AnswerError(
                    f"lists {said(name)} with {numbers} numbers per row among its {side}, above {NUMBERS}"
                )
    return {
        name: {
            side: {key: (np.dtype(spec["dtype"]), spec["shape"]) for key, spec in specs.items()}
            for side, specs in sides.items()
        }
        for name, sides in found.items()
    }


def _sides(name: str, definition: dict) -> dict:
    sides = {}
    for side in ("inputs", "outputs"):
        tensors = _object(definition.get(side, {}), f"{side} of {said(name)}")
        _count(tensors, TENSORS, f"{side} of {said(name)}")
        sides[side] = {key: _spec(_object(info, key)) for key, info in tensors.items()}
    return sides


def _spec(info: dict) -> dict:
    shape = _object(info.get("tensor_shape", {}), "tensor_shape")
    dims = shape.get("dim", [])
    if not isinstance(dims, list) or len(dims) > AXES or shape.get("unknown_rank"):
        raise AnswerError("lists a tensor without a shape")
    sizes = [str(_object(dim, "dim").get("size", 0)) for dim in dims]
    if not all(map(SIZE.fullmatch, sizes)):
        raise AnswerError(f"lists a tensor of shape {said(sizes)}")
    dtype = str(info.get("dtype"))
    return {"dtype": DTYPES.get(dtype, said(dtype, 30)), "shape": [int(size) for size in sizes]}


def _object(value, name: str) -> dict:
    if not isinstance(value, dict):
        raise AnswerError(f"lists no object {said(name, 60)}")
    return value


def _count(listed: dict, most: int, what: str) -> None:
    if not 0 < len(listed) <= most:
        raise AnswerError(f"lists {len(listed)} {what}, there must be 1 to {most}")
    if long := [name for name in listed if len(name) > 100]:
        raise AnswerError(f"lists {said(long[0], 60)} among {what}, a name of {len(long[0])} characters")


def expected(outputs: dict, rows: int) -> dict:
    """What the answer to a request of some rows must have: name -> (dtype, shape)."""
    return {name: (dtype, (rows, *shape[1:])) for name, (dtype, shape) in outputs.items()}


def rows_a_request(sides: dict, most: int) -> int:
    """How many rows of a signature are sent at once: `most`, or as many as have no more than `NUMBERS` numbers."""
    row = max(sum(math.prod(shape[1:]) for _, shape in specs.values()) for specs in sides.values())
    return max(1, min(most, NUMBERS // max(1, row)))


def check(answer: dict, expected: dict, inputs: dict, classes=None) -> None:
    """Raises AnswerError unless an answer is one that the contract allows.

    Args:
        answer: name -> array, as read.
        expected: name -> (dtype, shape).
        inputs: what was sent, name -> array.
        classes: the names of the classes, if they are known.

    The names, dtypes and shapes are those expected. All numbers are finite and pixels lie in [0, 1], but for rows that
    the model refuses, of a label that names no class or of an image with a pixel outside [0, 1]: these are all NaN.
    """
    check_names(answer, expected)
    for name, (dtype, shape) in expected.items():
        if (answer[name].dtype, answer[name].shape) != (dtype, tuple(shape)):
            found = f"{answer[name].dtype} {list(answer[name].shape)}"
            raise AnswerError(f"answers {name} as {found}, not {dtype} {list(shape)}")
    floats = {name: _rows(value) for name, value in answer.items() if value.dtype.kind == "f"}
    if not floats:
        return
    refused = _refused(np.all([np.isnan(value).all(1) for value in floats.values()], 0), inputs, classes)
    for name, value in floats.items():
        wrong = ~np.isfinite(value).all(1) & ~refused
        if wrong.any():
            row = int(wrong.argmax())
            label = f", whose label is {inputs['label'][row]}" if "label" in inputs else ""
            raise AnswerError(f"answers {name} with NaN or infinity in row {row}{label}")
        if name == "image" and (np.abs(value[~refused] - 0.5) > 0.5 + OUT_OF_RANGE).any():
            raise AnswerError("answers image with pixels outside [0, 1]")


def check_names(answer, expected: dict) -> None:
    """Raises AnswerError unless an answer has the names that are expected, and no others."""
    if len(answer) != len(expected) or set(answer) != set(expected):  # a long list is not gone through
        names = said(", ".join(sorted(map(str, itertools.islice(answer, 2 * TENSORS))))) or "nothing"
        raise AnswerError(f"answers {names}, not {', '.join(sorted(expected))}")


def blank(answer: dict, rows: int) -> np.ndarray:
    """Which rows of an answer hold nothing but NaN, bool [rows]: what a server answers to a label of no class."""
    floats = [_rows(value) for value in answer.values() if value.dtype.kind == "f"]
    return np.all([np.isnan(value).all(1) for value in floats], 0) if floats else np.zeros(rows, bool)


def _refused(blank: np.ndarray, inputs: dict, classes) -> np.ndarray:
    """Which of the rows of nothing but NaN may be such.

    Where the number of classes is not known, a label is out of range if it is above all labels that are answered; 0
    is a class of every model that takes labels.
    """
    may = np.zeros(len(blank), bool)
    if "image" in inputs:
        may |= ~((inputs["image"] >= 0) & (inputs["image"] <= 1)).reshape(len(blank), -1).all(1)
    if "label" in inputs:
        label = inputs["label"]
        known = max([0, *label[~blank].tolist()]) + 1 if classes is None else len(classes)
        may |= (label < 0) | (label >= known)
    return blank & may


def _rows(value: np.ndarray) -> np.ndarray:
    """An array [B, ...] as [B, N]."""
    return value.reshape(len(value), math.prod(value.shape[1:]))
