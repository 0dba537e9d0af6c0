"""`python -m zoo.apply anomaly --train`: its table, what it keeps, how it resumes, and what it refuses in one line."""

import json
import shutil

import numpy as np
import pytest

import tfgen
from tfgen.storage import runs
from tfgen.tasks.common import detectors, one_class
from tfgen.tasks.common.job import Job
from zoo import apply

OPTIONS = ("--train", "--classes", "0", "3", "--steps", "4")


@pytest.fixture(autouse=True)
def quick(monkeypatch, no_xla):
    """One baseline, on few images."""
    monkeypatch.setattr(detectors, "DETECTORS", {"PCA": detectors.DETECTORS["PCA"]})
    monkeypatch.setattr(detectors, "TRAIN", 150)


def content(folder) -> dict:
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_model_a_class_its_table_and_its_runs(call, trained_run, tmp_path):
    to, before = tmp_path / "out", content(trained_run)
    code, output, error = call(apply.main, "anomaly", trained_run, *OPTIONS, "--images", "90", "--to", to)
    assert (code, error) == (0, "")
    assert content(trained_run) == before
    found = json.loads((to / "anomaly.json").read_text())
    mean = {row["name"]: row for row in found["rows"] if row["group"] == "mean of 2"}
    assert list(mean) == ["reconstruction", "relative", "elbo", "PCA"]
    assert [row["group"] for row in found["rows"]][-2:] == ["0", "3"]
    best = next(row["name"] for row in mean.values() if row["setting"] == "this score")
    areas = found["auroc_by_class"][best]
    assert mean[best]["auroc"] == pytest.approx(np.mean([areas["0"], areas["3"]]), abs=1e-5)
    validation = {name: np.mean(list(each.values())) for name, each in found["validation_auroc"].items()}
    assert max(validation, key=validation.get) == best
    assert "PCA (baseline)" in output
    model = tfgen.load(to / "runs" / "3")
    assert model.latent_dim == one_class.LATENT_DIM
    code, _, error = call(apply.main, "anomaly", trained_run, *OPTIONS, "--to", to)
    assert (code, len(error.splitlines())) == (2, 1)
    assert "anomaly.json exists already" in error


@pytest.mark.slow
@pytest.mark.ci
def test_what_broke_off_resumes_in_its_folder_and_finished_classes_stay(call, trained_run, tmp_path, monkeypatch):
    run = shutil.copytree(trained_run, tmp_path / "run")
    train, trained = one_class.train_model, []

    def interrupted(like, split, settings, track):
        if trained:
            raise KeyboardInterrupt
        trained.append(split)
        return train(like, split, settings, track)

    monkeypatch.setattr(one_class, "train_model", interrupted)
    code, _, error = call(apply.main, "anomaly", run, *OPTIONS)
    assert code == 130
    kept = run / "tasks" / "anomaly" / "runs"
    assert f"what is finished is kept in {kept.parent}; the same command resumes" in error
    first = content(kept / "0")
    half = shutil.copytree(kept / "0", kept / "3")  # as if the process had been killed while it saved
    (half / runs.METRICS).unlink()
    trained.clear()
    code, _, error = call(apply.main, "anomaly", run, *OPTIONS)
    assert (code, error) == (0, "")
    assert len(trained) == 1
    assert content(kept / "0") == first
    assert runs.is_finished(half)
    assert content(half)[half.relative_to(half) / runs.WEIGHTS] != first[half.relative_to(half) / runs.WEIGHTS]
    assert json.loads((kept.parent / "anomaly.json").read_text())["rows"]


def test_a_folder_that_other_settings_began_is_refused(call, trained_run, digits, tmp_path):
    to = tmp_path / "out"
    (to / "runs").mkdir(parents=True)
    path = to / "runs" / one_class.SETTINGS
    begun = one_class._settings(Job(tfgen.load(trained_run), lambda: digits), 5, None)
    cases = {"[": "is damaged", "{}": "is damaged", json.dumps(begun): "was begun with another steps"}
    for text, words in cases.items():
        path.write_text(text, encoding="utf-8")
        code, _, error = call(apply.main, "anomaly", trained_run, *OPTIONS, "--to", to)
        assert (code, len(error.splitlines())) == (2, 1)
        assert words in error
        assert "name another folder with --to DIR" in error
    assert [path.name for path in (to / "runs").iterdir()] == [one_class.SETTINGS]


@pytest.fixture
def unlabelled(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (200, 28, 28, 1), np.uint8)
    np.savez(tmp_path / "unlabelled.npz", images=images)
    return tmp_path / "unlabelled.npz"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("RUN", "--classes", "0"), "classes is for --train, which trains a model per class"),
        (("RUN", "--steps", "5", "--anomalous", "3"), "steps is for --train"),
        (("RUN", "--train", "--against", "digits"), "and takes no --against"),
        (("RUN", "--train", "--anomalous", "3"), "and takes no --anomalous"),
        (("RUN", "--train", "--steps", "0"), "steps must be at least 1, got 0"),
        (("RUN", "--train", "--latent-dim", "0"), "latent_dim must be at least 1, got 0"),
        (("RUN", "--train", "--classes", "cat"), "got 'cat'"),
        (("RUN", "--train", "--dataset", "FILE"), "--train needs classes, and unlabelled has 0"),
        (("RUN", "--train", "--score", "discriminator"), "asks a model for discriminate"),
        (("cvae", "--train", "--dataset", "digits"), "a model is shown one class alone, and cvae learns from labels"),
        (("RUN", "--train", "--images", "5"), "images must lie in 10.."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line_and_leaves_nothing_behind(
    call, trained_run, unlabelled, tmp_path, monkeypatch, arguments, words
):
    monkeypatch.chdir(tmp_path)
    places, before = {"RUN": trained_run, "FILE": unlabelled}, content(trained_run)
    code, output, error = call(apply.main, "anomaly", *(places.get(word, word) for word in arguments))
    assert (code, output, len(error.splitlines())) == (2, "", 1)
    assert words in error
    assert content(trained_run) == before
    assert [path.name for path in tmp_path.iterdir()] == ["unlabelled.npz"]
