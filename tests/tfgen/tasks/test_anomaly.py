"""`anomaly`: scores follow their definitions, results are written beside a run, refusals are one line."""

import functools
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import tfgen
from tfgen.storage import entries
from tfgen.tasks.common import detection, scores
from zoo import apply


@pytest.fixture
def run(trained_run, tmp_path):
    """A copy of the small run, to write beside."""
    return shutil.copytree(trained_run, tmp_path / "run")


@pytest.fixture
def command(call):
    return functools.partial(call, apply.main)


@pytest.fixture
def noise(tmp_path):
    """A data set of noise in a file."""
    path = tmp_path / "noise.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (200, 28, 28), np.uint8))
    return path


@pytest.fixture
def few_settings(monkeypatch):
    """Baselines of one setting, fitted to few images."""
    from tfgen.tasks.common import detectors

    few = {name: dict([next(iter(settings.items()))]) for name, settings in detectors.DETECTORS.items()}
    monkeypatch.setattr(detectors, "DETECTORS", few)
    monkeypatch.setattr(detectors, "TRAIN", 60)


def test_area_under_the_curve_is_the_share_of_pairs_in_order():
    normal, strange = np.array([0.0, 1.0, 3.0]), np.array([2.0, 4.0])
    assert detection.auroc(normal, strange) == pytest.approx(5 / 6)
    assert detection.measures(normal, normal + 10)["auroc"] == (1, 0)


def test_regret_is_what_a_better_posterior_gains(small_vae, digits):
    model, images = small_vae(), digits.test.images[:6]
    seen = model.pixels.held_out(images)
    none, some = (scores.regret(model, seen, steps=steps) for steps in (0, 60))
    np.testing.assert_array_equal(none, 0)
    assert (some >= 0).all()
    assert some.max() > 0.1  # weights are fresh: the encoder's posterior is not the best one
    np.testing.assert_array_equal(some, scores.regret(model, seen, steps=60))


def test_complexity_takes_a_flat_image_for_simpler_than_noise():
    noise = np.random.default_rng(0).random((2, 28, 28, 1)) < 0.5
    assert (scores.png_bits(np.zeros_like(noise)) < scores.png_bits(noise)).all()


def test_scores_of_arrays(small_vae, digits):
    model, images = small_vae(), digits.test.images[:4]
    values = tfgen.tasks.anomaly_score(model, images, score="reconstruction")
    expected = np.sum((np.asarray(model.reconstruct(images)) - images / 255) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(values, expected, rtol=1e-4)
    with pytest.raises(ValueError, match="image must have shape"):
        tfgen.tasks.anomaly_score(model, images[:, :20])


def test_a_model_without_what_a_score_asks_for_is_told_who_has_it():
    model = entries.build("dcgan", entries.module("dcgan").SMALL)
    with pytest.raises(ValueError, match="asks a model for score and encode with latent_stddev, which vae, cvae have"):
        tfgen.tasks.anomaly_score(model, np.zeros((1, 28, 28, 1)), score="regret")


def test_noise_is_told_from_digits_and_the_run_keeps_its_numbers(run, command, noise, few_settings):
    before = (run / "metrics.json").read_bytes()
    code, output, error = command("anomaly", run, "--against", noise, "--images", 20, "--k", 5)
    assert (code, error) == (0, "")
    found = json.loads((run / "tasks/anomaly/anomaly.json").read_text())
    rows = {row["name"]: row for row in found["rows"]}
    assert {"regret", "elbo", "likelihood", "complexity", "reconstruction", "PCA", "kernel density"} <= set(rows)
    assert rows["elbo"]["auroc"] > 0.99
    assert rows["PCA"]["kind"] == "baseline"
    best = max(found["validation_auroc"], key=found["validation_auroc"].get)
    assert [row["name"] for row in found["rows"] if row["setting"] == "this score"] == [best]
    assert "one-class SVM (baseline)" in output
    assert (run / "tasks/anomaly/anomaly.png").read_bytes().startswith(b"\x89PNG")
    assert "| PCA (baseline) |" in (run / "tasks/anomaly/anomaly.md").read_text()
    assert (run / "metrics.json").read_bytes() == before


def test_files_of_a_folder_are_ranked_the_strangest_first(run, command, tmp_path, digits):
    folder = tmp_path / "new"
    folder.mkdir()
    for i, image in enumerate(digits.test.images[:3]):
        Image.fromarray(image[..., 0]).save(folder / f"digit{i}.png")
    Image.fromarray(np.full((40, 60), 255, np.uint8)).save(folder / "white.png")
    options = ("--dataset", folder, "--score", "elbo")
    for name in ("anomaly", "anomaly-2"):
        code, output, error = command("anomaly", run, *options)
        assert (code, error) == (0, "")
        ranking = json.loads((run / "tasks" / name / "anomaly.json").read_text())["ranking"]
        assert ranking[0]["name"] == "white.png"
        assert sorted(each["name"] for each in ranking) == ["digit0.png", "digit1.png", "digit2.png", "white.png"]
    assert str(run / "tasks/anomaly-2/anomaly.png") in output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "say which images are the anomalies"),
        (("--anomalous", "11"), "label must be an int in 0..9; got 11"),
        (("--anomalous", "3", "--against", "digits"), "either of another data set"),
        (("--against", "digits", "--images", "9999"), "images must lie in"),
        (("--score", "discriminator"), "anomaly asks a model for discriminate, which dcgan has"),
        (("--to", "RUN"), "is a run directory"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, command, options, words):
    code, output, error = command("anomaly", run, *(run if word == "RUN" else word for word in options))
    assert (code, output) == (2, "")
    (line,) = error.splitlines()
    assert words in line
    assert not (run / "tasks").exists()


def test_the_list_says_who_can_and_what_others_lack(command):
    code, output, error = command("--list")
    assert (code, error) == (0, "")
    assert "anomaly: which images" in output
    assert "  dcgan: search, discriminator" in output
