"""How an honest version is made, and changed into a hostile one."""

import os
import shutil
import tempfile
from pathlib import Path

from export import bundle, graph, library, limits, manifest, signatures
from export.inspection import Inspection
from export.snapshot import Snapshot
from tfgen.quiet import tf
from tfgen.storage import entries

TRAP = f"{tempfile.gettempdir()}/tfgen-was-here-{os.getpid()}"  # what hostile graphs write
FLOAT = 1  # of TensorFlow's enum DataType


def honest(folder: Path, entry: str = "") -> Path:
    """A version of a small model with random weights."""
    module = entries.module(entry or entries.entries()[0])
    model, version = module.build(**module.SMALL), folder / "1"
    version.mkdir(parents=True)
    bundle.write(model, "nowhere", version, 2)
    return version


def hostile(attack, version: Path, target: Path) -> Path:
    """A copy of an honest version with an attack in it, whose manifest knows of nothing."""
    shutil.copytree(version, target)
    saved = library.protocol("core.protobuf.saved_model_pb2").SavedModel()
    saved.ParseFromString((target / limits.GRAPH).read_bytes())
    content = attack(saved, saved.meta_graphs[0], target)
    if (target / limits.GRAPH).exists():
        (target / limits.GRAPH).write_bytes(content or saved.SerializeToString(deterministic=True))
    manifest.write(target)
    return target


def add(nodes, name: str, op: str, inputs=(), **attributes):
    """Adds a node; attributes are strings of the text format of AttrValue, such as `type: DT_STRING`."""
    from google.protobuf import text_format

    node = nodes.add(name=name, op=op, input=inputs)
    for key, value in attributes.items():
        text_format.Parse(value, node.attr[key])
    return node


def constant(nodes, name: str, text: str):
    """Adds a string constant."""
    tensor = f'tensor {{ dtype: DT_STRING tensor_shape {{}} string_val: "{text}" }}'
    return add(nodes, name, "Const", dtype="type: DT_STRING", value=tensor)


def write_file(nodes, name: str = "Evil", main: bool = True) -> str:
    """Adds nodes that write the trap. Returns the control input that runs them."""
    output = "" if main else ":output"
    constant(nodes, f"{name}/path", TRAP)
    constant(nodes, f"{name}/text", "was here")
    add(nodes, name, "WriteFile", [f"{name}/path{output}:0", f"{name}/text{output}:0"])
    return f"^{name}"


def called_by(meta, signature: str):
    """The function of a signature, FunctionDef, and the node that calls it."""
    name = graph.node_name(next(iter(meta.signature_def[signature].outputs.values())).name)
    call = next(node for node in meta.graph_def.node if node.name == name)
    return function_of(meta, call), call


def function_of(meta, call):
    """The function that a node calls."""
    name = call.attr["f"].func.name
    return next(function for function in meta.graph_def.library.function if function.signature.name == name)


def saver(meta, part: str):
    """The node that calls the saver's function, and that function; `part` is save or restore."""
    name = {"save": meta.saver_def.save_tensor_name.split(":")[0], "restore": meta.saver_def.restore_op_name}[part]
    call = next(node for node in meta.graph_def.node if node.name == name)
    return call, function_of(meta, call)


def evil_function(meta, name: str = "__inference_evil_1"):
    """Adds a function that writes the trap, and returns its first argument."""
    function = meta.graph_def.library.function.add()
    function.signature.name = name
    function.signature.input_arg.add(name="x", type=FLOAT)
    function.signature.output_arg.add(name="y", type=FLOAT)
    add(function.node_def, "y", "Identity", ["x", write_file(function.node_def, main=False)], T="type: DT_FLOAT")
    function.ret["y"] = "y:output:0"
    return function


def in_sample(op: str, inputs=(), **attributes):
    """An attack whose operation hangs on the answers of `sample` by a control input."""

    def make(saved, meta, version):
        function, _ = called_by(meta, "sample")
        for place, text in enumerate(inputs):
            constant(function.node_def, f"Evil/{place}", text)
        add(function.node_def, "Evil", op, [f"Evil/{place}:output:0" for place in range(len(inputs))], **attributes)
        function.node_def[-len(inputs) - 2].input.append("^Evil")

    return make


def endless(outputs: dict) -> dict:
    """A loop that never ends, and that the answer waits for."""
    (left,) = tf.while_loop(lambda step: step >= 0, lambda step: [step * 0], [tf.constant(0)])
    return {name: value + tf.cast(left, value.dtype) for name, value in outputs.items()}


def enormous(outputs: dict) -> dict:
    """An answer that needs 2**40 bytes on the way."""
    size = tf.cast(tf.shape(next(iter(outputs.values())))[0], tf.int64) * 0 + 2**38
    return {name: value + 0 * tf.reduce_sum(tf.random.stateless_normal([size], [1, 2], alg="philox"))
            for name, value in outputs.items()}  # fmt: skip


RUN = {"loop without end": endless, "terabyte on the way": enormous}


def running(name: str, honest: Path, target: Path) -> Path:
    """A copy of an honest version, whose graph is replaced by one with an attack that only running shows."""
    version = Path(shutil.copytree(honest, target))
    module = entries.module(entries.entries()[0])
    model = module.build(**module.SMALL)
    table = model.signatures(2)
    for key, each in table.items():
        hostile_one = lambda function=each.function, **inputs: RUN[name](dict(function(**inputs)))  # noqa: E731
        table[key] = type(each)(hostile_one, each.inputs, each.outputs)
    graph = target.with_name(f"{target.name}-graph")
    signatures.save(model, table, graph)
    for part in (limits.GRAPH, limits.FINGERPRINT, limits.INDEX, limits.DATA):
        (graph / part).replace(version / part)
    manifest.write(version)
    return version


def refusal(version: Path) -> str:
    """Which inspection refuses a version, and why; empty if none does."""
    with tempfile.TemporaryDirectory() as folder:
        inspection = Inspection(version, Path(folder))
        for check in Inspection.CHECKS:
            try:
                inspection.run(check)
            except ValueError as error:
                return f"{check}: {error}"
    return ""


def taken(version: Path, file: str) -> bool:
    """Whether a file of a version is taken for the one that was exported."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            snapshot = Snapshot(version, Path(folder))
            for name in limits.FILES if file == manifest.NAME else [file]:
                if name != manifest.NAME:
                    snapshot.take(name)
        except ValueError:
            return False
    return True


def damages(content: bytes, places: int):
    """Contents with a bit flipped, a byte removed and a byte added, at places spread over the whole."""
    for place in sorted({len(content) * each // places for each in range(places)} | {len(content) - 1}):
        for bit in (1, 0x20, 0x80):
            yield content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]
        yield content[:place] + content[place + 1 :]
        for more in (b"\0", b" ", content[place : place + 1]):
            yield content[:place] + more + content[place:]
    yield content + b"\n"
    yield content + b"\0"
    yield b""
