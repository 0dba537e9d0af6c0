"""TensorFlow Serving's REST interface without a socket: a method, a path and a body -> a status and a body.

Paths, order of checks and words are those of http_rest_api_handler.cc and http_rest_api_util.cc. Of the server's
methods, `predict`, the status and the metadata are here; exports of the zoo have no signature for `classify` and
`regress`.
"""

import functools
import json
import re
import time
from urllib.parse import unquote

from export import contract, graph, library, limits
from export.server import metrics, tensors
from export.server.catalogue import Catalogue, Servable
from export.server.refusals import Refusal

MODEL = r"([^/:]+)"
WHICH = r"(?:/versions/([0-9]+)|/labels/([^/:]+))?"
PREDICT = re.compile(rf"/v1/models/{MODEL}{WHICH}:(classify|regress|predict)", re.IGNORECASE)
STATUS = re.compile(rf"/v1/models(?:/{MODEL})?{WHICH}(?:/(metadata))?", re.IGNORECASE)
ROOT = re.compile(r"/v1/.*", re.IGNORECASE)  # elsewhere a server answers 404, in HTML
KINDS = {"classify": "classification", "regress": "regression"}
PAGE = "<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n"  # libevent's


class Api:
    """The interface to a catalogue of models.

    Args:
        served: the catalogue.
        seconds: that TensorFlow may take for one request.
    """

    def __init__(self, served: Catalogue, seconds: float | None = None):
        self.served, self.seconds = served, seconds
        self.metrics = metrics.Metrics()

    def respond(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        """The status, the content type and the body of the answer to a request. Raises Refusal for an error in JSON."""
        if path == metrics.PATH:
            return 200, "text/plain", self.metrics.page().encode()
        if not ROOT.fullmatch(path):
            return 404, "text/html", PAGE.encode()
        began = time.perf_counter()
        try:
            content, model, call = self.answer(method, path, body)
        except Refusal as refusal:
            if match := PREDICT.fullmatch(path):
                self.metrics.add(unquote(match[1]), match[4].lower(), refusal.code, 0)
            raise
        if method == "POST":
            self.metrics.add(model, call, "OK", time.perf_counter() - began)
        return 200, "application/json", content

    def answer(self, method: str, path: str, body: bytes) -> tuple[bytes, str, str]:
        """The body of an answer of status 200, the model and the call, such as predict, for the metrics.

        Raises:
            Refusal: any other answer.
        """
        match = {"POST": PREDICT, "GET": STATUS}.get(method, PREDICT).fullmatch(path)
        if match is None or method not in ("POST", "GET"):
            raise Refusal(f"Malformed request: {method} {path}")
        name, version, label, call = match.groups()
        name, label = unquote(name or ""), unquote(label) if label else None
        if version and int(version) > limits.VERSION:
            raise Refusal(f"Failed to convert version: {version} to numeric.")
        which = name, int(version) if version else None, label
        if method == "POST":
            return self._predict(*which, call.lower(), body), name, call.lower()
        if not name:
            raise Refusal("Missing model name in request.")
        if call:
            return self._metadata(*which), name, "metadata"
        states = self.served.status(*which[:2])  # of a label, the server lists all
        return json.dumps({"model_version_status": states}, indent=1).encode(), name, "status"

    def _predict(self, name: str, version, label, call: str, body: bytes) -> bytes:
        request = tensors.parse(body)
        signature = tensors.signature(request, contract.DEFAULT)
        with self.served.using(name, version, label) as servable:
            definition = servable.definition(signature)
            if call in KINDS:
                raise Refusal(
                    f"Expected {KINDS[call]} signature method_name to be tensorflow/serving/{call}. "
                    f"Was: {definition.method_name}"
                )
            inputs, by_row = tensors.tensors(request, dtypes(definition), body)
            return tensors.answer(servable.run(signature, inputs, self.seconds), by_row)

    def _metadata(self, name: str, version, label) -> bytes:
        with self.served.using(name, version, label) as servable:
            spec = {"name": name, "signature_name": "", "version": str(servable.version)}
            listed = {"signature_def": signatures(servable)}
            return json.dumps({"model_spec": spec, "metadata": {"signature_def": listed}}, indent=1).encode()


def dtypes(definition) -> dict[str, str]:
    """The dtypes of a signature's inputs by name, in alphabetical order."""
    found = {name: graph.NUMPY[info.dtype] for name, info in sorted(definition.inputs.items())}
    if not found:
        raise Refusal("Failed to get input map for signature: DEFAULT")
    return found


@functools.lru_cache(maxsize=64)
def signatures(servable: Servable) -> dict:
    """The JSON form of a model's SignatureDefMap: its field names, and those fields too that have their default."""
    from google.protobuf import json_format

    meta_graph_pb2 = library.protocol("core.protobuf.meta_graph_pb2")
    whole = meta_graph_pb2.MetaGraphDef()
    for name, definition in servable.signatures.items():
        whole.signature_def[name].CopyFrom(definition)
    options = {"preserving_proto_field_name": True, "always_print_fields_with_no_presence": True}
    return json_format.MessageToDict(whole, **options)["signature_def"]
