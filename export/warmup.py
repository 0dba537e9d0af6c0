"""Warm-up records: what TensorFlow Serving answers once, by itself, before a version takes its first request.

A record is a `tensorflow.serving.PredictionLog`. Its few fields are written here by hand, so that exporting needs no
more than TensorFlow; all of them are length-delimited.
"""

from pathlib import Path

from tfgen.quiet import tf

FILE = "assets.extra/tf_serving_warmup_requests"
PREDICT_LOG, REQUEST = 6, 1  # PredictionLog.predict_log, PredictLog.request
MODEL_SPEC, INPUTS = 1, 2  # PredictRequest.model_spec, .inputs
MODEL_NAME, SIGNATURE_NAME = 1, 3  # ModelSpec.name, .signature_name
KEY, VALUE = 1, 2  # of a map's entry


def write(version: Path, model_name: str, golden: dict) -> None:
    """Writes one warm-up record a signature into a version, the golden request of that signature."""
    path = version / FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, sides in golden.items():
            writer.write(record(model_name, signature, sides["inputs"]))


def record(model_name: str, signature: str, inputs: dict) -> bytes:
    """A serialized PredictionLog of one request: inputs name -> array."""
    model_spec = _field(MODEL_NAME, model_name.encode()) + _field(SIGNATURE_NAME, signature.encode())
    request = _field(MODEL_SPEC, model_spec)
    for name, array in inputs.items():
        tensor = tf.make_tensor_proto(array).SerializeToString()
        request += _field(INPUTS, _field(KEY, name.encode()) + _field(VALUE, tensor))
    return _field(PREDICT_LOG, _field(REQUEST, request))


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field (wire type 2) of the protocol buffers' encoding."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
