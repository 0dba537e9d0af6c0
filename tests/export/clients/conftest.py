"""Two servers over the C++ session: REST by `export.server`, and a double of gRPC from the official stubs."""

import contextlib
import threading
import time
from concurrent import futures

import grpc
import pytest
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

import tfgen
from export.server.api import Api
from export.server.catalogue import Catalogue, Servable
from export.server.http import Server
from export.server.refusals import Refusal
from tfgen.quiet import tf


class Asked(Servable):
    """A servable that may be slow, and knows the largest batch that it was asked."""

    def __init__(self, models, name, session):
        super().__init__(name, 1, session)
        self.models = models

    def run(self, signature: str, inputs: dict, seconds: float | None = None) -> dict:
        time.sleep(self.models.delay)
        self.models.largest = max([self.models.largest, *(len(value) for value in inputs.values() if value.ndim)])
        return super().run(signature, inputs, seconds)


class Models(Catalogue):
    """Every entry at version 1, opened when it is first asked for."""

    def __init__(self, opened):
        super().__init__()
        self.opened, self.delay, self.largest = opened, 0.0, 0

    def using(self, name: str, version: int | None = None, label: str | None = None):
        if name in tfgen.entries() and not self.versions(name):
            self.add(Asked(self, name, self.opened(name)))
        return super().using(name, version, label)


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """The gRPC interface."""

    def __init__(self, models: Models):
        self.models = models

    def _using(self, spec):
        version = spec.version.value if spec.HasField("version") else None
        return self.models.using(spec.name, version, spec.version_label or None)

    def Predict(self, request, context):  # noqa: N802
        try:
            with self._using(request.model_spec) as servable:
                return self._answer(servable, request)
        except Refusal as refusal:
            context.abort(grpc.StatusCode[refusal.code], refusal.message)

    def _answer(self, servable, request):
        signature = request.model_spec.signature_name or "serving_default"
        if signature not in servable.signatures:
            raise Refusal(f'Serving signature key "{signature}" not found.', "FAILED_PRECONDITION")
        expected = set(servable.signatures[signature].inputs)
        if set(request.inputs) != expected:
            raise Refusal(f"input size does not match signature: {len(request.inputs)}!={len(expected)}")
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        for name, value in servable.run(signature, inputs).items():
            response.outputs[name].dtype = tf.as_dtype(value.dtype).as_datatype_enum
            response.outputs[name].tensor_shape.CopyFrom(tf.TensorShape(value.shape).as_proto())
            response.outputs[name].float_val.extend(value.ravel())  # the server's own form, not tensor_content
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        try:
            with self._using(request.model_spec) as servable:
                listed = get_model_metadata_pb2.SignatureDefMap()
                for name, definition in servable.signatures.items():
                    listed.signature_def[name].CopyFrom(definition)
        except Refusal as refusal:
            context.abort(grpc.StatusCode[refusal.code], refusal.message)
        response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=request.model_spec)
        response.metadata["signature_def"].Pack(listed)
        return response


@contextlib.contextmanager
def serving(models, **options):
    """A REST server of a catalogue; its URL."""
    server = Server(("127.0.0.1", 0), Api(models), **options)
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


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
    """A REST server of every entry: that of `python -m export.serve`."""
    with serving(models) as url:
        yield url


@pytest.fixture(params=["rest_url", "grpc_url"])
def url(request):
    """Each of the two interfaces."""
    return request.getfixturevalue(request.param)
