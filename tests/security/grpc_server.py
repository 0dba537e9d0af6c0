"""A gRPC server that answers each model, which is the name of a case, in a hostile way of its own.

What the library would not send is in frames.py.
"""

import functools
import json
import sys
import time
from concurrent import futures

import cases
import frames
import grpc
import numpy as np
from google.protobuf import any_pb2, json_format

from export import library

with library.protocol_buffers():
    from tensorflow.core.framework import tensor_pb2
    from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

NUMBERED = {np.dtype(np.float32): 1, np.dtype(np.int64): 9}


def listed(definitions: dict) -> bytes:
    listing = json_format.ParseDict(definitions, get_model_metadata_pb2.SignatureDefMap())
    return metadata(listing)


def metadata(packed, name: str = "signature_def") -> bytes:
    answer = get_model_metadata_pb2.GetModelMetadataResponse()
    answer.metadata[name].Pack(packed)
    return answer.SerializeToString()


def proto(array, **changes) -> tensor_pb2.TensorProto:
    """An array in the server's own form, with some fields changed."""
    made = tensor_pb2.TensorProto(dtype=NUMBERED[array.dtype])
    for size in array.shape:
        made.tensor_shape.dim.add(size=size)
    (made.float_val if array.dtype == np.float32 else made.int64_val).extend(array.ravel().tolist())
    for name, value in changes.items():
        made.ClearField(name)
        if isinstance(value, list):
            getattr(made, name).extend(value)
        else:
            setattr(made, name, value)
    return made


def predicted(answer: dict) -> bytes:
    response = predict_pb2.PredictResponse()
    for name, value in answer.items():
        response.outputs[name].CopyFrom(value if isinstance(value, tensor_pb2.TensorProto) else proto(value))
    return response.SerializeToString()


def image(**changes) -> bytes:
    return predicted({"image": proto(cases.made("sample")["image"], **changes)})


def shaped(*sizes, **changes) -> bytes:
    made = proto(cases.made("sample")["image"], **changes)
    made.tensor_shape.ClearField("dim")
    for size in sizes:
        made.tensor_shape.dim.add(size=size)
    return predicted({"image": made})


def unknown_rank() -> bytes:
    made = proto(cases.made("sample")["image"])
    made.tensor_shape.unknown_rank = True
    return predicted({"image": made})


def abort(code, details: str, context):
    context.abort(code, details)


def sleeps(context):
    time.sleep(3)
    return b""


def compressed(context) -> bytes:
    context.set_compression(grpc.Compression.Gzip)
    return bytes(2**28)


HONEST = listed({"signature_def": cases.HONEST})
COUNT = int(np.prod([cases.ROWS, *cases.SHAPE]))
ANYWHERE = {  # bytes, or a function of the context that makes them: whatever is asked
    "bytes": bytes(range(256)),
    "a long field": b"\x0a\xff\xff\xff\x7f",
    "half a message": HONEST[: len(HONEST) // 2],
    "groups in groups": b"\x0b" * 10**4,
    "an endless varint": b"\x08" + b"\xff" * 1000,
    "unknown fields": b"\xfa\x7f\x80\x08" + bytes(1024),
    "100 MB": lambda context: bytes(10**8),
    "4 MB": bytes(4 * 10**6),
    "a gzip bomb": compressed,
    "it sleeps": sleeps,
    "an exception": lambda context: 1 / 0,
    "None": lambda context: None,
    "a long error": functools.partial(abort, grpc.StatusCode.INTERNAL, "bad " * 1500),
    "an error of control characters": functools.partial(abort, grpc.StatusCode.INTERNAL, "\x1b[2J\r\n\x00\u202e" * 10),
    **{
        code.name: functools.partial(abort, code, code.name.lower())
        for code in grpc.StatusCode
        if code is not grpc.StatusCode.OK
    },
}
LISTED = {
    "nothing": b"",
    "another name": metadata(predict_pb2.PredictResponse(), "signature"),
    "another message": metadata(predict_pb2.PredictResponse()),
    "bytes for signatures": metadata(any_pb2.Any(type_url="x", value=bytes(50))),
    "a megabyte": listed({"signature_def": cases.HONEST | {"count": cases.COUNT | {"method_name": "x" * 2**20}}}),
    "an answer to another request": predicted(cases.made("sample")),
    **{
        name: listed(definitions) for name, definitions in cases.LISTINGS.items() if name != "an output of DT_FLOAT_REF"
    },
}
ANSWERED = {
    "a listing": HONEST,
    **{f"of dtype {number}": image(dtype=number) for number in (0, 2, 3, 4, 7, 9, 10, 14, 19, 20, 21, 101, 1000)},
    "no numbers": image(float_val=[]),
    "a number too many": image(float_val=[0.5] * (COUNT + 1)),
    "numbers of another type": image(float_val=[], double_val=[0.5] * COUNT),
    "integers for floats": image(float_val=[], int64_val=[1] * COUNT),
    "texts for floats": image(float_val=[], string_val=[b"0.5"] * 4),
    "two forms": image(tensor_content=bytes(4 * COUNT)),
    "bytes too few": image(float_val=[], tensor_content=bytes(4 * COUNT - 1)),
    "bytes too many": image(float_val=[], tensor_content=bytes(4 * COUNT + 4)),
    "one byte": image(float_val=[], tensor_content=b"x"),
    "bytes of NaN": image(float_val=[], tensor_content=b"\xff" * 4 * COUNT),
    "a value of NaN for all": image(float_val=[float("nan")]),
    "no shape": shaped(),
    "no rank": unknown_rank(),
    "16 GB": shaped(2**31, 2, float_val=[0.5]),
    "2**62 rows": shaped(2**62, *cases.SHAPE, float_val=[0.5]),
    "rows below 0": shaped(-4, *cases.SHAPE),
    "a batch of -1": shaped(-1, *cases.SHAPE),
    "many dimensions": shaped(cases.ROWS, *cases.SHAPE, *[1] * 1000),
    "another name for the image": predicted({"picture": cases.made("sample")["image"]}),
    **{name: predicted(answer) for name, (_, answer) in cases.ANSWERS.items()},
}


class Service(grpc.GenericRpcHandler):
    """Both methods, by the bytes of the request, in which the name of the model stands."""

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(functools.partial(self.answer, details.method))

    def answer(self, method: str, request: bytes, context):
        asked = get_model_metadata_pb2.GetModelMetadataRequest
        case = (predict_pb2.PredictRequest if method.endswith("Predict") else asked).FromString(request).model_spec.name
        phase, _, name = case.partition(": ")
        if phase == "answer" and not method.endswith("Predict"):
            return HONEST
        answer = {**ANYWHERE, **(ANSWERED if phase == "answer" else LISTED)}[name]
        return answer(context) if callable(answer) else answer


def serve() -> None:
    """Prints case -> [URL, signature] as JSON, and serves until the standard input is closed."""
    server = grpc.server(futures.ThreadPoolExecutor(16), options=[("grpc.max_send_message_length", -1)])
    server.add_generic_rpc_handlers([Service()])
    url = f"grpc://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    told = {}
    for phase, known in (("listing", LISTED), ("answer", ANSWERED)):
        for name in ANYWHERE | known:
            signature = cases.ANSWERS[name][0] if phase == "answer" and name in cases.ANSWERS else "sample"
            told[f"{phase}: {name}"] = [url, signature]
    for name, port in frames.start().items():
        told[f"listing, by frames: {name}"] = [f"grpc://127.0.0.1:{port}", ""]
    print(json.dumps(told), flush=True)
    sys.stdin.read()
    server.stop(0)
