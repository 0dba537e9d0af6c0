"""Hostile SavedModels: each holds the files, hashes and answers of an honest version, and one thing more."""

from editing import FLOAT, TRAP, add, called_by, constant, evil_function, in_sample, saver, write_file

from export import library, limits, metagraph

INSPECTED = {}  # name -> function(saved, meta, version) that changes a parsed SavedModel, or its folder


def attack(function):
    """Adds an attack."""
    INSPECTED[function.__name__.replace("_", " ")] = function
    return function


# --- what runs while a model is loaded --------------------------------------------------------------------------------


@attack
def init_operation_has_a_control_input(saved, meta, version):
    node = next(node for node in meta.graph_def.node if node.op == "NoOp")
    node.input.append(write_file(meta.graph_def.node))


@attack
def main_operation_is_another(saved, meta, version):
    write_file(meta.graph_def.node)
    meta.collection_def["saved_model_main_op"].node_list.value[:] = ["Evil"]


@attack
def legacy_init_operation(saved, meta, version):
    write_file(meta.graph_def.node)
    meta.collection_def["legacy_init_op"].node_list.value.append("Evil")


@attack
def init_signature_is_another(saved, meta, version):
    write_file(meta.graph_def.node)
    meta.signature_def[metagraph.INIT].outputs[metagraph.INIT].name = "Evil"


@attack
def restore_function_writes(saved, meta, version):
    _, function = saver(meta, "restore")
    last = function.node_def[-1]
    last.input.append(write_file(function.node_def, main=False))


@attack
def restore_reads_another_file(saved, meta, version):
    _, function = saver(meta, "restore")
    constant(function.node_def, "elsewhere", "/etc/variables")
    next(node for node in function.node_def if node.op == "RestoreV2").input[0] = "elsewhere:output:0"


@attack
def restore_operation_is_another(saved, meta, version):
    write_file(meta.graph_def.node)
    meta.saver_def.restore_op_name = "Evil"


@attack
def restore_function_calls_a_function(saved, meta, version):
    evil_function(meta)
    _, function = saver(meta, "restore")
    source = next(node for node in function.node_def if node.op == "AssignVariableOp").input[1]
    call = add(function.node_def, "Call", "StatefulPartitionedCall", [source], f='func { name: "__inference_evil_1" }')
    call.attr["Tin"].list.type.append(FLOAT)
    call.attr["Tout"].list.type.append(FLOAT)
    function.node_def[0].input.append("^Call")


@attack
def two_variables_are_one(saved, meta, version):
    handles = [node for node in meta.graph_def.node if node.op == "VarHandleOp"]
    handles[1].attr["shared_name"].s = handles[0].attr["shared_name"].s


@attack
def restore_call_names_its_own_file(saved, meta, version):
    constant(meta.graph_def.node, "elsewhere", "/etc/variables")
    saver(meta, "restore")[0].input[0] = "elsewhere"


@attack
def restoring_leaves_a_variable_out(saved, meta, version):
    _, function = saver(meta, "restore")
    next(node for node in function.node_def if node.op == "AssignVariableOp").op = "NoOp"


@attack
def restoring_fills_a_variable_twice(saved, meta, version):
    _, function = saver(meta, "restore")
    first, second, *_ = (node for node in function.node_def if node.op == "AssignVariableOp")
    second.input[0] = first.input[0]


@attack
def restoring_invents_a_value(saved, meta, version):
    _, function = saver(meta, "restore")
    add(function.node_def, "Zero", "Const", dtype="type: DT_FLOAT", value=_floats(1))
    next(node for node in function.node_def if node.op == "AssignVariableOp").input[1] = "Zero:output:0"


@attack
def restoring_reads_slices(saved, meta, version):
    _, function = saver(meta, "restore")
    node = next(node for node in function.node_def if node.name == "RestoreV2/shape_and_slices")
    node.attr["value"].tensor.string_val[0] = b"9 0,1"


@attack
def init_operation_restores(saved, meta, version):
    meta.collection_def["saved_model_main_op"].node_list.value[:] = [meta.saver_def.restore_op_name]


# --- another graph than the one that is looked at ---------------------------------------------------------------------


def _second(tags, first=False):
    def make(saved, meta, version):
        other = saved.meta_graphs.add()
        other.CopyFrom(meta)
        init_operation_has_a_control_input(saved, meta if first else other, version)
        other.meta_info_def.tags[:] = tags

    return make


def _tags(*tags):
    def make(saved, meta, version):
        meta.meta_info_def.tags[:] = tags

    return make


INSPECTED["second graph of other tags"] = _second(["serve", "gpu"])
INSPECTED["second graph of the same tags"] = _second(["serve"])
INSPECTED["hostile graph before an honest one"] = _second(["serve"], first=True)
INSPECTED["a tag twice"] = _tags("serve", "serve")
INSPECTED["a tag more"] = _tags("serve", "train")
INSPECTED["no tag"] = _tags()


@attack
def graph_merged_from_two_fields(saved, meta, version):
    extra = type(saved)()
    init_operation_has_a_control_input(extra, _copied(extra, meta), version)
    del extra.meta_graphs[0].signature_def[metagraph.INIT]
    return saved.SerializeToString(deterministic=True) + extra.SerializeToString(deterministic=True)


def _copied(saved, meta):
    saved.meta_graphs.add().CopyFrom(meta)
    return saved.meta_graphs[0]


@attack
def text_form_beside_the_binary_one(saved, meta, version):
    (version / "saved_model.pbtxt").write_text(str(saved))


@attack
def text_form_instead_of_the_binary_one(saved, meta, version):
    init_operation_has_a_control_input(saved, meta, version)
    (version / limits.GRAPH).unlink()
    (version / "saved_model.pbtxt").write_text(str(saved))


@attack
def chunked_form_beside_the_binary_one(saved, meta, version):
    (version / "saved_model.cpb").write_bytes(saved.SerializeToString())


@attack
def unknown_field(saved, meta, version):
    return saved.SerializeToString(deterministic=True) + b"\xfa\x3f\x04evil"


# --- signatures -------------------------------------------------------------------------------------------------------


def _signature(name):
    def make(saved, meta, version):
        evil_function(meta)
        add(meta.graph_def.node, "x", "Placeholder", dtype="type: DT_FLOAT", shape="shape {}")
        call = add(
            meta.graph_def.node, "Call", "StatefulPartitionedCall", ["x"], f='func { name: "__inference_evil_1" }'
        )
        call.attr["Tin"].list.type.append(FLOAT)
        call.attr["Tout"].list.type.append(FLOAT)
        definition = meta.signature_def[name]
        definition.method_name = metagraph.PREDICT
        definition.inputs["x"].name, definition.inputs["x"].dtype = "x:0", FLOAT
        definition.outputs["y"].name, definition.outputs["y"].dtype = "Call:0", FLOAT

    return make


INSPECTED["hidden signature"] = _signature("__hidden")
INSPECTED["signature beyond the contract"] = _signature("debug")
INSPECTED["training operation"] = _signature("__saved_model_train_op")


@attack
def signature_that_saves(saved, meta, version):
    _, call = called_by(meta, "sample")
    call.attr["f"].func.name = saver(meta, "save")[1].signature.name


@attack
def signature_whose_output_is_the_saver(saved, meta, version):
    next(iter(meta.signature_def["sample"].outputs.values())).name = meta.saver_def.save_tensor_name


@attack
def signature_with_default_values(saved, meta, version):
    if not hasattr(meta.signature_def["sample"], "defaults"):
        meta.signature_def["sample"].method_name = "tensorflow/serving/regress"
        return
    meta.signature_def["sample"].defaults["seed"].dtype = 9


@attack
def signature_that_takes_the_input_of_another(saved, meta, version):
    _, call = called_by(meta, "sample")
    call.input[0] = next(iter(meta.signature_def["decode"].inputs.values())).name.split(":")[0]


@attack
def signature_of_two_calls(saved, meta, version):
    other = next(iter(meta.signature_def["decode"].outputs.values())).name
    meta.signature_def["sample"].outputs["image"].name = other


@attack
def call_that_nothing_asks_for(saved, meta, version):
    meta.graph_def.node.add().CopyFrom(called_by(meta, "sample")[1])
    meta.graph_def.node[-1].name = "Another"


@attack
def call_with_a_control_input(saved, meta, version):
    _, call = called_by(meta, "sample")
    call.input.append(write_file(meta.graph_def.node))


# --- operations -------------------------------------------------------------------------------------------------------

INSPECTED["write in a function's body"] = in_sample("WriteFile", [TRAP, "was here"])
INSPECTED["read"] = in_sample("ReadFile", ["/etc/passwd"])
INSPECTED["list files"] = in_sample("MatchingFiles", ["/etc/*"])
INSPECTED["save"] = in_sample("SaveV2", [TRAP, "a", ""], dtypes="list { type: DT_STRING }")
INSPECTED["delete"] = in_sample("MergeV2Checkpoints", ["/tmp/a", "/tmp/b"], delete_old_dirs="b: true")
INSPECTED["restore"] = in_sample("RestoreV2", ["/tmp/a", "b", ""], dtypes="list { type: DT_FLOAT }")
INSPECTED["python"] = in_sample("PyFunc", token='s: "evil"', Tin="list {}", Tout="list {}")
INSPECTED["stateless python"] = in_sample("PyFuncStateless", token='s: "evil"', Tin="list {}", Tout="list {}")
INSPECTED["print"] = in_sample("PrintV2", ["was here"], output_stream=f's: "file://{TRAP}"', end='s: ""')
INSPECTED["debugger"] = in_sample("DebugIdentity", ["x"], debug_urls=f'list {{ s: "file://{TRAP}" }}')
INSPECTED["table"] = in_sample("HashTableV2", key_dtype="type: DT_STRING", value_dtype="type: DT_INT64")
INSPECTED["table of a file"] = in_sample("InitializeTableFromTextFileV2", ["a", "/etc/passwd"])
INSPECTED["queue"] = in_sample("FIFOQueueV2", component_types="list { type: DT_FLOAT }")
INSPECTED["data set of a file"] = in_sample("TextLineDataset", ["/etc/passwd", "", ""])
INSPECTED["decoder"] = in_sample("DecodePng", ["bomb"])
INSPECTED["remote call"] = in_sample("RemoteCall", ["/job:worker"], f='func { name: "a" }')
INSPECTED["stateful random numbers"] = in_sample("RandomStandardNormal", dtype="type: DT_FLOAT", T="type: DT_INT32")
INSPECTED["compiler"] = in_sample("XlaLaunch", function='func { name: "a" }')
INSPECTED["a call by the function's name"] = in_sample("__inference_evil_1")
INSPECTED["gradient of a function"] = in_sample("SymbolicGradient", f='func { name: "a" }')
INSPECTED["too many outputs"] = in_sample("Split", num_split="i: 2147483647", T="type: DT_FLOAT")
INSPECTED["another machine"] = in_sample("NoOp")


@attack
def assignment_in_a_signature(saved, meta, version):
    function, _ = called_by(meta, "sample")
    add(function.node_def, "Evil", "AssignVariableOp", ["variable", "value"], dtype="type: DT_FLOAT")


@attack
def another_device(saved, meta, version):
    called_by(meta, "sample")[0].node_def[0].device = "/job:worker/task:1"


INSPECTED["another machine"] = another_device


@attack
def configuration_of_a_call(saved, meta, version):
    config = library.protocol("core.protobuf.config_pb2").ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = 2
    called_by(meta, "sample")[1].attr["config_proto"].s = config.SerializeToString()


@attack
def executor_of_a_call(saved, meta, version):
    called_by(meta, "sample")[1].attr["executor_type"].s = b"SINGLE_THREADED_EXECUTOR"


@attack
def implementation_chosen_by_name(saved, meta, version):
    called_by(meta, "sample")[0].attr["_implements"].s = b"evil"


# --- functions --------------------------------------------------------------------------------------------------------


@attack
def function_that_nothing_calls(saved, meta, version):
    function = meta.graph_def.library.function.add()
    function.signature.name = "__inference_left_1"


@attack
def writing_function_that_only_python_finds(saved, meta, version):
    evil_function(meta)
    meta.object_graph_def.concrete_functions["__inference_evil_1"].SetInParent()


@attack
def function_named_like_an_operation(saved, meta, version):
    evil_function(meta, "AddV2")


@attack
def gradient_definition(saved, meta, version):
    function, _ = called_by(meta, "sample")
    evil_function(meta)
    meta.graph_def.library.gradient.add(function_name=function.signature.name, gradient_func="__inference_evil_1")


@attack
def function_that_calls_itself(saved, meta, version):
    function, _ = called_by(meta, "sample")
    add(function.node_def, "Again", "StatefulPartitionedCall", f=f'func {{ name: "{function.signature.name}" }}')


@attack
def functions_that_double(saved, meta, version):
    function, _ = called_by(meta, "sample")
    add(function.node_def, "First", "StatefulPartitionedCall", f='func { name: "double0" }')
    for depth in range(40):
        doubling = meta.graph_def.library.function.add()
        doubling.signature.name = f"double{depth}"
        for half in "ab":
            if depth < 39:
                add(doubling.node_def, half, "PartitionedCall", f=f'func {{ name: "double{depth + 1}" }}')


# --- sizes ------------------------------------------------------------------------------------------------------------


def _constant(tensor, times=1):
    def make(saved, meta, version):
        function, _ = called_by(meta, "sample")
        for number in range(times):
            add(function.node_def, f"Large{number}", "Const", dtype="type: DT_FLOAT", value=tensor)

    return make


def _floats(*sizes, value="float_val: 1"):
    dims = " ".join(f"dim {{ size: {size} }}" for size in sizes)
    return f"tensor {{ dtype: DT_FLOAT tensor_shape {{ {dims} }} {value} }}"


INSPECTED["huge constant"] = _constant(_floats(2**31))
INSPECTED["constant whose size overflows"] = _constant(_floats(2**32, 2**32))
INSPECTED["constant of a negative size"] = _constant(_floats(-1))
INSPECTED["constant larger than its bytes"] = _constant(_floats(2**31, value='tensor_content: "1234"'))
INSPECTED["many large constants"] = _constant(_floats(2**20), 100)


@attack
def huge_variable(saved, meta, version):
    node = next(node for node in meta.graph_def.node if node.op == "VarHandleOp")
    node.attr["shape"].shape.dim[0].size = 2**40


# --- assets and the checkpoint ----------------------------------------------------------------------------------------


@attack
def asset_outside(saved, meta, version):
    asset = meta.asset_file_def.add(filename="../../../etc/passwd")
    asset.tensor_info.name = "Const:0"


@attack
def asset_of_the_object_graph(saved, meta, version):
    meta.object_graph_def.nodes.add().asset.asset_file_def_index = 0


@attack
def object_of_another_type(saved, meta, version):
    node = next(node for node in meta.object_graph_def.nodes if node.WhichOneof("kind") == "user_object")
    node.user_object.identifier, node.user_object.metadata = "_tf_keras_model", '{"class_name": "Evil"}'


@attack
def second_data_file(saved, meta, version):
    (version / "variables" / "variables.data-00001-of-00002").write_bytes(b"more")


def _index(change):
    def make(saved, meta, version):
        path = version / limits.INDEX
        path.write_bytes(change(path.read_bytes()))

    return make


INSPECTED["index of two data files"] = _index(lambda content: content.replace(b"\x08\x01\x1a", b"\x08\x02\x1a", 1))
INSPECTED["index of another byte order"] = _index(lambda content: content.replace(b"\x08\x01\x1a", b"\x10\x01\x1a", 1))
INSPECTED["index with a block beyond its end"] = _index(lambda content: content[:-48] + b"\xff\x7f" * 8 + content[-32:])
