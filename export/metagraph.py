"""The rules for a SavedModel as a whole: one graph, the loader's tags, and nothing that runs but what is served.

A loader runs more than a client asks for: restore, main and initialisation operations run while it loads. So each node
of the main graph must have one known part: input of a signature, call of a signature's function, call of the saver's
two functions, variable, or constant.
"""

from export import graph, library, limits, operations
from export.limits import RefusedError

TAG = "serve"  # of the graph that a server loads
INIT = "__saved_model_init_op"
MAIN_OP = "saved_model_main_op"
PREDICT = "tensorflow/serving/predict"
OBJECTS = ("_generic_user_object", "signature_map", "trackable_list_wrapper")
RESTORED = b"_CHECKPOINTABLE_OBJECT_GRAPH"  # what a checkpoint holds besides variables
CALLS = ("StatefulPartitionedCall", "PartitionedCall")
STRING = graph.STRING


def read(content: bytes):
    """The MetaGraphDef of a saved_model.pb, which is what a loader takes. Raises RefusedError if it is not alone."""
    saved_model_pb2 = library.protocol("core.protobuf.saved_model_pb2")
    saved = limits.message(saved_model_pb2.SavedModel, content, limits.GRAPH)
    if len(saved.meta_graphs) != 1:
        raise RefusedError(f"{limits.GRAPH} holds {len(saved.meta_graphs)} graphs, must be 1")
    meta = saved.meta_graphs[0]
    if list(meta.meta_info_def.tags) != [TAG]:
        raise RefusedError(f"the tags of the graph are {list(meta.meta_info_def.tags)}, must be {[TAG]}")
    if saved.saved_model_schema_version != 1:
        raise RefusedError(f"the schema of {limits.GRAPH} is {saved.saved_model_schema_version}, must be 1")
    return meta


def check(meta) -> dict:
    """Raises RefusedError unless a graph runs nothing but its signatures, of operations that a served model may have.

    Args:
        meta: a MetaGraphDef.

    Returns:
        The variables that restoring fills: name in the checkpoint -> (data type, shape).
    """
    if meta.asset_file_def or set(meta.collection_def) - {MAIN_OP}:
        raise RefusedError(f"the graph has assets or collections: {sorted(meta.collection_def)}")
    if meta.meta_info_def.HasField("any_info") or meta.meta_info_def.function_aliases:
        raise RefusedError("the graph has function aliases or a message of another type")
    if meta.graph_def.HasField("debug_info"):
        raise RefusedError("the graph holds debugging information")
    nodes = {node.name: node for node in meta.graph_def.node}
    graph.check_nodes(meta.graph_def.node, operations.MAIN, [limits.CONSTANTS])
    saver = _saver(meta.saver_def, nodes)
    filename = graph.node_name(meta.saver_def.filename_tensor_name)
    parts = {filename: "filename", **saver}  # node -> "filename", "save", "restore", "init", or "of SIGNATURE"
    _init(meta, nodes, parts)
    handles = {name: node for name, node in nodes.items() if node.op == "VarHandleOp"}
    shared = [node.attr["shared_name"].s for node in handles.values()]
    if len(set(shared)) < len(shared):
        raise RefusedError("two variables share one name")
    for name, definition in meta.signature_def.items():
        if name != INIT:
            _signature(name, definition, nodes, parts)
    for name, node in nodes.items():
        _reason(name, node, nodes, parts)
    saving, restoring = (nodes[name].attr["f"].func.name for name in saver)
    calls = graph.check_functions(meta.graph_def.library, saving, restoring)
    _objects(meta.object_graph_def)
    _reached(meta.object_graph_def, nodes, parts, calls, {saving, restoring})
    restore = next(each for each in meta.graph_def.library.function if each.signature.name == restoring)
    return _restored(nodes[list(saver)[1]], restore, handles, filename)


def _saver(saver, nodes: dict) -> dict:
    """The calls of the saver: their names -> their part."""
    save, restore = graph.node_name(saver.save_tensor_name), saver.restore_op_name
    filename = nodes.get(graph.node_name(saver.filename_tensor_name))
    if filename is None or filename.op != "Placeholder" or filename.attr["dtype"].type != STRING:
        raise RefusedError("the saver has no placeholder for the name of its file")
    for name in (save, restore):
        if name not in nodes or nodes[name].op not in CALLS or list(nodes[name].input)[:1] != [filename.name]:
            raise RefusedError(f"the saver's {name!r} is not a call that takes the name of its file")
    if save == restore or nodes[save].attr["f"].func.name == nodes[restore].attr["f"].func.name:
        raise RefusedError("the saver saves and restores by one operation")
    return {save: "save", restore: "restore"}


def _init(meta, nodes: dict, parts: dict) -> None:
    """Main and initialisation operations do nothing."""
    names = {value for name in meta.collection_def for value in meta.collection_def[name].node_list.value}
    if INIT in meta.signature_def:
        definition = meta.signature_def[INIT]
        if definition.inputs or set(definition.outputs) != {INIT} or definition.defaults:
            raise RefusedError(f"{INIT} has inputs, or other outputs than itself")
        names.add(graph.node_name(definition.outputs[INIT].name))
    for name in names:
        if name not in nodes or nodes[name].op != "NoOp" or nodes[name].input:
            raise RefusedError(f"{name!r} runs while the model is loaded, and must do nothing")
        parts[name] = "init"


def _signature(name: str, definition, nodes: dict, parts: dict) -> None:
    """The inputs of a signature are placeholders of its own, its outputs those of one call of its own."""
    if definition.method_name != PREDICT or definition.defaults:
        raise RefusedError(f"the signature {name} is of the kind {definition.method_name!r} or has default values")
    outputs = {graph.node_name(info.name) for info in definition.outputs.values()}
    for info in (*definition.inputs.values(), *definition.outputs.values()):
        if info.WhichOneof("encoding") != "name":
            raise RefusedError(f"the signature {name} has a tensor without a name")
    for info in definition.inputs.values():
        node = nodes.get(graph.node_name(info.name))
        if node is None or node.op != "Placeholder" or node.attr["dtype"].type != info.dtype or node.name in parts:
            raise RefusedError(f"the input {info.name!r} of {name} is not a placeholder of its own")
        parts[node.name] = f"of {name}"
    if len(outputs) != 1 or (call := next(iter(outputs))) not in nodes or nodes[call].op not in CALLS or call in parts:
        raise RefusedError(f"the outputs of {name} are not those of one call of its own: {sorted(outputs)}")
    parts[call] = f"of {name}"


def _reason(name: str, node, nodes: dict, parts: dict) -> None:
    """Raises RefusedError unless a node of the main graph has a part, and takes nothing from another part."""
    inputs = [nodes.get(reference) for reference in node.input]
    if any(each is None for each in inputs):
        raise RefusedError(f"node {name!r} of the main graph has a control input, or one that does not exist")
    if node.op in ("NoOp", "Placeholder", *CALLS) and name not in parts:
        raise RefusedError(f"node {name!r} of the main graph is part of no signature")
    if node.op == "VarHandleOp" and (node.attr["shape"].shape.unknown_rank or node.attr["allowed_devices"].list.s):
        raise RefusedError(f"the variable {name!r} has no shape, or devices of its own")
    if node.op == "ReadVariableOp" and [each.op for each in inputs] != ["VarHandleOp"]:
        raise RefusedError(f"node {name!r} reads no variable")
    if node.op in CALLS:
        own = [each.name for each in inputs if each.op == "Placeholder"]
        mine = "filename" if parts[name] in ("save", "restore") else parts[name]
        right = all(parts[each] == mine for each in own)
        plain = ("Placeholder", "VarHandleOp", "Const", *(["ReadVariableOp"] if parts[name] == "save" else []))
        if not right or any(each.op not in plain for each in inputs):
            raise RefusedError(f"node {name!r} takes what is not an input of its own, no variable and no constant")
    elif node.op != "ReadVariableOp" and inputs:
        raise RefusedError(f"node {name!r} has inputs")


def _objects(objects) -> None:
    """Raises RefusedError where the object graph, which TensorFlow's Python follows, asks for more than signatures."""
    for node in objects.nodes:
        kind = node.WhichOneof("kind")
        user = node.user_object if kind == "user_object" else None
        if kind not in ("user_object", "variable", "bare_concrete_function", "captured_tensor", "constant", "function"):
            raise RefusedError(f"the object graph holds a {kind}")
        if user is not None and (user.identifier not in OBJECTS or user.metadata):
            raise RefusedError(f"the object graph holds an object of the type {user.identifier!r}")
        if node.HasField("serialized_user_proto") or node.registered_name or node.registered_saver:
            raise RefusedError("the object graph holds an object of a registered type")
        if node.saveable_objects:
            raise RefusedError("the object graph holds functions that save or restore an object")


def _reached(objects, nodes: dict, parts: dict, calls: dict, saver: set) -> None:
    """Raises RefusedError where a function is there for no known reason."""
    waiting = list(saver) + list(objects.concrete_functions)
    for node in nodes.values():
        if node.op in CALLS:
            waiting.append(node.attr["f"].func.name)
            if waiting[-1] in saver and parts[node.name] not in ("save", "restore"):
                raise RefusedError(f"node {node.name!r} calls a function of the saver")
    reached = set()
    while waiting:
        name = waiting.pop()
        if name not in calls:
            raise RefusedError(f"there is no function {name!r}")
        if name not in reached:
            reached.add(name)
            waiting += calls[name]
    if left := sorted(set(calls) - reached):
        raise RefusedError(f"nothing calls the function {left[0]}")


def _restored(call, function, handles: dict, filename: str) -> dict:
    """What the restore function reads from the checkpoint: name -> (data type, shape). It fills every variable once."""
    nodes = {node.name: node for node in function.node_def}
    arguments = [argument.name for argument in function.signature.input_arg]
    reads = [node for node in function.node_def if node.op == "RestoreV2"]
    if len(reads) != 1 or len(arguments) != len(call.input) or len(reads[0].input) != 3:
        raise RefusedError("the restore function does not read the checkpoint once")
    names, slices = (nodes.get(graph.node_name(reference)) for reference in list(reads[0].input)[1:])
    if call.input[0] != filename or reads[0].input[0] != arguments[0]:
        raise RefusedError("the restore function reads another file than the loader names")
    if any(node is None or node.op != "Const" for node in (names, slices)):
        raise RefusedError("the restore function computes what it reads")
    keys = list(names.attr["value"].tensor.string_val)
    if any(slices.attr["value"].tensor.string_val) or len(set(keys)) < len(keys):
        raise RefusedError("the restore function reads slices, or a tensor twice")
    found = {}
    for node in function.node_def:
        if node.op != "AssignVariableOp":
            continue
        target, source = list(node.input)[:2]
        while (
            source
            and nodes.get(graph.node_name(source)) is not None
            and nodes[graph.node_name(source)].op == "Identity"
        ):
            source = nodes[graph.node_name(source)].input[0]
        place = source.rpartition(":")[2]
        handle = call.input[arguments.index(target)] if target in arguments else ""
        if graph.node_name(source) != reads[0].name or not place.isdigit() or int(place) >= len(keys):
            raise RefusedError(f"the restore function assigns what it did not read: {node.name!r}")
        if handle not in handles or handle in found:
            raise RefusedError(f"the restore function fills {handle!r}, no variable, or one twice")
        found[handle] = keys[int(place)]
    if (
        set(found) != set(handles)
        or set(keys) - set(found.values()) - {RESTORED}
        or len(set(found.values())) < len(found)
    ):
        raise RefusedError("the restore function does not fill every variable with a tensor of its own")
    specs = {}
    for handle, key in found.items():
        shape = handles[handle].attr["shape"].shape
        specs[key.decode(errors="replace")] = (handles[handle].attr["dtype"].type, [dim.size for dim in shape.dim])
    return specs
