"""ONNX: a signature as one .onnx file, by tf2onnx, with four operations that TFP uses and tf2onnx does not know."""

import numpy as np

from export import signatures
from export.formats import running
from export.formats.litert import UnconvertedError, silent
from tfgen.quiet import tf

OPSET = 18
RUNTIME = "com.microsoft"  # the domain of operations that ONNX Runtime has besides; tf2onnx uses its Range
SMALL = 1024  # numbers of a tensor that is kept in float32


def converted(model, name: str, signature, weights: str) -> bytes:
    """A signature of a model as the content of a .onnx file.

    Args:
        model: a `tfgen.Model`.
        name: the signature's name.
        signature: a `tfgen.models.signatures.Signature`.
        weights: float32; or float16, to half their size: products are of float32 all the same.

    Raises:
        UnconvertedError: it uses an operation that ONNX does not have, or that tf2onnx does not know.
    """
    import tf2onnx

    served = signatures.function(model, name, signature)

    def renamed(*tensors):
        return {running.output(key, signature.inputs): value for key, value in served(*tensors).items()}

    function = tf.function(renamed, input_signature=served.input_signature, autograph=False)
    with silent():
        try:
            proto, _ = tf2onnx.convert.from_function(
                function,
                input_signature=served.input_signature,
                opset=OPSET,
                custom_op_handlers={name: (handler, []) for name, handler in HANDLERS.items()},
            )
        except Exception as error:  # the converter raises errors of several kinds
            proto, said = None, " ".join(str(error).split())[:200]
    if proto is None:
        raise UnconvertedError(f"tf2onnx fails: {said}")
    if unknown := _unknown(proto.graph):
        raise UnconvertedError(f"ONNX has no {', '.join(unknown)}")
    if weights == "float16":
        _halve(proto.graph)
    return proto.SerializeToString()


def _broadcast_shapes(graph, node, name, arguments) -> None:
    """BroadcastArgs: the shape that tensors of two shapes have once they are broadcast against one another."""
    from onnx import TensorProto

    kind = graph.get_dtype(node.output[0])
    wide = [graph.make_node("Cast", [shape], attr={"to": TensorProto.INT64}).output[0] for shape in node.input]
    zeros = [graph.make_node("ConstantOfShape", [shape]).output[0] for shape in wide]
    shape = graph.make_node("Shape", [graph.make_node("Add", zeros).output[0]]).output[0]
    _replace(graph, node, "Cast", [shape], {"to": kind})


def _multiply_no_nan(graph, node, name, arguments) -> None:
    """MulNoNan: x y, and 0 where y is 0, whatever x is."""
    left, right = node.input
    zero = _constant(graph, f"{name}_zero", 0)
    is_zero = graph.make_node("Equal", [right, zero]).output[0]
    product = graph.make_node("Mul", [left, right]).output[0]
    _replace(graph, node, "Where", [is_zero, zero, product], {})


def _log_one_plus(graph, node, name, arguments) -> None:
    """Log1p: with u = 1 + x, x log(u) / (u - 1), which is exact where u is rounded, and x where u is 1 (Kahan)."""
    (x,), one = node.input, _constant(graph, f"{name}_one", 1)
    total = graph.make_node("Add", [x, one]).output[0]
    product = graph.make_node("Mul", [x, graph.make_node("Log", [total]).output[0]]).output[0]
    added = graph.make_node("Sub", [total, one]).output[0]
    is_one = graph.make_node("Equal", [total, one]).output[0]
    _replace(graph, node, "Where", [is_one, x, graph.make_node("Div", [product, added]).output[0]], {})


def _exponential_minus_one(graph, node, name, arguments) -> None:
    """Expm1: tanh(x / 2) (exp(x) + 1), which loses no digits near 0."""
    (x,) = node.input
    half = graph.make_node("Mul", [x, _constant(graph, f"{name}_half", 0.5)]).output[0]
    exponential = graph.make_node("Exp", [x]).output[0]
    total = graph.make_node("Add", [exponential, _constant(graph, f"{name}_one", 1)]).output[0]
    _replace(graph, node, "Mul", [graph.make_node("Tanh", [half]).output[0], total], {})


HANDLERS = {
    "BroadcastArgs": _broadcast_shapes,
    "MulNoNan": _multiply_no_nan,
    "Log1p": _log_one_plus,
    "Expm1": _exponential_minus_one,
}


def _constant(graph, name: str, value: float) -> str:
    return graph.make_const(name, np.full([], value, np.float32)).output[0]


def _replace(graph, node, kind: str, inputs: list, attributes: dict) -> None:
    """Puts another node in the place of one with a single output."""
    shapes, dtypes = [graph.get_shape(node.output[0])], [graph.get_dtype(node.output[0])]
    graph.remove_node(node.name)
    made = {"attr": attributes, "shapes": shapes, "dtypes": dtypes}
    graph.make_node(kind, inputs, outputs=node.output, name=node.name, **made)


def _unknown(graph) -> list[str]:
    """The operations of a graph, and of the graphs in it, that neither ONNX nor ONNX Runtime has."""
    from onnx import defs

    nodes = [node for node in graph.node if node.domain != RUNTIME]
    found = {node.op_type for node in nodes if not defs.has(node.op_type, node.domain)}
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                found |= set(_unknown(attribute.g))
    return sorted(found)


def _halve(graph) -> None:
    """Stores the large constants of a graph in float16; a Cast makes float32 of each when the model is opened."""
    from onnx import TensorProto, helper, numpy_helper

    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= SMALL:
            name = f"{tensor.name}_float16"
            graph.node.insert(0, helper.make_node("Cast", [name], [tensor.name], to=TensorProto.FLOAT))
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name))
