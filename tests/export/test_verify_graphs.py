"""Verification refuses graphs that no server should run: operations, rows, seeds, shapes, labels."""

import subprocess
import sys

import numpy as np
import pytest

from export import golden, inspection, limits, metagraph, proof
from export.session import Session
from tfgen.quiet import tf

SEED = tf.TensorSpec([None], tf.int64, "seed")


def saved(path, function, spec=SEED, variables=()):
    """A SavedModel of one signature, `sample`."""
    module = tf.Module()
    module.kept = list(variables)
    concrete = tf.function(function).get_concrete_function(spec)
    tf.saved_model.save(module, str(path), signatures={"sample": concrete})
    return path


def inspect(path) -> dict:
    """What inspection says of a graph; none of it is run."""
    return metagraph.check(metagraph.read((path / limits.GRAPH).read_bytes()))


def philox(seed):
    """One number per row, drawn as it should be."""
    draw = lambda row: tf.random.stateless_normal([], row, alg="philox")  # noqa: E731
    return tf.map_fn(draw, tf.bitcast(seed, tf.int32), fn_output_signature=tf.float32)


def with_assertion(seed):
    tf.debugging.assert_non_negative(seed)
    return tf.cast(seed, tf.float32)


@tf.function(jit_compile=True)
def compiled(seed):
    return tf.cast(seed, tf.float32) * 2.0


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda seed: tf.random.normal(tf.shape(seed)), "RandomStandardNormal keeps state"),
        (
            lambda seed: tf.random.uniform(tf.shape(seed), maxval=9, dtype=tf.int32),
            "RandomUniformInt is not an operation",
        ),
        (
            lambda seed: tf.random.stateless_normal(tf.shape(seed), [0, 1]),
            "StatelessRandomNormalV2 does not name philox",
        ),
        (
            lambda seed: tf.random.stateless_normal(tf.shape(seed), [0, 1], alg="threefry"),
            "StatelessRandomNormalV2 does not name philox",
        ),
        (lambda seed: tf.raw_ops.StatelessRandomNormal(shape=tf.shape(seed), seed=[0, 1]), "does not name"),
        (lambda seed: tf.debugging.check_numerics(tf.cast(seed, tf.float32), "no"), "CheckNumerics"),
        (lambda seed: tf.numpy_function(np.float32, [seed], tf.float32), "PyFunc"),
        (compiled, "asks for XLA"),
        (with_assertion, "Assert fails every request"),
    ],
    ids=["stateful", "integers", "auto_select", "threefry", "unnamed", "check_numerics", "python", "xla", "assertion"],
)
def test_operations_that_a_server_should_not_run_fail(function, reason, tmp_path):
    saved(tmp_path, lambda seed: {"image": function(seed)})
    with pytest.raises(limits.RefusedError, match=reason):
        inspect(tmp_path)


def test_tables_fail(tmp_path):
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant([0], tf.int64), tf.constant([1.0])), 0.0
    )
    saved(tmp_path, lambda seed: {"image": table.lookup(seed)}, variables=[table])
    with pytest.raises(limits.RefusedError, match="Table"):
        inspect(tmp_path)


def test_operations_of_a_good_graph_pass(tmp_path):
    variable = tf.Variable([[1.0, 2.0]])
    saved(tmp_path, lambda seed: {"image": philox(seed) * variable[0, 0]}, variables=[variable])
    assert inspect(tmp_path) == {"kept/0/.ATTRIBUTES/VARIABLE_VALUE": (1, [1, 2])}


def requests_of(session, **inputs):
    """Golden requests made of a session's own answers."""
    return {"sample": {"inputs": inputs, "outputs": session.run("sample", inputs)}}


def test_rows_that_depend_on_their_batch_fail(tmp_path):
    function = lambda seed: {"image": philox(seed) - tf.reduce_mean(philox(seed))}  # noqa: E731
    with Session(saved(tmp_path, function)) as session, pytest.raises(proof.CheckError, match="depends on the batch"):
        proof.check_rows(session, requests_of(session, seed=np.arange(8)))


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda seed: tf.random.normal(tf.shape(seed)), "does not repeat"),
        (lambda seed: tf.zeros_like(seed, tf.float32), "answers other seeds with the same"),
    ],
)
def test_seeds_that_do_not_repeat_or_do_not_count_fail(function, reason, tmp_path):
    with (
        Session(saved(tmp_path, lambda seed: {"image": function(seed)})) as session,
        pytest.raises(proof.CheckError, match=reason),
    ):
        proof.check_seeds(session, requests_of(session, seed=np.arange(8)))


@pytest.mark.parametrize("wrong", [tf.TensorSpec([], tf.int64, "seed"), tf.TensorSpec([None], tf.int32, "seed")])
def test_other_shapes_and_dtypes_than_the_contract_fail(wrong, tmp_path):
    tensor = {
        "inputs": {"seed": {"dtype": "int64", "shape": [-1]}},
        "outputs": {"image": {"dtype": "float32", "shape": [-1]}},
    }
    function = lambda seed: {"image": tf.reshape(tf.cast(seed, tf.float32), [-1])}  # noqa: E731
    right = metagraph.read((saved(tmp_path / "right", function) / limits.GRAPH).read_bytes())
    other = metagraph.read((saved(tmp_path / "wrong", function, wrong) / limits.GRAPH).read_bytes())
    inspection.check_signatures(right, {"signatures": {"sample": tensor}})
    with pytest.raises(limits.RefusedError, match="inputs of sample"):
        inspection.check_signatures(other, {"signatures": {"sample": tensor}})
    with pytest.raises(limits.RefusedError, match="the graph has"):
        inspection.check_signatures(other, {"signatures": {"sample": tensor, "decode": tensor}})


def test_pixels_that_are_not_refused_with_nan_fail(plain, plain_session):
    requests, session = golden.read(plain.version), plain_session
    assert proof.check_pixels(session, requests) == "outside [0, 1] a row of NaN, the others as before"

    class Careless:
        def run(self, name, inputs):
            return session.run(name, {key: np.clip(np.nan_to_num(value), 0, 1) for key, value in inputs.items()})

    requests = {name: sides for name, sides in requests.items() if "image" in sides["inputs"]}
    with pytest.raises(proof.CheckError, match="with images 255 and nan is not two rows of NaN"):
        proof.check_pixels(Careless(), requests)


def test_labels_that_are_not_refused_with_nan_fail(conditional, conditional_session):
    requests, classes = golden.read(conditional.version), len(conditional.facts["classes"])
    session = conditional_session
    proof.check_labels(session, requests, classes)

    class Careless:
        def run(self, name, inputs):
            if "label" in inputs:
                inputs = inputs | {"label": np.clip(inputs["label"], 0, classes - 1)}
            return session.run(name, inputs)

    with pytest.raises(proof.CheckError, match="is not two rows of NaN"):
        proof.check_labels(Careless(), requests, classes)


def test_integers_for_a_label_of_no_class_are_minus_one():
    requests = {"paint": {"inputs": {"label": np.arange(4)}, "outputs": {"steps": np.array([5, 6, 7, 8])}}}

    class Answering:
        def __init__(self, blank):
            self.blank = blank

        def run(self, name, inputs):
            known = (inputs["label"] >= 0) & (inputs["label"] < 4)
            return {"steps": np.where(known, requests[name]["outputs"]["steps"], self.blank)}

    proof.check_labels(Answering(-1), requests, 4)
    with pytest.raises(proof.CheckError, match="steps of paint with labels -1 and 4"):
        proof.check_labels(Answering(0), requests, 4)


def test_the_verifying_process_runs_no_xla_as_the_stock_server_does(tmp_path):
    saved(tmp_path, lambda seed: {"image": compiled(seed)})
    code = (
        "import sys, numpy as np\n"
        "from export import session\n"
        "if sys.argv[1] == 'server':\n"
        "    session.as_the_server()\n"
        f"print(session.Session({str(tmp_path)!r}).run('sample', {{'seed': np.arange(2)}}))\n"
    )
    plain, server = (
        subprocess.run([sys.executable, "-c", code, how], capture_output=True, text=True, check=False)
        for how in ("plain", "server")
    )
    assert "0., 2." in plain.stdout
    assert server.returncode == 1
    assert "SessionError" in server.stderr
