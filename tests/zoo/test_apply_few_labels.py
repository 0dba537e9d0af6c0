"""`python -m zoo.apply semisupervised`: what it writes, and what it refuses in one line."""

import json

import numpy as np
import pytest
from PIL import Image

import tfgen
from tfgen.evaluation.images import as_float
from tfgen.tasks.common import few_labels, finetuning
from tfgen.tasks.common.job import flat
from zoo import apply


@pytest.fixture
def quick(monkeypatch):
    """Short trainings."""
    monkeypatch.setattr(few_labels, "NETWORK_STEPS", 3)
    monkeypatch.setattr(few_labels.network, "__defaults__", (3, 0))
    monkeypatch.setattr(few_labels.guessing, "__defaults__", (3, 0))
    monkeypatch.setattr(few_labels, "GUESSED", 50)
    monkeypatch.setattr(finetuning, "STEPS", 3)


@pytest.mark.slow
@pytest.mark.ci
def test_few_labels_beside_baselines(call, trained_run, tmp_path, quick, monkeypatch):
    """With pixels in place of codes, which make the two kinds of neighbours the same."""

    def pixels(model, images, seed):
        rows = flat(as_float(images))
        return rows, np.zeros_like(rows)

    monkeypatch.setattr(few_labels, "codes", pixels)
    to = tmp_path / "out"
    options = ("--labels", "20", "--draws", "2", "--steps", "200", "--images", "100", "--to", to)
    code, output, error = call(apply.main, "semisupervised", trained_run, *options)
    assert (code, error) == (0, "")
    found = json.loads((to / "semisupervised.json").read_text())
    rows = {row["name"]: row for row in found["rows"]}
    assert list(rows) == [
        "M1+M2",
        "network",
        "pseudo-labels",
        "pre-trained",
        "not pre-trained",
        "neighbours of codes",
        "neighbours",
    ]
    assert all(0 < row["error"] < 95 for row in rows.values())
    assert rows["neighbours"]["error"] < 60  # nine in ten are wrong where labels are another image's
    assert rows["neighbours of codes"]["error"] == rows["neighbours"]["error"]
    assert rows["M1+M2"]["error"] < 60
    errors = found["errors"]["20 labels, M1+M2"]
    assert len(errors) == 2
    assert rows["M1+M2"]["error_error"] == pytest.approx(np.std(errors, ddof=1), rel=1e-5)
    assert found["unlabelled_and_wrong"][0].keys() == {"row", "class", "taken_for"}
    assert "20 labels" in output
    assert (to / "semisupervised.png").stat().st_size > 1000


@pytest.fixture
def folder(tmp_path, digits):
    """Zeros and ones, of which some lie in the folders of their classes."""
    place = tmp_path / "pictures"
    for name in ("zero", "one"):
        (place / name).mkdir(parents=True)
    zeros, ones = (digits.train.images[digits.train.labels == label][:30] for label in (0, 1))
    for row in range(30):
        for name, images in (("zero", zeros), ("one", ones)):
            own = place / name if row < 5 else place
            Image.fromarray(images[row, ..., 0]).save(own / f"{name}{row:02}.png")
    return place


def test_pictures_outside_of_the_folders_of_classes_are_classified(call, folder, tmp_path):
    options = ("--dataset", folder, "--steps", "300", "--to", tmp_path / "out")
    code, _, error = call(apply.main, "semisupervised", "vae", *options)
    assert (code, error) == (0, "")
    found = json.loads((tmp_path / "out" / "semisupervised.json").read_text())
    assert len(found["classified"]) == 50
    assert np.mean([each["name"].startswith(each["class"]) for each in found["classified"]]) > 0.9
    assert found["conditions"]["labelled"] == 10
    assert len(found["rows"]) == 20
    header = next(line for line in (tmp_path / "out" / "semisupervised.md").read_text().splitlines() if "|" in line)
    assert [cell.strip() for cell in header.strip("|").split("|")] == ["", "confidence", "class"]


def test_classes_of_arrays_of_ones_own(small_vae, digits):
    labels = np.where(np.arange(200) < 60, digits.train.labels[:200], -1)
    found = tfgen.tasks.semisupervised_classes(small_vae(), digits.train.images[:200], labels, steps=20)
    assert found.shape == (200, 10)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-4)
    with pytest.raises(ValueError, match="each class needs a label, and 0 has none"):
        tfgen.tasks.semisupervised_classes(small_vae(), digits.train.images[:4], np.array([-1, 1, 2, -1]))
    with pytest.raises(ValueError, match="two classes or more, got 0"):
        tfgen.tasks.semisupervised_classes(small_vae(), digits.train.images[:2], np.array([-1, -1]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dcgan",), "semisupervised asks a model for encode, which vae, "),
        (("RUN", "--labels", "9"), "labels must be at least one for each of the 10 classes, got 9"),
        (("RUN", "--labels", "100000"), "labels 100000 needs 10000 images of class 0, and there are "),
        (("RUN", "--labels", "0"), "labels must be at least 1, got 0"),
        (("RUN", "--draws", "0"), "draws must be at least 1, got 0"),
        (("RUN", "--dataset", "FILE"), "semisupervised needs some labels, and unlabelled has no labels"),
        (("RUN", "--dataset", "FOLDER"), "semisupervised needs some pictures in a folder for each class, two or more"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line(call, trained_run, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (200, 28, 28, 1), np.uint8)
    np.savez(tmp_path / "unlabelled.npz", images=images)
    (tmp_path / "plain").mkdir()
    for row in range(12):
        Image.fromarray(images[row, ..., 0]).save(tmp_path / "plain" / f"{row}.png")
    places = {"RUN": trained_run, "FILE": tmp_path / "unlabelled.npz", "FOLDER": tmp_path / "plain"}
    code, output, error = call(apply.main, "semisupervised", *(places.get(word, word) for word in arguments))
    assert (code, output, len(error.splitlines())) == (2, "", 1)
    assert words in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain", "unlabelled.npz"]
