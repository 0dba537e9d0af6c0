"""JSON of TensorFlow Serving's REST interface as tensors, and back, by the rules of its json_tensor.cc.

Row format is {"instances": [...]}, a value or an object of named values for each row; columnar format is
{"inputs": ...}, an object of named columns, or the one column. Answers are {"predictions": ...} and {"outputs": ...}.
NaN and infinity stand bare in both directions, as in the server's.
"""

import json

import numpy as np

from export.server.refusals import Refusal

SHOWN = 256  # characters of a value in a message
KINDS = {"int64": "i", "float32": "iuf"}  # dtype -> the kinds of NumPy arrays whose numbers it takes
WORDS = {"int64": "int64", "float32": "float"}  # dtype -> the name in messages
INT64 = range(-(2**63), 2**63)
_decoder = json.JSONDecoder()


def parse(body: bytes) -> dict:
    """The object that a request holds; what follows it is ignored, as by the server."""
    if not body:
        raise Refusal("JSON Parse error: The document is empty.")
    try:
        text = body.decode("utf-8-sig").lstrip(" \t\r\n")
        value, _ = _decoder.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(f"JSON Parse error: Invalid value. at offset: {getattr(error, 'pos', 0)}") from None
    if not isinstance(value, dict):
        raise Refusal(f"JSON Value: {_shown(value)} Is not object")
    return value


def signature(request: dict, default: str) -> str:
    """The signature that a request names."""
    name = request.get("signature_name", default)
    if not isinstance(name, str):
        raise Refusal(
            f"JSON Value: {_shown(request)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name or default


def tensors(request: dict, dtypes: dict, body: bytes) -> tuple[dict, bool]:
    """The named tensors of a request.

    Args:
        request: the object that it holds.
        dtypes: name -> dtype of every input of the signature.
        body: its text.

    Returns:
        Name -> array, and whether they came in row format.

    Raises:
        Refusal: a value of another type, nested lists of unequal lengths, other names.
    """
    plain = b"true" not in body and b"false" not in body  # NumPy takes these for numbers
    if "instances" in request and "inputs" in request:
        raise Refusal(
            f"JSON Value: {_shown(request)} Not formatted correctly expecting only one of 'inputs' or 'instances' "
            "keys to exist "
        )
    if "instances" in request:
        rows = request["instances"]
        if not isinstance(rows, list):
            raise Refusal(f"JSON Value: {_shown(request)} Expecting 'instances' to be an list/array")
        if not rows:
            raise Refusal(f"JSON Value: {_shown(request)} No values in 'instances' array")
        return _rows(rows, dtypes, plain), True
    if "inputs" in request:
        return _columns(request["inputs"], dtypes, plain), False
    raise Refusal("Missing 'inputs' or 'instances' key")


def answer(outputs: dict, by_row: bool) -> bytes:
    """Named arrays as the JSON of an answer."""
    if not by_row:
        listed = {name: value.tolist() for name, value in outputs.items()}
        return json.dumps({"outputs": listed if len(listed) > 1 else next(iter(listed.values()))}).encode()
    listed = [value.tolist() for value in outputs.values()]
    rows = [dict(zip(outputs, row, strict=True)) for row in zip(*listed, strict=True)] if len(listed) > 1 else listed[0]
    return json.dumps({"predictions": rows}).encode()


def _columns(columns, dtypes: dict, plain: bool) -> dict:
    if not isinstance(columns, dict) or _is_base64(columns):
        if len(dtypes) > 1:
            raise Refusal(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        columns = dict.fromkeys(dtypes, columns)
    for name in dtypes:
        if name not in columns:
            raise Refusal(f"Missing named input: {name} in 'inputs' object.")
    return {name: _tensor(columns[name], dtype, plain) for name, dtype in dtypes.items()}


def _rows(rows: list, dtypes: dict, plain: bool) -> dict:
    """Rows as columns: at once where all is as it should be, else one by one to find what is not."""
    if not isinstance(rows[0], dict) and len(dtypes) > 1:
        raise Refusal(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    named = _is_row(rows[0])
    if named and all(_is_row(row) and row.keys() == dtypes.keys() for row in rows):
        stacked = {name: [row[name] for row in rows] for name in dtypes}
    elif not named and not any(map(_is_row, rows)):
        stacked = dict.fromkeys(dtypes, rows)
    else:
        stacked = {}
    columns = {name: _at_once(stacked[name], dtypes[name]) for name in stacked} if plain else {}
    if columns and all(column is not None for column in columns.values()):
        return columns
    return _one_by_one(rows, named, dtypes)


def _one_by_one(rows: list, named: bool, dtypes: dict) -> dict:
    found: dict = {name: [] for name in dtypes}
    for number, row in enumerate(rows):
        if _is_row(row) != named:
            there, here = ("object", "list") if named else ("value/list", "object")
            raise Refusal(f"Expecting {there} but got {here} at item {number} of input list")
        place = f"Failed to process element: {number}"
        for name, value in row.items() if named else [(next(iter(dtypes)), row)]:
            where = f"{place} key: {name}" if named else place
            try:
                _add(value, name, dtypes, found)
            except Refusal as refusal:
                said = f"{where} of 'instances' list. Error: {refusal.code}: {refusal.message}"
                raise Refusal(said) from None
        if named and row.keys() != dtypes.keys():
            names = ",".join(sorted(dtypes))
            raise Refusal(f"{place} of 'instances' list. JSON object: {_shown(row)} keys must be equal to: {names}")
    return {name: np.stack(values) for name, values in found.items()}


def _add(value, name: str, dtypes: dict, found: dict) -> None:
    """Adds one row's value of a named input to those found before, which must be of its shape."""
    if name not in dtypes:
        raise Refusal(f"JSON object: does not have named input: {name}")
    made = _one(value, dtypes[name])
    first = found[name][0] if found[name] else made
    if made.size != first.size:
        raise Refusal(f"Expecting tensor size: {first.size} but got: {made.size}")
    if made.shape != first.shape:
        shapes = [f"[{','.join(map(str, each.shape))}]" for each in (first, made)]
        raise Refusal(f"Expecting shape {shapes[0]} but got: {shapes[1]}")
    found[name].append(made)


def _tensor(value, dtype: str, plain: bool) -> np.ndarray:
    """A JSON value as a tensor: nested lists of one shape, whole numbers for integers."""
    made = _at_once(value, dtype) if plain else None
    return _one(value, dtype) if made is None else made


def _at_once(value, dtype: str) -> np.ndarray | None:
    """The same by NumPy, or None where something in it may have another type. It must hold no true and no false."""
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):  # lists of unequal lengths
        return None
    if array.size and array.dtype.kind not in KINDS[dtype]:
        return None
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def _one(value, dtype: str) -> np.ndarray:
    """The same value by value, with the server's words for what is wrong."""
    shape, inner, numbers = [], value, []
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    _fill(value, 0, shape, dtype, numbers)
    with np.errstate(over="ignore"):
        return np.array(numbers, np.int64 if dtype == "int64" else np.float64).astype(dtype).reshape(shape)


def _fill(value, level: int, shape: list, dtype: str, numbers: list) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise Refusal(
                f"JSON Value: {_shown(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        right = isinstance(value, int if dtype == "int64" else (int, float)) and not isinstance(value, bool)
        if not right or (dtype == "int64" and value not in INT64):
            raise Refusal(f"JSON Value: {_shown(value)} Type: {_kind(value)} is not of expected type: {WORDS[dtype]}")
        numbers.append(value)
        return
    if level >= len(shape):
        raise Refusal(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise Refusal(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for element in value:
        _fill(element, level + 1, shape, dtype, numbers)


def _kind(value) -> str:
    if value is None or isinstance(value, bool):
        return str(value).replace("None", "Null")
    return {dict: "Object", list: "Array", str: "String"}.get(type(value), "Number")


def _is_row(value) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value) -> bool:
    return isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str)


def _shown(value) -> str:
    """A JSON value in a message: objects over several lines, lists on one, the first characters only."""

    def text(value, indent: str) -> str:
        if isinstance(value, list):
            return f"[{', '.join(text(each, indent) for each in value[:SHOWN])}]"
        if isinstance(value, dict) and value:
            inner = f"{indent}    "
            each = (f"{inner}{json.dumps(name)}: {text(value[name], inner)}" for name in list(value)[:SHOWN])
            return "{\n" + ",\n".join(each) + f"\n{indent}}}"
        return json.dumps(value, ensure_ascii=False)[:SHOWN]

    return text(value, "")[:SHOWN]
