"""The rules for the functions and nodes of a graph: every one of them, whether anything calls it or not."""

import math

from export import library, limits, operations
from export.limits import RefusedError

STRING = 7
ITEM_SIZES = {1: 4, 2: 8, 3: 4, 4: 1, 5: 2, 6: 1, 8: 8, 9: 8, 10: 1, 14: 2, 17: 2, 18: 16, 19: 2, 22: 4, 23: 8}  # bytes
NUMPY = {1: "float32", 2: "float64", 3: "int32", 9: "int64"}  # of TensorFlow's enum DataType
VALUES = ("half", "float", "double", "int", "int64", "bool", "uint32", "uint64", "scomplex", "dcomplex", "string")
COMPILED = ("_XlaMustCompile", "_XlaCompile")
HINTS = operations.names(  # attributes that change no result; TensorFlow reads behaviour out of some others
    """
    _class _collective_manager_ids _construction_context _gradient_op_type _has_manual_control_dependencies
    _input_shapes _lower_using_switch_merge _noinline _num_original_outputs _output_shapes
    _read_only_resource_inputs _stateful_parallelism _user_specified_name
    """
)
COUNTS = ("N", "num", "num_split", "num_partitions", "num_bits", "parallel_iterations")
DEVICES = ("", "/device:CPU:0", "/device:CPU:*")
CONFIGURABLE = ("device_count", "gpu_options", "pluggable_device_options", "allow_soft_placement")


def check_functions(defined, saving: str, restoring: str) -> dict:
    """Raises RefusedError unless every function of a library holds only what it may.

    Args:
        defined: a FunctionDefLibrary.
        saving: the name of the function that may hold the saver's operations for saving.
        restoring: likewise for restoring.

    Returns:
        Function's name -> the names of the functions that it calls.
    """
    functions = {function.signature.name: function for function in defined.function}
    if len(functions) != len(defined.function) or defined.gradient:
        raise RefusedError("the library has a function twice, or gradients of functions")
    allowed = {saving: operations.SAVING, restoring: operations.RESTORING}
    room, calls = [limits.CONSTANTS], {}
    for name, function in functions.items():
        if name in operations.COMPUTATION:
            raise RefusedError(f"a function is called {name}, like an operation")
        _check_attributes(f"function {name}", function.attr, room)
        for argument in function.arg_attr.values():
            _check_attributes(f"an argument of {name}", argument.attr, room)
        check_nodes(function.node_def, allowed.get(name, operations.COMPUTATION), room)
        calls[name] = called(function.node_def)
        for other in calls[name]:
            if other not in functions or other in allowed:
                raise RefusedError(f"{name} calls {other!r}, which is not a function that it may call")
    _check_expansion(functions, calls)
    return calls


def check_nodes(nodes, allowed: frozenset, room: list) -> None:
    """Raises RefusedError unless every node of one scope is an operation that may stand there, in an allowed form.

    Args:
        nodes: NodeDefs; those of the main graph or of a function.
        allowed: the operations.
        room: the bytes that are left for constants, as a list of one, which is counted down.
    """
    by_name = {node.name: node for node in nodes}
    if len(by_name) != len(nodes):
        raise RefusedError("two nodes have one name")
    for node in nodes:
        if reason := operations.fault(node.op, allowed):
            raise RefusedError(f"{reason}: node {node.name!r}")
        if node.device not in DEVICES:
            raise RefusedError(f"node {node.name!r} asks for the device {node.device!r}")
        _check_attributes(f"node {node.name!r}", node.attr, room)
        if node.op in operations.ALGORITHM_INPUT and not _names_philox(node, by_name):
            raise RefusedError(f"{node.op} does not name philox as its random algorithm: node {node.name!r}")


def called(nodes) -> set[str]:
    """The functions that nodes name in their attributes."""
    attributes = [attribute for node in nodes for attribute in node.attr.values()]
    single = {attribute.func.name for attribute in attributes if attribute.HasField("func")}
    return single | {function.name for attribute in attributes for function in attribute.list.func}


def node_name(reference: str) -> str:
    """The node of a reference such as `name:0`, `name:output:0` or `^name`."""
    return reference.lstrip("^").partition(":")[0]


def check_tensor(place: str, tensor, room: list) -> None:
    """Raises RefusedError unless a TensorProto holds all its values, or repeats one a bounded number of times."""
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.tensor_shape.unknown_rank or min(sizes, default=0) < 0 or tensor.version_number:
        raise RefusedError(f"{place} has a constant without a shape")
    numbers, size = math.prod(sizes), ITEM_SIZES.get(tensor.dtype, 1)
    if tensor.dtype not in ITEM_SIZES and tensor.dtype != STRING:
        raise RefusedError(f"{place} has a constant of the data type {tensor.dtype}")
    stated = sum(len(getattr(tensor, f"{kind}_val")) for kind in VALUES)
    if tensor.resource_handle_val or tensor.variant_val or (tensor.tensor_content and stated):
        raise RefusedError(f"{place} has a constant that is not a plain tensor")
    if tensor.tensor_content and (tensor.dtype == STRING or len(tensor.tensor_content) != numbers * size):
        raise RefusedError(f"{place} has a constant of {numbers} numbers in {len(tensor.tensor_content)} bytes")
    if not tensor.tensor_content and numbers > max(limits.REPEATED, stated):
        raise RefusedError(f"{place} has a constant of {sizes}, {numbers} numbers, which repeats a value")
    room[0] -= numbers * size
    if room[0] < 0:
        raise RefusedError(f"the constants of the graph take more than {limits.CONSTANTS} bytes")


def _check_attributes(place: str, attributes, room: list) -> None:
    for name, value in attributes.items():
        kind = value.WhichOneof("value")
        if name in COMPILED and value.b:
            raise RefusedError(f"{place} asks for XLA, which stock servers disable")
        if name.startswith("_") and name not in HINTS and name not in COMPILED:
            raise RefusedError(f"{place} has the attribute {name}")
        if kind == "placeholder" or value.func.attr or any(function.attr for function in value.list.func):
            raise RefusedError(f"{place} has an attribute {name} with attributes")
        if name in COUNTS and value.i > limits.COUNT:
            raise RefusedError(f"{place} has {name} = {value.i}, more than {limits.COUNT}")
        if name in ("executor_type", "config", "container", "_collective_manager_ids") and (value.s or value.list.i):
            raise RefusedError(f"{place} asks for {name} {value.s!r}")
        if name == "config_proto" and not _is_plain(value.s):
            raise RefusedError(f"{place} configures its own session")
        for tensor in [value.tensor] if kind == "tensor" else value.list.tensor:
            check_tensor(place, tensor, room)


_plain = {b"": True}  # serialized ConfigProtos that were looked at; a graph has the same one everywhere


def _is_plain(content: bytes) -> bool:
    """Whether a call's ConfigProto says which devices there are, and nothing else."""
    if content not in _plain:
        config_pb2 = library.protocol("core.protobuf.config_pb2")
        config = limits.message(config_pb2.ConfigProto, content, "a configuration")
        for field in CONFIGURABLE:
            config.ClearField(field)
        if not config.experimental.ByteSize():
            config.ClearField("experimental")
        _plain[content] = not config.ByteSize()
    return _plain[content]


def _names_philox(node, by_name: dict) -> bool:
    references = node.input[operations.ALGORITHM_INPUT[node.op] :][:1]
    algorithm = by_name.get(node_name(references[0])) if references else None
    return (
        algorithm is not None
        and algorithm.op == "Const"
        and list(algorithm.attr["value"].tensor.int_val) == [operations.PHILOX]
    )


def _check_expansion(functions: dict, calls: dict) -> None:
    """Raises RefusedError where a function calls itself, or where calls that are expanded in place would never end."""
    sizes: dict = {}
    for first in functions:
        waiting = [(first, False)]
        above: set = set()
        while waiting:
            name, done = waiting.pop()
            if done:
                above.discard(name)
                times = _times(functions[name].node_def)
                sizes[name] = len(functions[name].node_def) + sum(times[other] * sizes[other] for other in calls[name])
                if sizes[name] > limits.CALLS:
                    raise RefusedError(f"{name} takes more than {limits.CALLS} nodes once its calls are expanded")
            elif name in above:
                raise RefusedError(f"the function {name} calls itself")
            elif name not in sizes:
                above.add(name)
                waiting.append((name, True))
                waiting += [(other, False) for other in calls[name]]


def _times(nodes) -> dict:
    """How many nodes name each function."""
    times: dict = {}
    for node in nodes:
        for name in called([node]):
            times[name] = times.get(name, 0) + 1
    return times
