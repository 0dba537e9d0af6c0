"""`python -m zoo.apply augment`: what each method learns from, what it writes, and what it refuses in one line."""

import json

import numpy as np
import pytest

import tfgen
from tfgen.evaluation.images import as_float
from tfgen.tasks.common import few_labels, retraining
from tfgen.tasks.common.job import flat
from zoo import apply, train

NAMES = [
    "plain",
    "shifts and rotations",
    "few-label images",
    "few-label images, both",
    "model's images",
    "model's images, both",
]
SHORT = ("--draws", "3", "--added", "4", "1", "--steps", "3", "--model-steps", "2")


@pytest.fixture(scope="module")
def run(tmp_path_factory, no_steps):
    """The run of a small conditional model with its first weights."""
    place = tmp_path_factory.mktemp("augment") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfgen.training.loop.fit", no_steps)
        patch.setattr("zoo.commands.draw", lambda *arguments: [])
        patch.setattr("zoo.commands.training_figures", lambda *arguments: {})
        train.main(
            ["cvae", "--dataset", "digits", "--hidden-units", "32", "--latent-dim", "2", "--run-dir", str(place)]
        )
    return place


@pytest.fixture
def trainings(monkeypatch):
    """Nearest means of classes in place of the network, no training of the model; (split, moved) of each network."""
    seen = []

    def network(split, classes, steps, seed, *, moved):
        seen.append((split, moved))
        means = np.stack([flat(as_float(split.images[split.labels == label])).mean(0) for label in range(classes)])
        means += np.random.default_rng(len(seen)).normal(0, 0.1, means.shape)  # or all had the same errors

        def classify(images):
            distances = ((flat(as_float(images))[:, None] - means) ** 2).sum(-1)
            return np.eye(classes)[distances.argmin(1)]

        return classify

    monkeypatch.setattr(few_labels, "network", network)
    monkeypatch.setattr(retraining, "train_model", lambda like, split, settings, track: like)
    return seen


def test_errors_of_the_same_labels_beside_those_of_shifts_and_rotations(call, run, digits, tmp_path, trainings):
    to = tmp_path / "out"
    options = (*SHORT, "--per-class", "2", "3", "--images", "100", "--to", to)
    code, output, error = call(apply.main, "augment", run, *options)
    assert (code, error) == (0, "")
    found = json.loads((to / "augment.json").read_text())
    assert [row["name"] for row in found["rows"]] == 2 * NAMES
    assert [row["group"] for row in found["rows"]] == 6 * ["2 a class"] + 6 * ["3 a class"]
    for row in found["rows"]:
        errors, usual = (
            np.array(found["errors"][f"{row['group']}, {name}"]) for name in (row["name"], "shifts and rotations")
        )
        assert len(errors) == 3
        assert row["error"] == pytest.approx(errors.mean(), rel=1e-6)
        assert row["error_error"] == pytest.approx(errors.std(ddof=1) / np.sqrt(3), rel=1e-5)
        if row["name"] != "shifts and rotations":
            gains = usual - errors
            assert row["gain"] == pytest.approx(gains.mean(), abs=1e-6)
            assert row["gain_error"] == pytest.approx(gains.std(ddof=1) / np.sqrt(3), rel=1e-5)
        if row["kind"] == "model":
            tried = found["validation_errors"][f"{row['group']}, {row['name']}"]
            assert set(tried) == {"1", "4"}
            assert row["setting"] == f"{min(tried, key=tried.get)} added"
    assert [row["kind"] for row in found["rows"][:6]] == ["baseline"] * 2 + ["model"] * 4
    assert "beyond 2 standard errors" in found["notes"][-1]
    assert f"drawn by {run}, which was trained with {len(digits.train.labels):,} labels of digits" in output
    assert (to / "augment.png").stat().st_size > 1000


def test_all_methods_of_a_draw_are_told_the_same_labels(call, run, digits, tmp_path, trainings):
    options = (*SHORT, "--per-class", "2", "--images", "100", "--to", tmp_path / "out")
    assert call(apply.main, "augment", run, *options)[0] == 0
    trained = {image.tobytes(): label for image, label in zip(digits.train.images, digits.train.labels, strict=True)}
    assert len(trainings) == 2 * (2 + 4 * 2) + 6  # both numbers of images in two draws, the chosen one in the third
    assert [moved for _, moved in trainings[:10]] == [False, True, False, False, True, True, False, False, True, True]
    for first in (0, 10, 20):
        own = None
        for split, _ in trainings[first : first + (10 if first < 20 else 6)]:
            known = {image.tobytes() for image in split.images} & trained.keys()
            assert own is None or known == own
            own = known
            assert len(known) == 20
            shares = [image.tobytes() in trained for image in split.images]
            assert np.mean(shares) >= 0.5
            for image, label in zip(split.images, split.labels, strict=True):
                assert trained.get(image.tobytes(), label) == label
    sizes = [len(split.images) for split, _ in trainings[:10]]
    assert sizes == [20, 20, 30, 80, 30, 80, 30, 80, 30, 80]


def test_drawn_images_are_of_the_classes_they_are_labelled_with(run, digits):
    model = tfgen.load(run)
    images, labels = tfgen.tasks.augmented_images(model, digits.test.images[:7], digits.test.labels[:7], added=3)
    assert (images.shape, images.dtype, labels.dtype) == ((60, 28, 28, 1), np.uint8, np.int64)
    np.testing.assert_array_equal(images[:7], digits.test.images[:7])
    np.testing.assert_array_equal(labels[:30], np.resize(digits.test.labels[:7], 30))
    np.testing.assert_array_equal(labels[30:], np.tile(np.arange(10), 3))
    expected = np.concatenate([model.sample(1, label=i % 10, seed=[i]) for i in range(30)])
    assert np.abs(as_float(images[30:]) - expected).max() < 0.01
    with pytest.raises(ValueError, match="augment asks a model for sample with label, which cvae"):
        tfgen.tasks.augmented_images(tfgen.load("vae"), digits.test.images[:2], [0, 1])
    with pytest.raises(ValueError, match="needs labelled images, got none"):
        tfgen.tasks.augmented_images(model, digits.test.images[:0], [])


@pytest.mark.slow
@pytest.mark.ci
def test_networks_and_models_are_trained(call, run, tmp_path, no_xla):
    to = tmp_path / "out"
    options = ("--draws", "1", "--added", "20", "--steps", "60", "--model-steps", "40", "--per-class", "10")
    code, output, error = call(apply.main, "augment", run, *options, "--to", to)
    assert (code, error) == (0, "")
    found = json.loads((to / "augment.json").read_text())
    assert all(0 < row["error"] < 80 for row in found["rows"])
    assert len({row["error"] for row in found["rows"]}) == 6
    assert "in one draw, which says little" in output


@pytest.fixture
def others(tmp_path):
    """Files of images: without labels, and of two classes."""
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (200, 28, 28, 1), np.uint8), random.integers(0, 2, 200)
    np.savez(tmp_path / "unlabelled.npz", images=images)
    np.savez(tmp_path / "two.npz", images=images, labels=labels)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("vae",), "augment asks a model for sample with label, which cvae"),
        (("dcgan",), "dcgan has "),
        (("RUN", "--per-class", "0"), "per-class must be at least 1, got 0"),
        (("RUN", "--per-class", "5000"), "per-class 5000 needs as many training images of cl"),
        (("RUN", "--draws", "0"), "draws must be at least 1, got 0"),
        (("RUN", "--added", "0"), "added must be at least 1, got 0"),
        (("RUN", "--steps", "0"), "steps must be at least 1, got 0"),
        (("RUN", "--model-steps", "0"), "model-steps must be at least 1, got 0"),
        (("RUN", "--dataset", "unlabelled.npz"), "cvae draws images of the classes 0, 1, 2, ..., and unlabelled has"),
        (("RUN", "--dataset", "two.npz"), "and two has the classes 0, 1"),
        (("RUN", "--images", "3"), "images must lie in 20.."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line(call, run, others, monkeypatch, arguments, words):
    monkeypatch.chdir(others)
    code, output, error = call(apply.main, "augment", *(run if word == "RUN" else word for word in arguments))
    assert (code, output, len(error.splitlines())) == (2, "", 1)
    assert words in error
    assert len(list(others.iterdir())) == 2
