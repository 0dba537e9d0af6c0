"""LiteRT, which was TensorFlow Lite: a signature as one .tflite file, by TensorFlow's own converter."""

import contextlib
import logging
import re
import tempfile
import warnings

from export import signatures
from tfgen.quiet import muted, tf

UNKNOWN = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")
SELECTED = re.compile(r"TF Select ops: ([\w, ]+)")


class UnconvertedError(Exception):
    """A format cannot express a signature; says why, as a clause."""


def converted(model, name: str, signature, weights: str) -> bytes:
    """A signature of a model as the content of a .tflite file with one signature of the same name.

    Args:
        model: a `tfgen.Model`.
        name: the signature's name.
        signature: a `tfgen.models.signatures.Signature`.
        weights: float32; float16, to half their size; or int8, to a quarter, where products are of integers as well.

    Raises:
        UnconvertedError: it uses an operation that LiteRT's own runtime does not have.
    """
    with tempfile.TemporaryDirectory() as saved, silent():
        signatures.save(model, {name: signature}, saved)
        converter = tf.lite.TFLiteConverter.from_saved_model(saved, signature_keys=[name])
        if weights != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if weights == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            return converter.convert()
        except Exception as error:  # the converter raises errors of several kinds
            said = str(error)
    raise UnconvertedError(reason(said))


def reason(said: str) -> str:
    """Which operations a converter's error names."""
    names = {*UNKNOWN.findall(said)}
    for listed in SELECTED.findall(said):
        names |= {each.strip() for each in listed.split(",")}
    if names:
        return f"LiteRT has no {', '.join(sorted(filter(None, names)))}"
    lines = said.strip().splitlines() or ["its converter fails"]
    return lines[-1][:200]


@contextlib.contextmanager
def silent():
    """Keeps what converters write to the log and to stderr off the screen."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with muted(), warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)
