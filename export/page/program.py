"""A function of a model as a short list of operations with their weights: what the page's JavaScript runs.

The function is traced for one row, its variables become constants, and the graph is reduced: what depends on no input
is computed here, what only moves numbers about (slices, concatenations, transpositions, padding, broadcasts) becomes a
list of places to take them from, and batch normalisation, products by zero and shapes disappear. What is left is
products, convolutions and functions of numbers, whatever the entry: the graph knows every layer, and also what stands
between the layers and the answer, which no list of layers does.

Weights are stored in half precision where that is exact, as it is for weights that `rounded` has rounded.
"""

import dataclasses

import numpy as np

from export.page import moves
from tfgen.quiet import tf

SAME = {  # one number to one
    *("Abs", "Elu", "Exp", "Log", "Log1p", "Neg", "Relu", "Relu6", "Rsqrt", "Selu", "Sigmoid", "Softplus", "Softsign"),
    *("Sqrt", "Square", "Tanh", "LeakyRelu", "Sin", "Cos", "Expm1", "Floor", "Round", "Sign", "Reciprocal", "Erf"),
}
PAIRS = {  # two numbers to one, by the page's names
    "Add": "Add",
    "AddV2": "Add",
    "BiasAdd": "Add",
    "Equal": "Equal",
    "Greater": "Greater",
    "GreaterEqual": "GreaterEqual",
    "Less": "Less",
    "LessEqual": "LessEqual",
    "Maximum": "Maximum",
    "Minimum": "Minimum",
    "Mul": "Mul",
    "Pow": "Pow",
    "RealDiv": "Div",
    "SquaredDifference": "SquaredDifference",
    "Sub": "Sub",
}
PASSES = {  # the same numbers, perhaps in another shape
    *(
        "Cast",
        "EnsureShape",
        "ExpandDims",
        "Identity",
        "IdentityN",
        "PreventGradient",
        "Reshape",
        "Snapshot",
        "Squeeze",
    ),
    "StopGradient",
}
REDUCES = {"Sum": "Sum", "Mean": "Mean", "Max": "Max"}
SHAPES = {"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike"}  # depend on no number of their input
PRODUCTS = ("Mul", "MatMul", "BatchMatMulV2")


class UnknownError(ValueError):
    """A model has an operation that the page does not compute; says which."""


@dataclasses.dataclass
class Program:
    """What a function computes, one step after the other.

    Attributes:
        shapes: of every value, by its number.
        inputs: the numbers of the function's inputs, in order.
        constants: number -> array.
        steps: {"op", "in", "out", and what the operation needs}, in order.
        output: the number of the answer.
    """

    shapes: list
    inputs: list
    constants: dict
    steps: list
    output: int

    @property
    def parameters(self) -> int:
        """How many numbers its constants hold."""
        return sum(array.size for array in self.constants.values())


def rounded(model) -> None:
    """Rounds every weight of a model to half precision. Raises ValueError where one is too large for it."""
    for weight in model.weights:
        value = weight.numpy()
        with np.errstate(over="ignore"):
            half = value.astype(np.float16)
        if not np.isfinite(half).all():
            raise ValueError(f"{weight.path} has numbers above 65,504, which half precision cannot hold")
        weight.assign(half.astype(value.dtype))


def program(function, *specs) -> Program:
    """Reduces a function of tensors of one row each to a program.

    Args:
        function: from tensors to one tensor.
        specs: the TensorSpec of each, its first dimension 1.

    Raises:
        UnknownError: an operation that the page does not compute.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    traced = tf.function(function, input_signature=specs, autograph=False).get_concrete_function()
    frozen = convert_variables_to_constants_v2(traced)
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(frozen.graph.as_graph_def(), name="")
    inputs, (output,) = (
        [graph.get_tensor_by_name(each.name) for each in side] for side in (frozen.inputs, frozen.outputs)
    )
    with tf.compat.v1.Session(graph=graph) as session:
        return _Reduction(graph, session, inputs).run(inputs, output)


class _Reduction:
    """One graph on its way to a program."""

    def __init__(self, graph, session, inputs):
        self.session = session
        self.operations = graph.get_operations()
        tensors = [tensor for op in self.operations for tensor in op.outputs]
        fed = {tensor: np.zeros(tensor.shape, tensor.dtype.as_numpy_dtype) for tensor in inputs}
        values = session.run(tensors, fed)
        self.sample = {tensor.name: np.asarray(value) for tensor, value in zip(tensors, values, strict=True)}
        self.numbers: dict = {}  # tensor name -> number of its value
        self.fixed: set = set()  # tensors that depend on no input
        self.shapes, self.constants, self.steps = [], {}, []

    def run(self, inputs, output) -> Program:
        numbers = [self.add(tensor) for tensor in inputs]
        for op in self.operations:
            if op.type not in ("Placeholder", "NoOp"):
                self.take(op)
        return pruned(Program(self.shapes, numbers, self.constants, self.steps, self.number(output)))

    def take(self, op) -> None:
        """Adds what an operation comes to."""
        free = op.type in SHAPES or all(tensor.name in self.fixed for tensor in op.inputs)
        if free or self.is_zero(op):
            self.fixed |= {tensor.name for tensor in op.outputs}
        elif op.type in PASSES:
            for tensor, source in zip(op.outputs, op.inputs, strict=False):
                self.numbers[tensor.name] = self.alias(self.number(source), tensor.shape)
        else:
            try:
                self.move(op) if op.type in moves.NAMES else self.compute(op)
            except UnknownError as error:  # which does not matter unless the answer needs it
                for tensor in op.outputs:
                    self.step("Unknown", [], tensor, why=str(error))

    def is_zero(self, op) -> bool:
        """Whether an operation is a product by zeros, such as a posterior's spread times no noise."""
        return op.type in PRODUCTS and any(
            tensor.name in self.fixed and not self.sample[tensor.name].any() for tensor in op.inputs
        )

    def compute(self, op) -> None:
        out, kind = op.outputs[0], op.type
        if kind in SAME:
            more = {"alpha": op.get_attr("alpha")} if kind == "LeakyRelu" else {}
            self.step(kind, [self.number(op.inputs[0])], out, **more)
        elif kind in PAIRS:
            self.step(PAIRS[kind], [self.broadcast(tensor, out.shape) for tensor in op.inputs], out)
        elif kind == "SelectV2":
            self.step("Select", [self.broadcast(tensor, out.shape) for tensor in op.inputs], out)
        elif kind == "MatMul":
            left, right = (
                self.transposed(op.inputs[0], op, "transpose_a"),
                self.transposed(op.inputs[1], op, "transpose_b"),
            )
            self.step("MatMul", [left, right], out)
        elif kind in ("Conv2D", "Conv2DBackpropInput"):
            self.convolve(op)
        elif kind in ("FusedBatchNormV3", "FusedBatchNorm") and not op.get_attr("is_training"):
            scale, offset, mean, variance = (self.sample[tensor.name] for tensor in op.inputs[1:])
            factor = scale / np.sqrt(variance + op.get_attr("epsilon"))
            scaled = self.new(out.shape)
            self.steps.append({"op": "Mul", "in": [self.number(op.inputs[0]), self.constant(factor)], "out": scaled})
            self.step("Add", [scaled, self.constant(offset - mean * factor)], out)
        elif kind == "OneHot" and op.get_attr("axis") == -1:
            depth, on, off = (self.sample[tensor.name].item() for tensor in op.inputs[1:])
            self.step("OneHot", [self.number(op.inputs[0])], out, depth=depth, on=on, off=off)
        elif kind in ("ArgMax", "Softmax", "LogSoftmax", *REDUCES):
            self.reduce(op)
        else:
            raise UnknownError(f"it has the operation {kind}, which the page does not compute")

    def reduce(self, op) -> None:
        """Over the last axes."""
        shape = self.sample[op.inputs[0].name].shape
        axes = np.ravel(self.sample[op.inputs[1].name]) % len(shape) if len(op.inputs) > 1 else [len(shape) - 1]
        if sorted(axes) != list(range(len(shape) - len(axes), len(shape))):
            raise UnknownError(f"it has {op.type} over axes {list(map(int, axes))} of {len(shape)}")
        size = int(np.prod([shape[axis] for axis in axes]))
        self.step(op.type, [self.number(op.inputs[0])], op.outputs[0], size=size)

    def convolve(self, op) -> None:
        transposed = op.type == "Conv2DBackpropInput"
        kernel, maps = op.inputs[1], op.inputs[2 if transposed else 0]
        if op.get_attr("data_format") != b"NHWC" or set(op.get_attr("dilations")) != {1}:
            raise UnknownError(f"it has {op.type} with dilations, or with channels first")
        if kernel.name not in self.fixed:
            raise UnknownError(f"it has {op.type} whose kernel is not a weight")
        height, width, *_ = self.sample[kernel.name].shape
        strides = op.get_attr("strides")[1:3]
        large = self.sample[(op.outputs[0] if transposed else maps).name].shape[1:3]
        small = self.sample[(maps if transposed else op.outputs[0]).name].shape[1:3]
        pads = [0, 0]
        if op.get_attr("padding") == b"SAME":
            sizes = zip(small, strides, (height, width), large, strict=True)
            pads = [max(0, (few - 1) * stride + side - many) // 2 for few, stride, side, many in sizes]
        elif op.get_attr("padding") != b"VALID":
            raise UnknownError(f"it has {op.type} with padding of its own")
        name = "ConvTranspose" if transposed else "Conv"
        self.step(name, [self.number(maps), self.number(kernel)], op.outputs[0], strides=list(strides), pads=pads)

    def move(self, op) -> None:
        """An operation that moves numbers about: it is given the numbers of places, and shows where they go."""
        data = [tensor for tensor in op.inputs if tensor.dtype == tf.float32]
        if not data or any(tensor.dtype != tf.float32 for tensor in op.outputs):
            raise UnknownError(f"it has the operation {op.type} on numbers that are not float32")
        places, begin = {}, 1
        for tensor in data:
            shape = self.sample[tensor.name].shape
            places[tensor] = np.arange(begin, begin + np.prod(shape), dtype=np.float32).reshape(shape)
            begin += int(np.prod(shape))
        if begin > 2**24:
            raise UnknownError(f"it has the operation {op.type} on more numbers than float32 can count")
        rest = {tensor: self.sample[tensor.name] for tensor in op.inputs if tensor not in places}
        found = self.session.run(op.outputs, places | rest)
        for tensor, taken in zip(op.outputs, found, strict=True):
            self.step("Take", [self.number(each) for each in data], tensor, runs=moves.runs(taken))

    def broadcast(self, tensor, shape) -> int:
        """A value whose shape is the end of another shape, so that its numbers repeat; broadcast if it is not."""
        own = list(self.sample[tensor.name].shape)
        while own and own[0] == 1:
            own = own[1:]
        whole = list(map(int, shape))
        if own == whole[len(whole) - len(own) :]:
            return self.number(tensor)
        own = self.sample[tensor.name].shape
        places = np.broadcast_to(np.arange(1, 1 + int(np.prod(own))).reshape(own), whole)
        if tensor.name in self.fixed:
            return self.constant(np.broadcast_to(self.sample[tensor.name], whole))
        number = self.new(whole)
        self.steps.append({"op": "Take", "in": [self.number(tensor)], "out": number, "runs": moves.runs(places)})
        return number

    def transposed(self, tensor, op, attribute: str) -> int:
        if not op.get_attr(attribute):
            return self.number(tensor)
        if tensor.name not in self.fixed:
            raise UnknownError("it has a product with a transposed value")
        return self.constant(self.sample[tensor.name].T)

    def step(self, op: str, inputs: list, tensor, **more) -> None:
        self.steps.append({"op": op, "in": inputs, "out": self.add(tensor), **more})

    def number(self, tensor) -> int:
        """The number of a tensor's value; what depends on no input becomes a constant when it is first asked for."""
        if tensor.name not in self.numbers and tensor.name in self.fixed:
            self.numbers[tensor.name] = self.constant(self.sample[tensor.name])
        return self.numbers[tensor.name]

    def add(self, tensor) -> int:
        self.numbers[tensor.name] = self.new(self.sample[tensor.name].shape)
        return self.numbers[tensor.name]

    def alias(self, number: int, shape) -> int:
        """The same numbers in another shape; the shapes of values matter to convolutions and products alone."""
        made = self.new(shape)
        if number in self.constants:
            self.constants[made] = self.constants[number].reshape(self.shapes[made])
        else:
            self.steps.append({"op": "Pass", "in": [number], "out": made})
        return made

    def constant(self, value: np.ndarray) -> int:
        number = self.new(value.shape)
        self.constants[number] = np.asarray(value, np.float32)
        return number

    def new(self, shape) -> int:
        self.shapes.append([int(size) for size in shape])
        return len(self.shapes) - 1


def pruned(whole: Program) -> Program:
    """A program without what its answer does not need. Raises UnknownError where it needs what is not computed."""
    needed, steps = {whole.output}, []
    for step in reversed(whole.steps):
        if step["out"] in needed:
            needed |= set(step["in"])
            steps.append(step)
            if step["op"] == "Unknown":
                raise UnknownError(step["why"])
    constants = {number: array for number, array in whole.constants.items() if number in needed}
    return dataclasses.replace(whole, constants=constants, steps=steps[::-1])


def packed(programs: dict[str, Program]) -> tuple[dict, bytes]:
    """Programs as JSON holds them, and their constants as bytes: float16 where that is exact, else float32.

    Each constant is [number of its value, "half" or "float", where it begins]; equal ones are stored once.
    """
    blob, known, described = bytearray(), {}, {}
    for name, each in programs.items():
        listed = []
        for number, array in each.constants.items():
            with np.errstate(over="ignore"):
                half = array.astype("<f2")
            exact = np.array_equal(half.astype(np.float32), array)
            content = (half if exact else array.astype("<f4")).tobytes()
            if (exact, content) not in known:
                blob += b"\0" * (-len(blob) % 4)
                known[exact, content] = len(blob)
                blob += content
            listed.append([number, "half" if exact else "float", known[exact, content]])
        described[name] = {
            "shapes": each.shapes,
            "inputs": each.inputs,
            "constants": listed,
            "steps": each.steps,
            "output": each.output,
        }
    return described, bytes(blob)
