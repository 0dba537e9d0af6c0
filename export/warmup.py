"""Warm-up records: what TensorFlow Serving answers once, by itself, before a version takes its first request.

A record is a `tensorflow.serving.PredictionLog` with a golden request. The message is declared here, with the fields
that such a record has, so that exporting and verifying need no more than TensorFlow.
"""

import functools
from pathlib import Path

from export import graph, library
from export.limits import RefusedError

FILE = "assets.extra/tf_serving_warmup_requests"
PACKAGE = "tensorflow.serving"
MESSAGES = {  # message -> field -> (number, type)
    "ModelSpec": {"name": (1, "string"), "signature_name": (3, "string")},
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "InputsEntry")},
    "PredictLog": {"request": (1, "PredictRequest")},
    "PredictionLog": {"predict_log": (6, "PredictLog")},
}
NUMBERS = {name: number for number, name in graph.NUMPY.items()}
CASTAGNOLI = 0x82F63B78  # the polynomial of CRC-32C, bits reversed
FRAME = 12, 4  # bytes before a record, its length and the checksum of that; and behind it, its own checksum


def write(version: Path, model_name: str, golden: dict) -> None:
    """Writes one warm-up record a signature into a version, the golden request of that signature."""
    path = version / FILE
    path.parent.mkdir(exist_ok=True)
    records = [record(model_name, signature, sides["inputs"]) for signature, sides in golden.items()]
    path.write_bytes(b"".join(map(framed, records)))


def check(content: bytes, model_name: str, golden: dict) -> str:
    """Raises RefusedError unless a file holds just the golden requests, one record each, with whole checksums."""
    expected = [record(model_name, signature, sides["inputs"]) for signature, sides in golden.items()]
    found, place = [], 0
    while place < len(content):
        start = place + FRAME[0]
        end = start + int.from_bytes(content[place : place + 8], "little")
        if len(found) == len(expected) or content[place : end + FRAME[1]] != framed(content[start:end]):
            raise RefusedError(f"{FILE} is damaged, or has more than {len(expected)} records")
        found.append(_parsed(content[start:end]))
        place = end + FRAME[1]
    if found != [_log().FromString(each) for each in expected]:
        raise RefusedError(f"{FILE} holds other requests than the golden ones")
    return f"{len(found)} records, the golden requests"


def record(model_name: str, signature: str, inputs: dict) -> bytes:
    """A serialized PredictionLog of one request: inputs name -> array."""
    log = _log()()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = model_name, signature
    for name, array in inputs.items():
        tensor = request.inputs[name]
        tensor.dtype, tensor.tensor_content = NUMBERS[str(array.dtype)], array.tobytes()
        for size in array.shape:
            tensor.tensor_shape.dim.add(size=size)
    return log.SerializeToString(deterministic=True)


def _parsed(content: bytes):
    from google.protobuf.message import DecodeError

    try:
        log = _log().FromString(content)
    except DecodeError:
        raise RefusedError(f"a record of {FILE} is damaged") from None
    log.DiscardUnknownFields()
    if log.ByteSize() != len(content):
        raise RefusedError(f"a record of {FILE} has unknown or repeated fields")
    return log


@functools.cache
def _log():
    """The class of PredictionLog. The messages have a pool of their own, beside that of the official stubs."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    pool, file = descriptor_pool.DescriptorPool(), descriptor_pb2.FileDescriptorProto()
    for name in ("types", "tensor_shape", "resource_handle", "tensor"):
        module = library.protocol(f"core.framework.{name}_pb2")
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    file.name, file.package, file.syntax = "warmup.proto", PACKAGE, "proto3"
    file.dependency.append("tensorflow/core/framework/tensor.proto")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _declare(message, field, number, f".{PACKAGE}.{kind}")
    request = next(message for message in file.message_type if message.name == "PredictRequest")
    entry = request.nested_type.add(name="InputsEntry")
    entry.options.map_entry = True
    _declare(entry, "key", 1, "string")
    _declare(entry, "value", 2, ".tensorflow.TensorProto")
    inputs = next(field for field in request.field if field.name == "inputs")
    inputs.type_name, inputs.label = f".{PACKAGE}.PredictRequest.InputsEntry", inputs.LABEL_REPEATED
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.PredictionLog"))


def _declare(message, name: str, number: int, kind: str) -> None:
    field = message.field.add(name=name, number=number)
    field.label = field.LABEL_OPTIONAL
    if kind.endswith("string"):
        field.type = field.TYPE_STRING
    else:
        field.type, field.type_name = field.TYPE_MESSAGE, kind


def framed(content: bytes) -> bytes:
    """A record as TFRecord files hold it."""
    length = len(content).to_bytes(8, "little")
    return length + _checksum(length) + content + _checksum(content)


@functools.cache
def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (CASTAGNOLI if value & 1 else 0)
        table.append(value)
    return table


def _checksum(content: bytes) -> bytes:
    """CRC-32C, masked as TFRecord files have it (tensorflow/core/lib/hash/crc32c.h)."""
    table, value = _table(), 0xFFFFFFFF
    for byte in content:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    value ^= 0xFFFFFFFF
    return (((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")
