"""What a signature runs: every operation that its outputs reach, and whether a stock server may run it."""

from collections.abc import Iterable

# Operations that keep state are refused but these: reads of variables, and calls of functions.
STATEFUL = {"VarHandleOp", "ReadVariableOp", "PartitionedCall", "StatefulPartitionedCall", "While", "If", "Case"}
# Operations that the registry calls stateless, and that a served graph must not hold all the same.
REFUSED = {
    "PyFuncStateless": "runs Python",
    "XlaCallModule": "needs XLA, which stock servers disable",
    "StatelessRandomGetAlg": "leaves the random algorithm to the device",
    "StatelessRandomNormal": "does not name its random algorithm",
    "StatelessRandomUniform": "does not name its random algorithm",
    "StatelessRandomUniformInt": "does not name its random algorithm",
    "StatelessTruncatedNormal": "does not name its random algorithm",
}
COMPILED = ("_XlaMustCompile", "_XlaCompile")
ALGORITHM_INPUT = {"StatelessRandomNormalV2": 3, "StatelessRandomUniformV2": 3, "StatelessRandomUniformFullIntV2": 3}
PHILOX = 1


def faults(graph, known: dict, signature: str) -> list[str]:
    """Why a stock server should not run a signature, a line each; none if it may.

    Args:
        graph: a MetaGraphDef.
        known: every operation of the library, name -> OpDef.
        signature: its name.
    """
    found = set()
    for scope in reached(graph, signature):
        nodes = {node.name: node for node in scope}
        for node in scope:
            reason = _fault(node, known, nodes)
            if reason:
                found.add(f"{node.op} {reason}")
    return sorted(found)


def operations(graph, signature: str) -> set[str]:
    """The names of all operations that a signature runs."""
    return {node.op for scope in reached(graph, signature) for node in scope}


def reached(graph, signature: str) -> Iterable[list]:
    """The nodes that a signature's outputs depend on: those of the main graph, then of each function they call."""
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    nodes = {node.name: node for node in graph.graph_def.node}
    waiting = [_node_name(info.name) for info in graph.signature_def[signature].outputs.values()]
    needed = {}
    while waiting:
        name = waiting.pop()
        if name not in needed and name in nodes:
            needed[name] = nodes[name]
            waiting += map(_node_name, nodes[name].input)
    yield list(needed.values())
    calls, seen = _called(needed.values()), set()
    while calls:
        name = calls.pop()
        if name not in seen and name in functions:
            seen.add(name)
            yield list(functions[name].node_def)
            calls |= _called(functions[name].node_def)


def _fault(node, known: dict, nodes: dict) -> str:
    if node.op not in known:
        return "is unknown to TensorFlow's own library"
    if node.op in REFUSED:
        return REFUSED[node.op]
    if known[node.op].is_stateful and node.op not in STATEFUL:
        return "keeps state or has side effects"
    if any(node.attr[name].b for name in COMPILED if name in node.attr):
        return "asks for XLA, which stock servers disable"
    if node.op in ALGORITHM_INPUT:
        algorithm = nodes.get(_node_name(node.input[ALGORITHM_INPUT[node.op]]))
        if algorithm is None or algorithm.op != "Const" or list(algorithm.attr["value"].tensor.int_val) != [PHILOX]:
            return "does not name philox as its random algorithm"
    return ""


def _called(nodes) -> set[str]:
    """The functions that nodes name in their attributes."""
    attributes = [attribute for node in nodes for attribute in node.attr.values()]
    single = {attribute.func.name for attribute in attributes if attribute.HasField("func")}
    return single | {function.name for attribute in attributes for function in attribute.list.func}


def _node_name(reference: str) -> str:
    """The node of a reference such as `name:0`, `name:output:0` or `^name`."""
    return reference.lstrip("^").partition(":")[0]
