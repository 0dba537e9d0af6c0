"""ONNX, which many runtimes read: conversion by tf2onnx, answers by onnxruntime."""

import logging
from pathlib import Path

SUFFIX = ".onnx"
PACKAGES = ("tf2onnx", "onnx", "onnxruntime")
WEIGHTS = ("float32",)
OPSET = 18
RENAMED = "output_"  # before the name of an output that an input has as well: ONNX has one name for one value


def convert(function, model, weights: str) -> bytes:
    """A signature as the content of an ONNX file, for batches of any size.

    Args:
        function: the signature, a concrete function of named inputs.
        model: what holds its variables, which the file has as constants.
        weights: float32.

    Raises:
        ValueError: an operation that ONNX does not have; the message names it.
    """
    from tfgen.quiet import muted, tf

    with muted():
        import tf2onnx

    specs = function.structured_input_signature[1]  # name -> TensorSpec

    def named(*tensors):
        outputs = function(**dict(zip(specs, tensors, strict=True)))
        return {RENAMED * (name in specs) + name: value for name, value in outputs.items()}

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    traced = tf.function(named, input_signature=list(specs.values()))
    try:
        with muted():
            made, _ = tf2onnx.convert.from_function(
                traced, list(specs.values()), opset=OPSET, custom_op_handlers={"BroadcastArgs": (_broadcast_shape, [])}
            )
    except Exception as error:  # tf2onnx raises errors of many kinds
        lines = str(error).splitlines() or [type(error).__name__]
        raise ValueError(f"ONNX does not take it: {lines[0][:200]}") from None
    return made.SerializeToString()


def _broadcast_shape(graph, node, name, args) -> None:
    """BroadcastArgs, which tf2onnx does not know: the shape that two shapes broadcast to, Shape(Expand(0 [a], b))."""
    from onnx import TensorProto

    whole, (made,) = {"to": TensorProto.INT64}, node.output
    first, second = (graph.make_node("Cast", [shape], attr=whole).output[0] for shape in node.input)
    dtype, shape = graph.get_dtype(made), graph.get_shape(made)
    graph.remove_node(node.name)
    zeros = graph.make_node("ConstantOfShape", [first]).output[0]
    both = graph.make_node("Shape", [graph.make_node("Expand", [zeros, second]).output[0]]).output[0]
    graph.make_node("Cast", [both], attr={"to": dtype}, outputs=[made], shapes=[shape], dtypes=[dtype])


class Runner:
    """A file of one signature, loaded as an application loads it."""

    def __init__(self, path: Path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.outputs = [output.name for output in self.session.get_outputs()]

    def __call__(self, **inputs) -> dict:
        """Named outputs, as the signature names them, for named inputs."""
        answers = self.session.run(self.outputs, inputs)
        return {name.removeprefix(RENAMED): answer for name, answer in zip(self.outputs, answers, strict=True)}
