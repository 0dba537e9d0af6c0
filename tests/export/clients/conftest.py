"""Two doubles of TensorFlow Serving over the C++ session: gRPC from the official stubs, REST by the JSON rules.

The rules are those of the server's own json_tensor.cc and http_rest_api_handler.cc; the binary itself is not run here.
"""

import contextlib
import http.server
import json
import re
import threading
import time
from concurrent import futures

import grpc
import numpy as np
import pytest
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

import tfgen
from export.session import Session, SessionError
from tfgen.quiet import tf

DTYPES = {1: np.float32, 9: np.int64}
PATH = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+))?(?:(:predict)|(/metadata))?")


class RefusedError(Exception):
    """What the server answers with an error: a gRPC status code and a message."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


class Models:
    """The models of a server, each at version 1; a function from a name to a session."""

    def __init__(self, opened):
        self.opened, self.delay, self.largest = opened, 0.0, 0

    def find(self, name: str, version) -> Session:
        if name not in tfgen.entries() or version not in (None, 1):
            number = f"Specific({version})" if version else "Latest"
            raise RefusedError(
                grpc.StatusCode.NOT_FOUND,
                f"Servable not found for request: {number.replace('Latest', f'Latest({name})')}",
            )
        return self.opened(name)

    def definition(self, session: Session, signature: str):
        if signature not in session.signatures:
            raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, f'Serving signature key "{signature}" not found.')
        return session.signatures[signature]

    def run(self, session: Session, signature: str, inputs: dict) -> dict:
        time.sleep(self.delay)
        self.largest = max([self.largest, *(len(value) for value in inputs.values())])
        try:
            return session.run(signature, inputs)
        except SessionError as error:
            raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """The gRPC interface."""

    def __init__(self, models: Models):
        self.models = models

    def _find(self, spec):
        return self.models.find(spec.name, spec.version.value if spec.HasField("version") else None)

    def Predict(self, request, context):  # noqa: N802
        try:
            session, signature = self._find(request.model_spec), request.model_spec.signature_name or "serving_default"
            wanted = set(self.models.definition(session, signature).inputs)
            if set(request.inputs) != wanted:
                message = f"input size does not match signature: {len(request.inputs)}!={len(wanted)}"
                raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, message)
            inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
            response = predict_pb2.PredictResponse()
            for name, value in self.models.run(session, signature, inputs).items():
                response.outputs[name].dtype = tf.as_dtype(value.dtype).as_datatype_enum
                response.outputs[name].tensor_shape.CopyFrom(tf.TensorShape(value.shape).as_proto())
                response.outputs[name].float_val.extend(value.ravel())  # the server's own form, not tensor_content
            return response
        except RefusedError as refused:
            context.abort(refused.code, refused.message)

    def GetModelMetadata(self, request, context):  # noqa: N802
        try:
            session = self._find(request.model_spec)
            listed = get_model_metadata_pb2.SignatureDefMap()
            for name, definition in session.signatures.items():
                listed.signature_def[name].CopyFrom(definition)
            response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=request.model_spec)
            response.metadata["signature_def"].Pack(listed)
            return response
        except RefusedError as refused:
            context.abort(refused.code, refused.message)


def tensor_of(value, info, name: str) -> np.ndarray:
    """A JSON value as the tensor of a named input: nested lists of one shape, whole numbers for integers."""
    integers = DTYPES[info.dtype] == np.int64

    def check(item):
        if isinstance(item, list):
            for element in item:
                check(element)
        elif isinstance(item, bool) or not isinstance(item, int if integers else (int, float)):
            kind = "int64" if integers else "float"
            raise RefusedError(400, f"JSON Value: {json.dumps(item)} Type: Number is not of expected type: {kind}")

    check(value)
    try:
        return np.asarray(value, DTYPES[info.dtype])
    except ValueError as error:
        raise RefusedError(400, "Encountered list at unexpected size") from error


def columns_of(body: dict, definition) -> tuple[dict, bool]:
    """The named tensors of a JSON request, in row or columnar format, and whether it was rows."""
    infos = definition.inputs
    if ("instances" in body) == ("inputs" in body):
        raise RefusedError(400, "Missing 'inputs' or 'instances' key")
    if "inputs" in body:
        columns = body["inputs"]
        if not isinstance(columns, dict):
            if len(infos) > 1:
                raise RefusedError(400, "inputs is a plain value/list, but expecting an object")
            columns = {next(iter(infos)): columns}
        for name in infos:
            if name not in columns:
                raise RefusedError(400, f"Missing named input: {name} in 'inputs' object.")
        return {name: tensor_of(columns[name], info, name) for name, info in infos.items()}, False
    rows = body["instances"]
    if not isinstance(rows, list) or not rows:
        raise RefusedError(400, "No values in 'instances' array")
    if not isinstance(rows[0], dict):
        if len(infos) > 1:
            raise RefusedError(400, "instances is a plain list, but expecting list of objects")
        rows = [{next(iter(infos)): row} for row in rows]
    for number, row in enumerate(rows):
        if set(row) != set(infos):
            raise RefusedError(400, f"Failed to process element: {number} of 'instances' list. keys must be equal to")
    return {name: tensor_of([row[name] for row in rows], info, name) for name, info in infos.items()}, True


class RestHandler(http.server.BaseHTTPRequestHandler):
    """The REST interface."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.answer(self.get)

    def do_POST(self):
        self.answer(self.post)

    def answer(self, handle):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            match = PATH.fullmatch(self.path)
            if not match:
                raise RefusedError(400, f"Malformed request: {self.command} {self.path}")
            name, version, *_ = match.groups()
            code, content = 200, handle(self.server.models.find(name, int(version) if version else None), match, body)
        except RefusedError as refused:
            code = {grpc.StatusCode.NOT_FOUND: 404, grpc.StatusCode.INVALID_ARGUMENT: 400}.get(refused.code, 400)
            content = {"error": refused.message}
        text = json.dumps(content).encode()  # NaN stands bare in it, as in the server's
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    def get(self, session, match, body):
        if not match[4]:
            return {"model_version_status": [{"version": "1", "state": "AVAILABLE"}]}
        listed = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in session.signatures.items():
            listed.signature_def[name].CopyFrom(definition)
        signatures = json_format.MessageToDict(
            listed, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        spec = {"name": match[1], "signature_name": "", "version": "1"}
        return {"model_spec": spec, "metadata": {"signature_def": signatures}}

    def post(self, session, match, body):
        try:
            request = json.loads(body)
        except ValueError as error:
            raise RefusedError(400, "JSON Parse error: Invalid value.") from error
        signature = request.get("signature_name", "serving_default")
        definition = self.server.models.definition(session, signature)
        inputs, by_row = columns_of(request, definition)
        outputs = {name: value.tolist() for name, value in self.server.models.run(session, signature, inputs).items()}
        if not by_row:
            return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}
        rows = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
        return {"predictions": rows if len(outputs) > 1 else [next(iter(row.values())) for row in rows]}


@pytest.fixture(scope="session")
def models(opened, plain_session, conditional_session):
    """Every entry; all but two are loaded when they are first asked for."""
    return Models(opened)


@pytest.fixture(scope="session")
def grpc_url(models):
    """A gRPC server of every entry."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(models), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"grpc://127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture(scope="session")
def rest_url(models):
    """A REST server of every entry."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RestHandler)
    server.models, server.daemon_threads = models, True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["rest_url", "grpc_url"])
def url(request):
    """Each of the two interfaces."""
    return request.getfixturevalue(request.param)
