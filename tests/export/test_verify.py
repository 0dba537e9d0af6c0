"""Verification passes what is whole and fails what is not: files, contract, operations, answers, rows and seeds."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from export import contract, golden, manifest, verify
from export.session import Session, SessionError

SEED = tf.TensorSpec([None], tf.int64, "seed")


def run(module: str, *arguments):
    """A command in a fresh process: (exit code, stdout, stderr)."""
    words = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def copy(vae, tmp_path):
    """A version to damage."""
    return shutil.copytree(vae.version, tmp_path / "vae" / "1")


def failing(version) -> dict:
    """The checks that a version fails: name -> why."""
    return {name: detail for name, passed, detail in verify.check(version) if not passed}


def flip(path, place: int = -100):
    """Changes one byte of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


# --- the command ------------------------------------------------------------------------------------------------------


def test_a_whole_version_passes_with_a_table(vae):
    code, said, errors = run("export.verify", vae.version)
    assert (code, errors) == (0, "")
    checks = [line.split("  ")[1] for line in said.splitlines() if line.startswith("  ")]
    wanted = ["manifest", "contract", "golden", "load", "signatures", "operations", "answers", "rows", "seeds"]
    assert [check.split()[0] for check in checks] == wanted


def test_a_damaged_version_fails_with_one_line(copy):
    shutil.rmtree(copy / "variables")
    code, said, errors = run("export.verify", copy)
    assert code == 1
    assert "FAILED" in said
    assert errors.splitlines() == [f"error: {copy} fails manifest, answers, rows, seeds"]


@pytest.mark.parametrize("path", ["nowhere", "file", "folder"])
def test_a_path_that_is_no_version_ends_with_2(path, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    code, said, errors = run("export.verify", tmp_path / path)
    assert (code, said) == (2, "")
    assert errors.count("\n") == 1
    assert "is no version" in errors


def test_the_verifying_process_has_no_python_of_tensorflow_or_keras(vae):
    code = (
        "import sys\n"
        "from export import verify\n"
        f"verify.main([{str(vae.version)!r}])\n"
        "heavy = ('tensorflow', 'tensorflow.python', 'keras', 'tf_keras', 'tensorflow_probability', 'tfgen')\n"
        "print([name for name in heavy if name in sys.modules])\n"
        "print({name.split('.')[1] for name in sys.modules if name.startswith('tensorflow.')})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["[]", "{'core'}"]


@pytest.mark.parametrize("module", ["export", "export.verify", "export.client", "export.benchmark", "export.replay"])
def test_imports_stay_light(module):
    code = f"import sys, {module}; print(sorted({{'tensorflow', 'keras', 'tfgen', 'zoo'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_tensorflow_can_be_imported_after_its_protocol_buffers(vae):
    code = (
        "from export.session import read_graph\n"
        f"read_graph({str(vae.version)!r})\n"
        "import tensorflow as tf\n"
        f"print(sorted(tf.saved_model.load({str(vae.version)!r}).signatures))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'sample'" in done.stdout


def test_where_there_is_no_c_library_it_says_so(monkeypatch, capsys, vae):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SystemExit) as stop:
        verify.main([str(vae.version)])
    assert stop.value.code == 2
    assert "on Linux only, this is darwin" in capsys.readouterr().err


# --- damaged files ----------------------------------------------------------------------------------------------------


def test_a_whole_version_fails_nothing(copy):
    assert failing(copy) == {}


def test_missing_variables_fail(copy):
    shutil.rmtree(copy / "variables")
    assert set(failing(copy)) == {"manifest", "answers", "rows", "seeds"}  # the loader itself takes it


@pytest.mark.parametrize("file", ["variables/variables.data-00000-of-00001", "golden.npz", "MODEL_CARD.md"])
def test_a_changed_byte_fails(copy, file):
    flip(copy / file, 100)
    assert failing(copy)["manifest"] == f"{file} has changed"


def test_a_damaged_graph_fails(copy):
    (copy / "saved_model.pb").write_bytes(b"\xff" * 100)
    assert set(failing(copy)) == {"manifest", "load"}
    assert failing(copy)["load"] == "saved_model.pb is damaged"


@pytest.mark.parametrize("file", ["saved_model.pb", "signatures.json", "assets.extra/tf_serving_warmup_requests"])
def test_a_missing_file_fails(copy, file):
    (copy / file).unlink()
    assert failing(copy)["manifest"] == f"{file} is missing"


def test_a_foreign_file_and_a_link_fail(copy):
    (copy / "variables" / "left.tempstate").touch()
    (copy / "link").symlink_to("MODEL_CARD.md")
    assert failing(copy) == {"manifest": "link is foreign; variables/left.tempstate is foreign"}


def test_a_version_without_its_manifest_fails(copy):
    (copy / manifest.NAME).unlink()
    assert failing(copy) == {"manifest": "manifest.json is missing or damaged"}


def test_an_empty_numbered_folder_is_a_version_that_fails(tmp_path):
    (tmp_path / "7").mkdir()
    assert verify.is_version(tmp_path / "7")
    assert "load" in failing(tmp_path / "7")


# --- answers that depart, under a manifest that does not know -------------------------------------------------------


def test_other_answers_than_the_golden_ones_fail(copy):
    requests = golden.read(copy / golden.NAME)
    requests["encode"]["outputs"]["latent_mean"][3, 1] += 3e-3
    golden.write(copy / golden.NAME, requests)
    manifest.write(copy)
    assert failing(copy) == {"answers": "latent_mean of encode is off by 0.003"}


def test_golden_answers_that_are_not_finite_fail(copy):
    requests = golden.read(copy / golden.NAME)
    requests["score"]["outputs"]["elbo"][0] = np.nan
    golden.write(copy / golden.NAME, requests)
    manifest.write(copy)
    assert failing(copy)["golden requests"] == "the model answers score with NaN or infinity"


def test_a_description_that_departs_from_the_contract_fails(copy):
    facts = json.loads((copy / contract.FILE).read_text())
    facts["signatures"]["sample"]["inputs"]["seed"]["shape"] = []
    (copy / contract.FILE).write_text(json.dumps(facts))
    assert "departs from the contract" in failing(copy)["contract"]


# --- graphs that no server should run --------------------------------------------------------------------------------


def saved(path, function, spec=SEED, variables=()):
    """A SavedModel of one signature, `sample`."""
    module = tf.Module()
    module.kept = list(variables)
    concrete = tf.function(function).get_concrete_function(spec)
    tf.saved_model.save(module, str(path), signatures={"sample": concrete})
    return Session(path)


def philox(seed):
    """One number a row, drawn as it should be."""
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
        (with_assertion, "Assert keeps state"),
    ],
    ids=["stateful", "auto_select", "threefry", "unnamed", "check_numerics", "python", "xla", "assertion"],
)
def test_operations_that_a_server_should_not_run_fail(function, reason, tmp_path):
    with (
        saved(tmp_path, lambda seed: {"image": function(seed)}) as session,
        pytest.raises(verify.CheckError, match=reason),
    ):
        verify.check_operations(session)


def test_tables_fail(tmp_path):
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant([0], tf.int64), tf.constant([1.0])), 0.0
    )
    with (
        saved(tmp_path, lambda seed: {"image": table.lookup(seed)}, variables=[table]) as session,
        pytest.raises(verify.CheckError, match="Table"),
    ):
        verify.check_operations(session)


def test_operations_of_a_good_graph_pass(tmp_path):
    with saved(tmp_path, lambda seed: {"image": philox(seed)}) as session:
        assert "kinds" in verify.check_operations(session)


def requests_of(session, **inputs):
    """Golden requests made of a session's own answers."""
    return {"sample": {"inputs": inputs, "outputs": session.run("sample", inputs)}}


def test_rows_that_depend_on_their_batch_fail(tmp_path):
    function = lambda seed: {"image": philox(seed) - tf.reduce_mean(philox(seed))}  # noqa: E731
    with saved(tmp_path, function) as session, pytest.raises(verify.CheckError, match="depends on the batch"):
        verify.check_rows(session, requests_of(session, seed=np.arange(8)))


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda seed: tf.random.normal(tf.shape(seed)), "does not repeat"),
        (lambda seed: tf.zeros_like(seed, tf.float32), "answers other seeds with the same"),
    ],
)
def test_seeds_that_do_not_repeat_or_do_not_count_fail(function, reason, tmp_path):
    with (
        saved(tmp_path, lambda seed: {"image": function(seed)}) as session,
        pytest.raises(verify.CheckError, match=reason),
    ):
        verify.check_seeds(session, requests_of(session, seed=np.arange(8)))


@pytest.mark.parametrize("wrong", [tf.TensorSpec([], tf.int64, "seed"), tf.TensorSpec([None], tf.int32, "seed")])
def test_other_shapes_and_dtypes_than_the_contract_fail(wrong, tmp_path):
    tensor = {"inputs": {"seed": contract.SEED}, "outputs": {"image": contract.NUMBER}}
    function = lambda seed: {"image": tf.reshape(tf.cast(seed, tf.float32), [-1])}  # noqa: E731
    with saved(tmp_path / "right", function) as session:
        verify.check_signatures(session, {"signatures": {"sample": tensor}})
    with saved(tmp_path / "wrong", function, wrong) as session:
        with pytest.raises(verify.CheckError, match="inputs of sample"):
            verify.check_signatures(session, {"signatures": {"sample": tensor}})
        with pytest.raises(verify.CheckError, match="the contract"):
            verify.check_signatures(session, {"signatures": {"sample": tensor, "decode": tensor}})


def test_digits_that_are_not_refused_with_nan_fail(exported_entry):
    exported = exported_entry("cvae")
    requests = golden.read(exported.version / golden.NAME)
    with Session(exported.version) as session:
        verify.check_digits(session, requests)

        class Careless:
            def run(self, name, inputs):
                return session.run(name, inputs | {"digit": np.clip(inputs["digit"], 0, 9)})

        with pytest.raises(verify.CheckError, match="is not two rows of NaN"):
            verify.check_digits(Careless(), requests)


def test_the_verifying_process_runs_no_xla_as_the_stock_server_does(tmp_path):
    saved(tmp_path, lambda seed: {"image": compiled(seed)}).close()
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


# --- the session ------------------------------------------------------------------------------------------------------


def test_the_session_names_what_it_refuses(vae_session):
    with pytest.raises(SessionError, match="there is no signature 'draw'; there are"):
        vae_session.run("draw", {})
    with pytest.raises(SessionError, match=r"sample takes \['seed'\], got \['seeds'\]"):
        vae_session.run("sample", {"seeds": np.arange(2)})
    with pytest.raises(SessionError, match=r"\[2,7\]"):
        vae_session.run("decode", {"latent": np.zeros((2, 7), np.float32)})
    with pytest.raises(SessionError, match="a tensor of dtype bool is fed; there are float32"):
        vae_session.run("sample", {"seed": np.array([True])})
    with pytest.raises(SessionError, match="cannot be read: No such file"):
        Session("/nowhere")
