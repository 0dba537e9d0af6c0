"""The classifier that measures the models: the one that ships, and the command that trains it again."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from tfgen import data
from tfgen.evaluation import recognition
from tfgen.evaluation.images import as_float
from tfgen.storage import manifest, runs
from zoo import classifier


@pytest.fixture(scope="module")
def shipped():
    return classifier.load()


@pytest.mark.slow
@pytest.mark.ci
def test_shipped_classifier_is_as_accurate_as_its_manifest_says(shipped, mnist):
    recorded = manifest.read(classifier.WEIGHTS.parent)[classifier.WEIGHTS.name]["metrics"]["test_accuracy"]
    assert recorded >= 0.993
    assert recognition.accuracy(shipped, mnist.test) == pytest.approx(recorded, abs=1e-4)


def test_a_classifier_that_ships_belongs_to_its_data_set(digits):
    path = classifier.WEIGHTS.parent / classifier.file_name("fashion_mnist")
    record = manifest.read(path.parent)[path.name]
    named = dataclasses.replace(digits, name="fashion_mnist")
    assert classifier.shipped(named) == path
    assert classifier.name_of(path) == f"the classifier of fashion_mnist, SHA-256 {record['sha256']}"
    assert classifier.shipped(dataclasses.replace(named, sha256="a folder of that name")) is None


@pytest.mark.slow
@pytest.mark.ci
def test_every_classifier_that_ships_knows_its_data_set():
    if data.prepared("fashion_mnist") is None:
        pytest.skip("Fashion-MNIST is not prepared; set TFDS_DATA_DIR to a directory that holds it")
    images = data.load("fashion_mnist")
    path = classifier.shipped(images)
    record = manifest.read(path.parent)[path.name]
    assert record["hyperparameters"]["classes"] == list(images.classes)
    few = dataclasses.replace(images.test, images=images.test.images[:1000], labels=images.test.labels[:1000])
    assert recognition.accuracy(classifier.load(path), few) == pytest.approx(
        record["metrics"]["test_accuracy"], abs=0.03
    )


def test_shipped_file_is_small_and_no_entry():
    assert classifier.WEIGHTS.stat().st_size < 2_000_000
    assert "entry" not in manifest.read(classifier.WEIGHTS.parent)[classifier.WEIGHTS.name]


def test_features_do_not_depend_on_chunks_or_on_how_pixels_are_stored(shipped, digits, monkeypatch):
    images = digits.test.images[:9]
    features, probabilities = recognition.recognise(shipped, images)
    assert features.shape == (9, recognition.FEATURES)
    assert features.min() == 0
    assert features.std() > 0.1
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    monkeypatch.setattr(recognition, "CHUNK", 4)
    for again in recognition.recognise(shipped, images), recognition.recognise(shipped, as_float(images)):
        np.testing.assert_allclose(again[0], features, atol=1e-4)
        np.testing.assert_allclose(again[1], probabilities, atol=1e-5)


def test_changed_file_is_refused_with_both_hashes(tmp_path):
    for path in (classifier.WEIGHTS, classifier.WEIGHTS.parent / manifest.NAME):
        shutil.copy(path, tmp_path)
    copy = tmp_path / classifier.WEIGHTS.name
    damaged = bytearray(copy.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    copy.write_bytes(damaged)
    expected, found = (manifest.fingerprint(path)["sha256"] for path in (classifier.WEIGHTS, copy))
    with pytest.raises(ValueError, match="classifier") as error:
        classifier.load(copy)
    assert expected in str(error.value)
    assert found in str(error.value)


@pytest.mark.slow
@pytest.mark.ci
def test_command_trains_a_classifier_that_loads(digits, monkeypatch, tmp_path, capsys):
    run = tmp_path / "run"
    monkeypatch.setattr(data, "load", lambda name, data_dir, **options: digits)
    classifier.main(["--epochs", "2", "--run-dir", str(run), "--to", str(tmp_path / "weights")])
    metrics, (first, last) = json.loads((run / runs.METRICS).read_text()), runs.read_history(run)
    assert metrics["dataset"] == "digits"
    assert last["loss"] < first["loss"]
    assert last["accuracy"] > 0.5
    network = classifier.load(run / runs.WEIGHTS)
    assert recognition.accuracy(network, digits.test) == pytest.approx(metrics["test_accuracy"], abs=1e-6)
    assert f"{metrics['test_accuracy']:.2%}" in capsys.readouterr().out
    packed = tmp_path / "weights" / "classifier-digits.weights.h5"
    assert recognition.accuracy(classifier.load(packed), digits.test) == recognition.accuracy(network, digits.test)
    record, ours = (manifest.read(path.parent)[path.name] for path in (packed, classifier.WEIGHTS))
    assert set(record) >= set(ours)
    assert (record["metrics"], record["command"]) == (
        metrics,
        "python -m zoo.classifier --dataset digits --epochs 2 --seed 0",
    )

    with pytest.raises(SystemExit, match="2"):
        classifier.main(["--run-dir", str(run)])
    assert "exists already" in capsys.readouterr().err
    assert json.loads((run / runs.METRICS).read_text()) == metrics


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "0"], "epochs must be at least 1, got 0"),
        (["--seed", "-1"], "seed must be in"),
        (["--data-dir", "nowhere"], "'nowhere' does not exist"),
        (["stray"], "stray"),
    ],
)
def test_wrong_options_are_named(options, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        classifier.main(options)
    (last,) = capsys.readouterr().err.splitlines()
    assert last.startswith("error: ")
    assert words in last
    assert list(tmp_path.iterdir()) == []
