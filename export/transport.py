"""How a request reaches TensorFlow Serving: as JSON over REST, or as protocol buffers over gRPC."""

import json

import numpy as np
import requests

from export import library

DTYPES = {"DT_FLOAT": np.dtype(np.float32), "DT_INT64": np.dtype(np.int64)}


class ServingError(RuntimeError):
    """A server refused a request, or did not answer in time; carries its message."""


def connect(url: str, model: str, version: int | None, timeout: float):
    """The transport that a URL names: http(s)://HOST:PORT for REST, grpc://HOST:PORT for gRPC. Raises ValueError."""
    scheme, separator, address = url.partition("://")
    if separator and address:
        if scheme in ("http", "https"):
            return Rest(url.rstrip("/"), model, version, timeout)
        if scheme == "grpc":
            return Grpc(address.rstrip("/"), model, version, timeout)
    raise ValueError(f"url must be http://HOST:PORT or grpc://HOST:PORT, got {url!r}")


class Rest:
    """TensorFlow Serving's REST interface: a request's tensors as whole columns of JSON."""

    def __init__(self, url: str, model: str, version: int | None, timeout: float):
        self.url = f"{url}/v1/models/{model}" + (f"/versions/{version}" if version is not None else "")
        self.timeout = timeout
        self.connections = requests.Session()

    def signatures(self) -> dict:
        """What the server says it serves: name -> {"inputs": {name: (dtype, shape)}, "outputs": {the same}}."""
        return _specs(self._ask("GET", f"{self.url}/metadata")["metadata"]["signature_def"])

    def predict(self, signature: str, inputs: dict, outputs: dict) -> dict:
        """Sends named arrays; the answer's, cast to the dtypes of `outputs`."""
        columns = {name: value.tolist() for name, value in inputs.items()}
        answer = self._ask("POST", f"{self.url}:predict", {"signature_name": signature, "inputs": columns})["outputs"]
        if len(outputs) == 1:  # the server leaves out the name of a single output
            answer = dict.fromkeys(outputs, answer)
        return {name: np.asarray(answer[name], dtype) for name, (dtype, _) in outputs.items()}

    def _ask(self, method: str, url: str, body=None) -> dict:
        try:
            reply = self.connections.request(method, url, json=body, timeout=self.timeout)
        except requests.Timeout as error:
            raise ServingError(f"{self.url} does not answer within {self.timeout:g} s") from error
        except requests.RequestException as error:
            raise ServingError(f"{self.url} cannot be reached: {_reason(error)}") from error
        try:
            answer = json.loads(reply.text)
        except ValueError:
            answer = {"error": reply.text.strip() or reply.reason}
        if not reply.ok or "error" in answer:
            raise ServingError(f"{self.url} answers {reply.status_code}: {answer.get('error', reply.reason)}")
        return answer


class Grpc:
    """TensorFlow Serving's gRPC interface, through the official stubs (`pip install "tfgen[serving]"`)."""

    def __init__(self, address: str, model: str, version: int | None, timeout: float):
        try:
            with library.protocol_buffers():
                import grpc
                from google.protobuf import json_format
                from tensorflow.core.framework import tensor_pb2
                from tensorflow_serving.apis import (
                    get_model_metadata_pb2,
                    model_pb2,
                    predict_pb2,
                    prediction_service_pb2_grpc,
                )
        except ImportError as error:
            raise ImportError(f'grpc:// needs pip install "tfgen[serving]" ({error})') from error
        self.address, self.timeout, self.grpc, self.as_json = address, timeout, grpc, json_format.MessageToDict
        self.tensor_proto, self.predict_pb2, self.metadata_pb2 = (
            tensor_pb2.TensorProto,
            predict_pb2,
            get_model_metadata_pb2,
        )
        self.spec = model_pb2.ModelSpec(name=model)
        if version is not None:
            self.spec.version.value = version
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self.channel = grpc.insecure_channel(address, unlimited)
        self.stub = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    def signatures(self) -> dict:
        """What the server says it serves, as `Rest.signatures`."""
        request = self.metadata_pb2.GetModelMetadataRequest(model_spec=self.spec, metadata_field=["signature_def"])
        listed = self.metadata_pb2.SignatureDefMap()
        self._ask(self.stub.GetModelMetadata, request).metadata["signature_def"].Unpack(listed)
        return _specs(self.as_json(listed, preserving_proto_field_name=True))

    def predict(self, signature: str, inputs: dict, outputs: dict) -> dict:
        """Sends named arrays; the answer's."""
        request = self.predict_pb2.PredictRequest(model_spec=self.spec)
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(encode(self.tensor_proto, value))
        answer = self._ask(self.stub.Predict, request).outputs
        return {name: decode(answer[name]) for name in outputs}

    def _ask(self, call, request):
        try:
            return call(request, timeout=self.timeout)
        except self.grpc.RpcError as error:
            code = error.code()
            if code is self.grpc.StatusCode.DEADLINE_EXCEEDED:
                raise ServingError(f"grpc://{self.address} does not answer within {self.timeout:g} s") from error
            raise ServingError(f"grpc://{self.address} answers {code.name}: {error.details()}") from error


_NUMBERED = {1: DTYPES["DT_FLOAT"], 9: DTYPES["DT_INT64"]}


def encode(tensor_proto, array: np.ndarray):
    """An array as a TensorProto."""
    number = next(number for number, dtype in _NUMBERED.items() if dtype == array.dtype)
    proto = tensor_proto(dtype=number, tensor_content=np.ascontiguousarray(array).tobytes())
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


def decode(proto) -> np.ndarray:
    """A TensorProto of float32 or int64 as an array, whichever of its two forms it has."""
    dtype, shape = _NUMBERED[proto.dtype], [dim.size for dim in proto.tensor_shape.dim]
    if proto.tensor_content:
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape).copy()
    values = np.array(proto.float_val if dtype == np.float32 else proto.int64_val, dtype)
    count = int(np.prod(shape))
    if 0 < len(values) < count:  # a run of equal last values is written once
        values = np.concatenate([values, np.full(count - len(values), values[-1], dtype)])
    return values.reshape(shape)


def _specs(listed: dict) -> dict:
    """A SignatureDefMap in its JSON form: signature -> {"inputs": {name: (dtype, shape)}, "outputs": {the same}}."""

    def spec(info: dict) -> tuple:
        return DTYPES.get(info.get("dtype")), [int(dim["size"]) for dim in info.get("tensor_shape", {}).get("dim", [])]

    return {
        name: {
            side: {key: spec(info) for key, info in definition.get(side, {}).items()} for side in ("inputs", "outputs")
        }
        for name, definition in listed["signature_def"].items()
    }


def _reason(error: Exception) -> str:
    cause = getattr(error.args[0], "reason", error) if error.args else error
    return str(cause).rpartition(": ")[2]
