"""What lies in a version and beside it: warm-up records, cards, golden requests, and a server's configuration."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

import tfgen
from export import contract, deployment, golden, warmup
from export.session import Session


@pytest.fixture(scope="module")
def everything(exported_entry, folder):
    """The folder that holds every entry."""
    for entry in tfgen.entries():
        exported_entry(entry)
    return folder


def test_there_is_one_warm_up_record_a_signature_and_the_session_answers_it(exported, session):
    requests = golden.read(exported.version / golden.NAME)
    answered = []
    for record in tf.data.TFRecordDataset(str(exported.version / warmup.FILE)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        name = request.model_spec.signature_name
        assert request.model_spec.name == exported.model.entry
        inputs = {key: tf.make_ndarray(tensor) for key, tensor in request.inputs.items()}
        for key, answer in session.run(name, inputs).items():
            assert golden.agree(answer, requests[name]["outputs"][key])
        answered.append(name)
    assert sorted(answered) == sorted(requests)
    assert set(requests) == {name for name in session.signatures if not name.startswith("__")}


def test_warm_up_records_are_written_as_the_official_stubs_write_them():
    inputs = {"latent": np.arange(300, dtype=np.float32).reshape(10, 30), "seed": np.arange(10)}
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.name = "a name" * 30
    log.predict_log.request.model_spec.signature_name = "decode"
    for name, value in inputs.items():
        log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    assert prediction_log_pb2.PredictionLog.FromString(warmup.record("a name" * 30, "decode", inputs)) == log


def test_models_share_one_configuration(everything):
    config = text_format.Parse((everything / "models.config").read_text(), model_server_config_pb2.ModelServerConfig())
    models = {model.name: (model.base_path, model.model_platform) for model in config.model_config_list.config}
    assert models == {name: (f"/models/{name}", "tensorflow") for name in tfgen.entries()}


def test_a_folder_without_versions_is_no_model(tmp_path):
    for path in ("vae/1", "vae/2", "cvae/.exporting-x", "notes/drafts", "aae/1"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "vae" / "2" / "saved_model.pb").touch()
    (tmp_path / "cvae" / ".exporting-x" / "saved_model.pb").touch()
    assert re.findall('name: "(.*?)"', deployment.models_config(tmp_path)) == ["vae"]


def test_what_the_user_edits_is_kept(vae, tmp_path):
    facts = json.loads((vae.version / contract.FILE).read_text())
    (tmp_path / "vae").mkdir()
    (tmp_path / "batching.config").write_text("max_batch_size { value: 8 }\n")
    deployment.write(tmp_path, "vae", facts)
    assert (tmp_path / "batching.config").read_text() == "max_batch_size { value: 8 }\n"
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"vae", "batching.config", "monitoring.config", "docker-compose.yml", "models.config"}


def test_the_card_says_what_the_model_is_and_how_good(exported):
    card = (exported.version / "MODEL_CARD.md").read_text()
    for line in (
        "| data set | digits |",
        "| protocol | digits-dynamic |",
        "| seed | 7 |",
        "| test neg elbo | 123.4567 |",
    ):
        assert line in card
    assert card.startswith(f"# {exported.model.entry}\n")
    assert f"| parameters | {exported.model.parameter_count():,} |" in card
    assert tf.__version__ in card
    facts = json.loads((exported.version / contract.FILE).read_text())
    for name in facts["signatures"]:
        assert f"| `{name}` |" in card
    assert ("K = 16" in card) == ("score" in facts["signatures"])
    assert ("NaN" in card) == exported.model.conditional


def test_golden_answers_are_those_of_the_public_functions(exported):
    requests = golden.read(exported.version / golden.NAME)
    inputs, outputs = requests["sample"]["inputs"], requests["sample"]["outputs"]
    expected = exported.model.sample(golden.ROWS, **inputs)
    np.testing.assert_allclose(outputs["image"], expected, atol=1e-6)
    assert inputs["seed"].max() == 2**53 - 1


def test_answers_agree_up_to_rounding_only():
    expected = np.array([[0.5], [-540.0]])
    assert golden.agree(expected + np.array([[9e-5], [5e-3]]), expected)
    assert not golden.agree(expected + np.array([[2e-4], [0]]), expected)
    assert not golden.agree(expected + np.array([[0], [1e-2]]), expected)
    assert not golden.agree(expected[:1], expected)
    assert not golden.agree(expected * np.nan, expected)
    assert golden.distance(expected + np.array([[0.25], [0]]), expected) == 0.25


@pytest.mark.parametrize("variant", ["mixture", "conv", "full", "uniform", "no flow"])
def test_variants_of_the_entries_have_operations_that_a_server_runs(variant, tmp_path):
    from export import graph, signatures
    from export.session import operations
    from tfgen import loading

    entry, hyperparameters = {
        "mixture": ("aae", {"latent_dim": 2, "hidden_units": (8,), "prior": "mixture"}),
        "conv": ("cvae", {"latent_dim": 2, "network": "conv", "hidden_units": (4, 8)}),
        "full": ("vae", {"latent_dim": 2, "hidden_units": (8,), "covariance": "full"}),
        "uniform": ("dcgan", {"latent_dim": 4, "filters": 4, "prior": "uniform"}),
        "no flow": ("iaf_vae", {"latent_dim": 4, "channels": (4, 8), "flow_steps": 0}),
    }[variant]
    model = loading.build(entry, hyperparameters)
    signatures.save(model, tmp_path, 4)
    known, digit = operations(), {"digit": np.arange(3)} if model.conditional else {}
    with Session(tmp_path) as session:
        for name in contract.signatures(**signatures.capabilities(model)):
            assert graph.faults(session.graph, known, name) == []
        image = session.run("sample", {"seed": np.arange(3), **digit})["image"]
    np.testing.assert_allclose(image, model.sample(3, seed=np.arange(3), **digit), atol=1e-5)
