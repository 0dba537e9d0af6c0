"""LiteRT, TensorFlow's runtime for phones and small devices: conversion by TensorFlow, answers by ai-edge-litert."""

from pathlib import Path

SUFFIX = ".tflite"
PACKAGES = ("ai_edge_litert",)
WEIGHTS = ("float32", "float16", "int8")


def convert(function, model, weights: str) -> bytes:
    """A signature as the content of a LiteRT file, for batches of any size.

    Args:
        function: the signature, a concrete function of named inputs.
        model: what holds its variables.
        weights: how they are stored. float16: they are widened when the file is loaded; int8: those of large layers
            have a scale for each output, and activations stay float32 ("dynamic range").

    Raises:
        ValueError: an operation that LiteRT does not have; the message names it.
    """
    from tfgen.quiet import muted, tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    if weights != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        with muted():
            return converter.convert()
    except Exception as error:  # the converter's own error is in no public module
        raise ValueError(_missing(str(error))) from None


def _missing(message: str) -> str:
    """What the converter says of operations, in one line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith(("Flex ops:", "Custom ops:"))), lines[0] if lines else "")
    return f"LiteRT does not take it: {told[:200]}"


class Runner:
    """A file of one signature, loaded as an application loads it."""

    def __init__(self, path: Path):
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(str(path))  # which owns what the runner points to
        self.signature = self.interpreter.get_signature_runner()

    def __call__(self, **inputs) -> dict:
        """Named outputs for named inputs."""
        return self.signature(**inputs)
