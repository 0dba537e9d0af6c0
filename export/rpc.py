"""TensorFlow Serving's gRPC interface, by the official messages (`pip install '.[serving]'`)."""

import contextlib
import itertools
import json
import math
import os

import numpy as np
from google.protobuf.message import DecodeError
from requests.utils import should_bypass_proxies

from export import answers, library, limits
from export.answers import AnswerError, Deadline, LateError, said
from export.formats.options import install

SERVICE = "tensorflow.serving.PredictionService"
MESSAGE = 2**12  # bytes of an answer besides its numbers
NAMED = {1: "DT_FLOAT", 9: "DT_INT64"}
NUMBERED = {1: np.dtype(np.float32), 9: np.dtype(np.int64)}  # TensorFlow's enum DataType
BYTES = {"f": 4, "i": 10}  # that a number takes at most
RETRY = {  # after a closed connection: every request is idempotent
    "maxAttempts": 3,
    "initialBackoff": "0.02s",
    "maxBackoff": "0.1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
NO_PROXY = "no_grpc_proxy"
PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")  # of the environment, in the order in which gRPC looks


class Grpc:
    """The interface at an address.

    Attributes:
        name: the address, as a URL.
        secrets: texts that must not stand in a message.
    """

    secrets = ()

    def __init__(self, address: str, model: str, version: int | None = None, label: str | None = None):
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what a server does wrong is in the error
        try:
            with library.protocol_buffers():
                import grpc
                from tensorflow.core.framework import tensor_pb2
                from tensorflow_serving.apis import get_model_metadata_pb2, model_pb2, predict_pb2
        except ImportError as error:
            raise ImportError(f"grpc:// needs {install('serving')} ({error})") from error
        self.name, self.address = f"grpc://{address}", address
        self.grpc = grpc
        self.tensor_proto, self.predict_pb2, self.metadata_pb2 = (
            tensor_pb2.TensorProto,
            predict_pb2,
            get_model_metadata_pb2,
        )
        self.spec = model_pb2.ModelSpec(name=model)
        if version is not None:
            self.spec.version.value = version
        if label is not None:
            self.spec.version_label = label
        self.channel = grpc.insecure_channel(address, options())

    def signatures(self, deadline: Deadline) -> dict:
        """What the server says it serves, unchecked: the JSON form of a SignatureDefMap."""
        request = self.metadata_pb2.GetModelMetadataRequest(model_spec=self.spec, metadata_field=["signature_def"])
        answer, listed = self.metadata_pb2.GetModelMetadataResponse(), self.metadata_pb2.SignatureDefMap()
        read(answer, self._ask("GetModelMetadata", request, answers.LISTING, deadline))
        packed = answer.metadata["signature_def"]
        if not packed.Is(listed.DESCRIPTOR):
            raise AnswerError("lists no signatures")
        return listing(read(listed, packed.value))

    def predict(self, signature: str, inputs: dict, expected: dict, deadline: Deadline) -> dict:
        """Sends named arrays; the answer's, by name -> (dtype, shape) that are expected."""
        request = self.predict_pb2.PredictRequest(model_spec=self.spec)
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(encode(self.tensor_proto, value))
        body = self._ask("Predict", request, largest(expected), deadline)
        return arrays(read(self.predict_pb2.PredictResponse(), body), expected)

    def close(self) -> None:
        """Closes the connection."""
        self.channel.close()

    def _ask(self, method: str, request, size: int, deadline: Deadline) -> bytes:
        """The bytes of an answer, `size` at most. Raises AnswerError, LateError."""
        call = self.channel.unary_unary(f"/{SERVICE}/{method}", type(request).SerializeToString)
        try:
            answer = call(request, timeout=deadline.left())
        except self.grpc.RpcError as error:
            code = error.code()
            if code is self.grpc.StatusCode.DEADLINE_EXCEEDED:
                raise LateError(self._proxy()) from None
            words = said(error.details())
            if "HTTP/2" in words:  # what a REST port says is none
                words += "; this port does not answer gRPC, try http:// (export.serve answers REST only)"
            raise AnswerError(f"answers {code.name}{self._proxy()}: {words}") from None
        if answer is None:  # a status of OK alone
            raise AnswerError("answers nothing")
        if len(answer) > size:
            raise AnswerError(f"answers {len(answer)} bytes, where {size} are expected at most")
        return answer

    def _proxy(self) -> str:
        """The proxy of the environment that gRPC takes, for a message."""
        proxy = next(filter(None, map(os.environ.get, PROXIES)), None)
        with contextlib.suppress(ValueError):  # of an address that is not a host and port
            if proxy and not should_bypass_proxies(f"http://{self.address}", os.environ.get(NO_PROXY)):
                return f" (through the proxy {proxy.rpartition('@')[2]})"
        return ""


def options() -> list[tuple]:
    """The options of the channel: messages of bounded size, none of which is decompressed."""
    return [
        ("grpc.max_receive_message_length", BYTES["i"] * answers.NUMBERS + MESSAGE),
        ("grpc.max_send_message_length", -1),
        ("grpc.compression_enabled_algorithms_bitset", 1),  # none: what is compressed has no known size
        ("grpc.per_message_decompression", 0),
        ("grpc.service_config", json.dumps({"methodConfig": [{"name": [{"service": SERVICE}], "retryPolicy": RETRY}]})),
    ]


def read(message, body: bytes):
    """A message of the bytes of an answer. Raises AnswerError if they are none."""
    try:
        message.ParseFromString(body)
    except DecodeError:
        raise AnswerError(f"answers what is no {message.DESCRIPTOR.name}") from None
    return message


def listing(listed) -> dict:
    """The JSON form of a SignatureDefMap, of what matters in it."""

    def info(tensor) -> dict:
        dims = [{"size": dim.size} for dim in tensor.tensor_shape.dim[: answers.AXES + 1]]
        shape = {"dim": dims, "unknown_rank": tensor.tensor_shape.unknown_rank}
        return {"dtype": NAMED.get(tensor.dtype, f"dtype {tensor.dtype}"), "tensor_shape": shape}

    def side(tensors) -> dict:
        return {name: info(tensors[name]) for name in itertools.islice(tensors, answers.TENSORS + 1)}

    return {
        "signature_def": {
            name: {"inputs": side(each.inputs), "outputs": side(each.outputs)}
            for name, each in itertools.islice(listed.signature_def.items(), limits.SIGNATURES + 2)
        }
    }


def largest(expected: dict) -> int:
    """The bytes that an answer takes at most."""
    return MESSAGE + sum(BYTES[dtype.kind] * math.prod(shape) + 2**8 for dtype, shape in expected.values())


def encode(tensor_proto, array: np.ndarray):
    """An array as a TensorProto."""
    number = next(number for number, dtype in NUMBERED.items() if dtype == array.dtype)
    proto = tensor_proto(dtype=number, tensor_content=np.ascontiguousarray(array).tobytes())
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


def arrays(response, expected: dict) -> dict:
    """The named arrays of a PredictResponse, by name -> (dtype, shape) that are expected."""
    answers.check_names(response.outputs, expected)
    return {name: decode(name, response.outputs[name], *expected[name]) for name in expected}


def decode(name: str, proto, dtype: np.dtype, shape) -> np.ndarray:
    """A TensorProto of an expected dtype and shape as an array, whichever of its two forms it has."""
    sizes = [dim.size for dim in proto.tensor_shape.dim[: len(shape) + 1]]
    if NUMBERED.get(proto.dtype) != dtype or sizes != list(shape) or proto.tensor_shape.unknown_rank:
        found = f"{NUMBERED.get(proto.dtype, f'dtype {proto.dtype}')} {sizes}"
        raise AnswerError(f"answers {name} as {found}, not {dtype} {list(shape)}")
    count, content = math.prod(shape), proto.tensor_content
    values = proto.float_val if dtype.kind == "f" else proto.int64_val
    if content and len(values):
        raise AnswerError(f"answers {name} in two forms at once")
    if content:
        if len(content) != count * dtype.itemsize:
            raise AnswerError(f"answers {name} in {len(content)} bytes, not {count * dtype.itemsize}")
        return np.frombuffer(content, dtype).reshape(shape).copy()
    if not 0 < len(values) <= count:
        raise AnswerError(f"answers {name} with {len(values)} numbers, not {count}")
    whole = np.array(values, dtype)  # a run of equal last values is written once
    return np.concatenate([whole, np.full(count - len(whole), whole[-1], dtype)]).reshape(shape)
