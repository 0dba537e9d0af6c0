"""What a version may hold at most, and the error for what may not be in one.

Whoever reads a version bounds what he reads by what the contract lets him expect, before he reads it.
"""

import json
import math

NUMBERS = 2**22  # numbers of one row of one tensor
SIGNATURES = 64
VERSION = 2**63 - 1  # a server takes versions for 64-bit numbers
CLASSES = 2**16
FOLDERS = ("variables", "assets.extra", "assets")  # the last is always empty
INDEX, DATA = "variables/variables.index", "variables/variables.data-00000-of-00001"
CARD = "MODEL_CARD.md"
PICTURE = "samples.png"  # the one file that a version may lack: models that do not sample have none
MANIFEST = "manifest.json"
GRAPH, FINGERPRINT = "saved_model.pb", "fingerprint.pb"
FILES = {  # every file of a version, and its largest size in bytes; what holds tensors is bounded by the contract too
    GRAPH: 2**26,
    FINGERPRINT: 2**12,
    INDEX: 2**22,
    DATA: 2**33,
    "assets.extra/tf_serving_warmup_requests": 2**30,
    "signatures.json": 2**22,
    "golden.npz": 2**30,
    CARD: 2**22,
    PICTURE: 2**24,
    MANIFEST: 2**16,
}
CONSTANTS = 2**28  # bytes of all constants of a graph, once they are expanded
REPEATED = 2**20  # numbers of a constant that repeats its value
COUNT = 2**12  # inputs or outputs of an operation, parallel iterations of a loop
CALLS = 2**20  # nodes of a signature once every call is expanded


class RefusedError(ValueError):
    """A version holds what no version may hold, or lacks what it must hold; says what."""


def json_object(content: bytes, name: str) -> dict:
    """The object that a JSON file holds, in UTF-8, with no name twice and numbers that are finite.

    Raises:
        RefusedError: it holds anything else; the message begins with `name`, the file's.
    """

    def unique(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("it has a name twice")
        return dict(pairs)

    def finite(text):
        if not math.isfinite(float(text)):
            raise ValueError("a number is not finite")
        return float(text)

    try:
        value = json.loads(content.decode(), object_pairs_hook=unique, parse_float=finite, parse_constant=finite)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{name} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise RefusedError(f"{name} must hold an object")
    return value


def message(kind, content: bytes, name: str):
    """The protocol buffer that a file holds, written as TensorFlow writes it: no field is unknown or stated twice.

    Only then is it sure that every other parser finds in these bytes what is found here.

    Args:
        kind: the message's class.
        content: the file's bytes.
        name: the file's name, for the error.

    Raises:
        RefusedError: it holds anything else.
    """
    from google.protobuf.message import DecodeError

    try:
        parsed = kind.FromString(content)
    except (DecodeError, RecursionError):
        raise RefusedError(f"{name} is damaged") from None
    parsed.DiscardUnknownFields()
    if parsed.SerializeToString(deterministic=True) != content:
        raise RefusedError(f"{name} has unknown or repeated fields")
    return parsed
