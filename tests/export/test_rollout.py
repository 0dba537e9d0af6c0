"""Labels of versions: what is listed, written to models.config, served under them, and refused."""

import re
import shlex
import shutil
import subprocess
import threading

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from export import deployment, labels, rollout, serve, verify, versions
from export.server import runtime
from export.server.api import Api
from export.server.catalogue import Catalogue
from export.server.http import Server
from export.server.refusals import Refusal
from export.server.watcher import Watcher


@pytest.fixture
def model(light, tmp_path):
    """A folder of one model with three versions."""
    model = tmp_path / "served" / "m"
    for number in ("1", "2", "3"):
        shutil.copytree(light.version, model / number)
    deployment.write(tmp_path / "served", "m", light.facts)
    return model


def config(model):
    text = (model.parent / "models.config").read_text()
    return text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config[0]


def test_a_label_moves_and_its_version_and_the_newest_are_served(model, ended, light):
    assert not config(model).HasField("model_version_policy")
    code, said, errors = ended(rollout.main, model, "--label", "stable=1", "--label", "canary=2")
    assert (code, errors) == (0, [])
    assert re.search(r"3 +[\d.]+ +- +the newest.*\n +2 +[\d.]+ +canary\n +1 +[\d.]+ +stable\n", said)
    assert list(config(model).model_version_policy.specific.versions) == [1, 2, 3]
    assert dict(config(model).version_labels) == {"stable": 1, "canary": 2}
    for number, name in ((1, "stable"), (2, "canary")):  # so far the newest alone
        assert f"note: version {number} was not loaded; {name} answers once servers have loaded it\n" in said
    _, said, _ = ended(rollout.main, model, "--label", "stable=2", "--unlabel", "canary")
    assert "was not loaded" not in said
    _, said, _ = ended(rollout.main, model, "--label", "stable=1")
    assert "note: version 1 was not loaded; stable answers once servers have loaded it\n" in said
    ended(rollout.main, model, "--label", "stable=2")
    assert labels.read(model) == {"stable": 2}
    assert list(config(model).model_version_policy.specific.versions) == [2, 3]
    shutil.copytree(light.version, model / "4")
    deployment.write(model.parent, "m", light.facts)
    assert list(config(model).model_version_policy.specific.versions) == [2, 4]
    ended(rollout.main, model, "--unlabel", "stable")
    assert not config(model).HasField("model_version_policy")


def test_a_new_label_that_looks_like_another_one_is_noted(model, ended):
    ended(rollout.main, model, "--label", "stable=3")
    code, said, _ = ended(rollout.main, model, "--label", "stabel=3")
    assert (code, "note: 'stabel' is a new label (did you mean 'stable'?)\n" in said) == (0, True)
    _, said, _ = ended(rollout.main, model, "--label", "canary=3")
    assert "new label" not in said


def test_old_versions_are_removed_and_labelled_ones_kept(model, ended):
    ended(rollout.main, model, "--label", "stable=2")
    code, said, _ = ended(rollout.main, model, "--remove", "1")
    assert (code, sorted(path.name for path in model.iterdir() if path.is_dir())) == (0, ["2", "3"])
    assert "1 " not in said.split("labels")[1].split()[0]
    code, _, errors = ended(rollout.main, model, "--remove", "2")
    assert (code, errors) == (2, ["error: version 2 is labelled stable; move the label first"])
    ended(rollout.main, model, "--label", "stable=3", "--remove", "2")  # both at once
    assert (labels.read(model), (model / "2").exists()) == ({"stable": 3}, False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--label", "stable=7"), "there is no version '7'; there are 1, 2, 3"),
        (("--label", "a/b=1"), "a label is made of letters"),
        (("--label", "stable"), "--label must be LABEL=VERSION, such as stable=2; got 'stable'"),
        (("--unlabel", "stable"), "no version is labelled 'stable'; labels are none"),
        (("--remove", "9"), "there is no version 9"),
        (("--remove", "1", "--remove", "2", "--remove", "3"), "one version must stay"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(model, ended, options, words):
    before = sorted(path.name for path in model.iterdir())
    code, said, errors = ended(rollout.main, model, *options)
    assert (code, said, len(errors)) == (2, "", 1)
    assert words in errors[0]
    assert sorted(path.name for path in model.iterdir()) == before


def test_the_folder_of_all_models_is_told_from_that_of_one(model, ended):
    for path, words in ((model.parent, "it holds the models m, name one"), (model / "1", "is a version; name the fo")):
        code, _, errors = ended(rollout.main, path)
        assert (code, len(errors)) == (2, 1)
        assert words in errors[0]


@pytest.mark.parametrize("main", [rollout.main, verify.main, serve.main])
@pytest.mark.parametrize("below", ["", "1"])
def test_a_converted_model_is_no_version_of_a_served_one(model, ended, main, below):
    (model / "litert-int8" / "1").mkdir(parents=True)
    code, _, errors = ended(main, model / "litert-int8" / below)
    assert (code, len(errors)) == (2, 1)
    assert "is converted to LiteRT, not a SavedModel" in errors[0]
    assert versions.below(model.parent) == [model / "3"]
    assert versions.below(model / "litert-int8") == []


def test_the_server_for_development_follows_labels(model, ended):
    served, told = Catalogue(), []
    watcher = Watcher(model.parent, served, runtime.SESSION, told.append)
    try:
        ended(rollout.main, model, "--label", "stable=1")
        watcher.look()
        assert served.versions("m") == {1, 3}
        for which, version in (((None, "stable"), 1), ((None, None), 3)):
            with served.using("m", *which) as servable:
                assert servable.version == version
        ended(rollout.main, model, "--label", "stable=2")
        watcher.look()
        assert served.versions("m") == {2, 3}
        with served.using("m", None, "stable") as servable:
            assert servable.version == 2
        (model / labels.FILE).write_text('{"stable": 9}')
        for _ in range(2):
            watcher.look()
        assert served.versions("m") == {3}
        with pytest.raises(Refusal, match="Unrecognized servable version label: stable"):
            served.find("m", None, "stable")
        assert sum("without labels" in line for line in told) == 1
    finally:
        served.close()


def test_the_health_check_of_compose_sees_whether_the_model_is_there(model):
    """Its line of bash, against the server for development."""
    text = (model.parent / "docker-compose.yml").read_text()
    line = re.search(r'"bash", "-c", "(.*)"\]', text)[1].encode().decode("unicode_escape")
    served = Catalogue()
    server = Server(("127.0.0.1", 0), Api(served))
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    line = line.replace("127.0.0.1/8501", f"127.0.0.1/{server.server_port}")
    try:
        assert subprocess.run(["bash", "-c", line], check=False).returncode != 0
        Watcher(model.parent, served, runtime.SESSION).look()
        assert subprocess.run(["bash", "-c", line], check=False).returncode == 0
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        served.close()


@pytest.mark.parametrize("batching", [True, False])
def test_the_files_for_kubernetes_and_compose_are_such(light, tmp_path, batching):
    yaml = pytest.importorskip("yaml")
    (tmp_path / "m").mkdir()
    with deployment.writing(tmp_path, "m", light.facts, batching):
        pass
    documents = list(yaml.safe_load_all((tmp_path / "kubernetes.yaml").read_text()))
    compose = yaml.safe_load((tmp_path / "docker-compose.yml").read_text())["services"]["serving"]
    container = documents[0]["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], documents[1]["kind"]) == ("tensorflow/serving:2.20.0", "Service")
    assert set(container["args"]) == set(compose["command"])
    assert any("batching" in flag for flag in compose["command"]) == batching
    run = re.search(r"^    docker run (?:.*\\\n)*.*\n", (tmp_path / "m" / "README.md").read_text(), re.MULTILINE)
    assert [word for word in shlex.split(run[0]) if word.startswith("--") and "=" in word] == compose["command"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/v1/models/m"
    kubernetes = pytest.importorskip("kubernetes_validate")
    for document in documents:
        kubernetes.validate(document, kubernetes.latest_version(), strict=True)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "signatures.json is damaged"),
        (lambda path: path.unlink(), "signatures.json is missing"),
        (lambda path: (path.parent / "manifest.json").write_text("{}"), "manifest.json is damaged"),
    ],
)
def test_a_damaged_version_is_listed_as_damaged(model, ended, harm, said):
    harm(model / "3" / "signatures.json")
    code, out, errors = ended(rollout.main, model)
    assert (code, errors) == (0, [])
    assert [line.rpartition("  ")[2] for line in out.splitlines()[1:]] == [
        f"damaged, no server can load it: {said}",
        "not loaded",
        "not loaded",
    ]
