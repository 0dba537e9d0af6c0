"""What lies in a version and beside it: warm-up records, cards, golden requests, and a server's configuration."""

import re

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

import tfgen
from export import card, deployment, golden, limits, metagraph, signatures, warmup
from tfgen.quiet import tf
from tfgen.storage import entries


def test_there_is_one_warm_up_record_a_signature_and_the_session_answers_it(exported, session):
    requests = golden.read(exported.version)
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


def test_models_share_one_configuration(plain, light, folder):
    config = text_format.Parse((folder / "models.config").read_text(), model_server_config_pb2.ModelServerConfig())
    models = {model.name: (model.base_path, model.model_platform) for model in config.model_config_list.config}
    assert models == {name: (f"/models/{name}", "tensorflow") for name in models}
    assert {plain.model.entry, light.model.entry} <= set(models)


def test_a_folder_without_versions_is_no_model(tmp_path):
    for path in ("vae/1", "vae/2", "cvae/.exporting-x", "notes/drafts", "aae/1"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "vae" / "2" / "saved_model.pb").touch()
    (tmp_path / "cvae" / ".exporting-x" / "saved_model.pb").touch()
    assert re.findall('name: "(.*?)"', deployment.models_config(tmp_path)) == ["vae"]


def test_what_the_user_edits_is_kept(light, tmp_path):
    (tmp_path / "vae").mkdir()
    (tmp_path / "batching.config").write_text("max_batch_size { value: 8 }\n")
    deployment.write(tmp_path, "vae", light.facts)
    assert (tmp_path / "batching.config").read_text() == "max_batch_size { value: 8 }\n"
    written = {path.name for path in tmp_path.iterdir() if path.name != deployment.LOCK}
    assert written == {"vae", "batching.config", "monitoring.config", "docker-compose.yml", "kubernetes.yaml"} | {
        "models.config"
    }


def test_the_card_says_what_the_model_is_and_how_good(exported):
    text = (exported.version / card.NAME).read_text()
    for line in (
        "| data set | digits |",
        "| protocol | digits-dynamic |",
        "| seed | 7 |",
        "| test neg elbo | 123.4567 | -ELBO, one sample of z per image; nats per image |",
    ):
        assert line in text
    assert text.startswith(f"# {exported.model.entry}\n")
    assert f"| parameters | {exported.model.parameter_count():,} |" in text
    assert tf.__version__ in text
    for name in exported.facts["signatures"]:
        assert f"| `{name}` |" in text
    assert ("K = 16" in text) == ("seed" in exported.signatures.get("score", {}).get("inputs", {}))
    assert ("A label outside" in text) == exported.model.conditional
    takes_images = any("image" in sides["inputs"] for sides in exported.signatures.values())
    assert ("with a pixel outside [0, 1]" in text) == takes_images
    about = text.split("\n\n")[1]
    docstring = " ".join(entries.module(exported.model.entry).__doc__.split())
    subject = f"`{exported.model.entry}` is "
    assert about.startswith(subject)
    assert about.endswith(".")
    assert docstring[1:].startswith(about.removeprefix(subject)[1:])  # T, or t
    sampled = "sample" in exported.signatures
    assert (f"]({card.PICTURE})" in text) == sampled
    assert not sampled or (exported.version / card.PICTURE).read_bytes().startswith(b"\x89PNG")
    for title in ("Intended use", "Limits", "Licences", "Numbers"):
        assert f"\n## {title}\n\n" in text
    assert ("codes of images" in text) == ("encode" in exported.signatures)


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("One line.", "One line."),
        (
            "By A. Author et al. 2014, over\ntwo lines (arXiv 1406.5298). More.",
            "By A. Author et al. 2014, over two lines (arXiv 1406.5298).",
        ),
        ("A title without a stop\n\n    p(z) = N(0, I)", "A title without a stop"),
        ("It is e.g. a VAE. So it is.", "It is e.g. a VAE."),
        ("", ""),
    ],
)
def test_a_sentence_ends_where_a_reader_ends_it(docstring, sentence):
    assert card.first_sentence(docstring) == sentence


def test_golden_requests_hold_large_seeds_and_every_class(exported):
    requests = golden.read(exported.version)
    assert set(requests) == set(exported.facts["signatures"])
    for sides in requests.values():
        for name, array in sides["inputs"].items():
            assert len(array) == golden.ROWS
            if name == "seed":
                assert array.max() == 2**53 - 1
            if name == "label":
                assert set(array) == set(range(min(golden.ROWS, len(exported.facts["classes"]))))


def test_answers_agree_up_to_rounding_only():
    expected = np.array([[0.5], [-540.0]])
    assert golden.agree(expected + np.array([[9e-5], [5e-3]]), expected)
    assert not golden.agree(expected + np.array([[2e-4], [0]]), expected)
    assert not golden.agree(expected + np.array([[0], [1e-2]]), expected)
    assert not golden.agree(expected[:1], expected)
    assert not golden.agree(expected * np.nan, expected)
    assert golden.distance(expected + np.array([[0.25], [0]]), expected) == 0.25


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.parametrize("entry", tfgen.entries())
def test_variants_of_the_entries_have_operations_that_a_server_runs(entry, small, tmp_path):
    for number, variant in enumerate(getattr(entries.module(entry), "VARIANTS", ())):
        model, version = small(entry, **variant), tmp_path / str(number)
        table = model.signatures(2)
        signatures.save(model, table, version)
        variables = metagraph.check(metagraph.read((version / limits.GRAPH).read_bytes()))
        assert len(variables) == len(model.weights), variant
