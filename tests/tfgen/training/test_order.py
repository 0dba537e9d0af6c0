"""A step reads every weight before it moves it, in the graph that TensorFlow runs.

A read and a write without an order race. Few trainings show the race, but every graph shows the missing order.
"""

from collections import defaultdict

import pytest

import tfgen
from tfgen.quiet import tf
from tfgen.storage import entries
from tfgen.training import loop

WRITES = {"AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"}
ACCESSES = WRITES | {"ReadVariableOp"}
PASSED_ON = {"Enter", "Identity", "Switch"}  # what hands a variable into a loop or a branch
CASES = [(entry, {}, {}) for entry in tfgen.entries()]
CASES += [("dcgan", {"discriminator_steps": 2}, {}), ("dcgan", {}, {"ema": 0.9}), ("vae", {}, {"ema": 0.9})]


def optimised_graphs(run, folder):
    """The graphs, as TensorFlow has rewritten them, of the functions that `run` calls."""
    tf.summary.trace_on(graph=True)
    with tf.summary.create_file_writer(str(folder)).as_default():
        run()
        tf.summary.trace_export("graphs", step=0)
    (path,) = folder.iterdir()
    for record in tf.data.TFRecordDataset(str(path)):
        for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value:
            graphs = tf.compat.v1.RunMetadata.FromString(value.tensor.string_val[0]).function_graphs
            yield from (graph.post_optimization_graph for graph in graphs)


def unordered(graph):
    """The pairs (write, other access) of the same variable of which neither waits for the other."""
    nodes = {node.name: node for node in graph.node}
    inputs = {name: [nodes[i.lstrip("^").partition(":")[0]] for i in node.input] for name, node in nodes.items()}

    def earlier(name):
        """What a node waits for in its own step: the edge from the end of a loop to its start leads to another."""
        seen, waiting = set(), [name]
        while waiting:
            new = {node.name for node in inputs[waiting.pop()] if node.op != "NextIteration"} - seen
            seen |= new
            waiting += new
        return seen

    def variable(name):
        while nodes[name].op in ACCESSES | PASSED_ON:
            name = inputs[name][0].name
        return name

    accesses = defaultdict(dict)
    for name, node in nodes.items():
        if node.op in ACCESSES:
            accesses[variable(name)][name] = earlier(name)
    return [
        (write, other)
        for same in accesses.values()
        for write in same
        for other in same
        if nodes[write].op in WRITES and other != write and other not in same[write] and write not in same[other]
    ]


@pytest.mark.parametrize(("entry", "hyperparameters", "recipe"), CASES)
def test_no_weight_moves_before_it_was_read(entry, hyperparameters, recipe, digits, tmp_path, no_xla):
    """The penalty of a GAN also reads weights of the discriminator on which no gradient of the penalty depends."""
    model = entries.build(entry, entries.module(entry).SMALL | hyperparameters)
    model.train_by(**recipe)
    model.compile_recipe(learning_rate=1e-3, steps=10)
    model.build_optimizers()
    steps = loop.Loop(model, digits.train, 20, seed=0)
    graphs = list(optimised_graphs(lambda: steps.advance(range(2)), tmp_path))
    writes = [node for graph in graphs for node in graph.node if node.op in WRITES]
    assert len(writes) >= 3 * len(model.trainable_variables)  # the weight and Adam's two moments
    assert [pair for graph in graphs for pair in unordered(graph)] == []


def test_an_access_that_waits_for_nothing_is_found():
    with tf.Graph().as_default() as graph:
        variable = tf.compat.v1.placeholder(tf.resource, name="variable")
        read = lambda name: tf.raw_ops.ReadVariableOp(resource=variable, dtype=tf.float32, name=name)  # noqa: E731
        with tf.control_dependencies([read("before")]):
            write = tf.raw_ops.AssignAddVariableOp(resource=variable, value=1.0, name="write")
        with tf.control_dependencies([write]):
            read("after")
        read("unordered")
    assert unordered(graph.as_graph_def()) == [("write", "unordered")]
