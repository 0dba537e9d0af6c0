"""`python -m zoo.apply`: its forms, what it writes and what it leaves alone, and what it refuses in one line."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import tfgen
from tfgen import verbs
from zoo import apply

QUICK = ("--images", "20", "--k", "2", "--score", "elbo")


@pytest.fixture
def quick(monkeypatch):
    """One baseline, on few images."""
    from tfgen.tasks.common import detectors

    monkeypatch.setattr(detectors, "DETECTORS", {"PCA": detectors.DETECTORS["PCA"]})
    monkeypatch.setattr(detectors, "TRAIN", 150)


def content(folder) -> dict:
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def noise(tmp_path):
    """A data set of noise, in a file."""
    images = np.random.default_rng(0).integers(0, 256, (120, 28, 28, 1), np.uint8)
    np.savez(tmp_path / "noise.npz", images=images)
    return tmp_path / "noise.npz"


@pytest.fixture
def pictures(tmp_path, digits):
    """A folder of digits and one picture of noise."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for row, image in enumerate(digits.test.images[:11]):
        Image.fromarray(image[..., 0]).save(folder / f"digit{row:02}.png")
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    Image.fromarray(noise).save(folder / "odd.png")
    return folder


@pytest.mark.slow
@pytest.mark.ci
def test_anomalies_of_another_data_set(call, trained_run, noise, tmp_path):
    before, to = content(trained_run), tmp_path / "out"
    arguments = ("anomaly", trained_run, "--against", noise, "--images", "10", "--k", "2", "--to", to)
    code, output, error = call(apply.main, *arguments)
    assert (code, error) == (0, "")
    assert content(trained_run) == before
    assert {path.name for path in to.iterdir()} == {"anomaly.json", "anomaly.md", "anomaly.png"}
    found = json.loads((to / "anomaly.json").read_text())
    rows = {row["name"]: row for row in found["rows"]}
    assert {"regret", "reconstruction", "elbo", "likelihood", "complexity", "PCA", "isolation forest"} <= set(rows)
    assert rows["elbo"]["auroc"] > 0.95
    assert found["options"]["against"] == str(noise)
    assert "noise" in output
    assert "anomaly.png" in (to / "anomaly.md").read_text()
    code, _, error = call(apply.main, *arguments)
    assert (code, len(error.splitlines())) == (2, 1)
    assert "anomaly.json exists already" in error


def test_anomalous_classes_and_a_folder_of_its_own_in_the_run(call, trained_run, tmp_path, quick):
    run = shutil.copytree(trained_run, tmp_path / "run")
    before = content(run)
    for folder in ("anomaly", "anomaly-2"):
        code, _, error = call(apply.main, "anomaly", run, "--anomalous", "3", "5", *QUICK)
        assert (code, error) == (0, "")
        found = json.loads((run / "tasks" / folder / "anomaly.json").read_text())
        assert found["conditions"]["test"] == "20 normal images and 20 anomalies"
    after = content(run)
    assert {path: after[path] for path in before} == before
    assert {path.parts[0] for path in set(after) - set(before)} == {"tasks"}
    tfgen.load(run)


def test_the_strangest_file_of_a_folder_is_first(call, trained_run, pictures, tmp_path):
    options = ("--dataset", pictures, "--score", "elbo", "--to", tmp_path / "out")
    code, output, error = call(apply.main, "anomaly", trained_run, *options)
    assert (code, error) == (0, "")
    ranking = json.loads((tmp_path / "out" / "anomaly.json").read_text())["ranking"]
    assert len(ranking) == 12
    assert ranking[0]["name"] == "odd.png"
    assert ranking[0]["share"] == 0
    assert output.index("odd.png") < output.index("digit00.png")


def test_images_are_completed(call, trained_run, tmp_path, digits):
    to = tmp_path / "out"
    options = ("--images", "10", "--steps", "10", "--completions", "2", "--mask", "half", "--to", to)
    code, output, error = call(apply.main, "inpaint", trained_run, *options)
    assert (code, error) == (0, "")
    found = json.loads((to / "inpaint.json").read_text())
    ours, gibbs, nearest = found["rows"]
    assert gibbs["name"] == "gibbs"
    assert (ours["name"], ours["kind"], nearest["kind"]) == ("chain", "model", "baseline")
    assert 0 < nearest["cross_entropy"] < ours["cross_entropy"] < 28 * 14 * 5
    assert "nearest training images (baseline)" in output
    assert (to / "inpaint.png").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.ci
def test_a_completer_is_trained_once_for_the_task_that_needs_it(call, trained_run, tmp_path, monkeypatch, untrained):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("zoo.commands.draw", lambda *arguments: [])
    monkeypatch.setattr("zoo.commands.training_figures", lambda *arguments: {})
    options = ("--images", "10", "--steps", "4", "--completions", "2", "--mask", "half", "--train", "--to")
    code, output, error = call(apply.main, "inpaint", trained_run, *options, "first")
    assert (code, error) == (0, "")
    assert "completer: " in output
    config = json.loads((tmp_path / "runs" / "completer-digits-half" / "config.json").read_text())
    assert config["hyperparameters"]["damage"] == "half"
    rows = json.loads((tmp_path / "first" / "inpaint.json").read_text())["rows"]
    assert [row["name"] for row in rows] == ["completer", "chain", "gibbs", "nearest training images"]
    code, output, error = call(apply.main, "inpaint", "runs/completer-digits-half", *options, "second")
    assert (code, error) == (0, "")
    assert "runs/completer-digits-half is trained already" in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "a task comes first: python -m zoo.apply TASK ENTRY_OR_RUN [OPTIONS], TASK one of anomaly"),
        (("anomly", "vae"), "unknown task 'anomly'; there are anomaly"),
        (("anomaly",), "ENTRY_OR_RUN is missing"),
        (("anomaly", "vea"), "did you mean 'vae'?"),
        (("anomaly", "RUN", "--k", "0"), "k must be at least 1, got 0"),
        (("anomaly", "RUN", "--images", "0"), "images must be at least 1, got 0"),
        (("anomaly", "RUN", "--images", "9999", "--anomalous", "3"), "images must lie in 10.."),
        (("anomaly", "RUN", "--seed", "-1"), "seed must be in 0..2147483647, got -1"),
        (("anomaly", "RUN", "--score", "luck"), "--score must be one of regret"),
        (("anomaly", "RUN", "--score", "discriminator"), "asks a model for discriminate, which dcgan, gan have"),
        (("anomaly", "RUN", "--strange", "1"), "unknown option --strange"),
        (("anomaly", "RUN"), "say which images are the anomalies: of --against DATASET"),
        (("anomaly", "RUN", "--against", "digits"), "another data set than the normal images, got digits"),
        (("anomaly", "RUN", "--against", "digits", "--anomalous", "3"), "--against, or of some classes, --anomalous"),
        (("anomaly", "RUN", "--anomalous", "cat"), "got 'cat'"),
        (("anomaly", "RUN", "--anomalous", *"0123456789"), "must leave a class that is normal, got all 10"),
        (("anomaly", "RUN", "--against", "no/such.npz"), "no such folder or file: 'no/such.npz'"),
        (("inpaint", "RUN", "--mask", "hole"), "mask must be one of quadrants:1, quadrants:2, quadrants:3, half"),
        (("inpaint", "RUN", "--mask", "none.png"), "no such file: 'none.png'"),
        (("inpaint", "RUN", "--steps", "1"), "steps must be at least 2, got 1"),
        (("inpaint", "RUN", "--train", "--completer", "x"), "leave out one of the two"),
        (("inpaint", "RUN", "--completer", "none"), "'none'"),
        (("inpaint", "RUN", "--completer", "vae"), "vae is a model vae, and completes no images"),
        (("denoise", "RUN", "--levels", "3"), "levels must"),
        (("denoise", "RUN", "--levels", "0"), "levels must be"),
        (("denoise", "RUN", "--noise", "fog"), "--noise must be one of gaussian"),
        (("denoise", "RUN", "--draws", "0"), "draws must be at least 1, got 0"),
        (("denoise", "RUN", "--images", "9999"), "images must lie in 10.."),
        (("superres", "RUN"), "asks a model for complete, which completer has"),
        (("superres", "RUN", "--factor", "3"), "factor must be one of 2, 4, got 3"),
        (("colourise", "RUN"), "asks a model for complete, which completer has"),
        (("colourise", "RUN", "--mask", "half"), "unknown option --mask, which inpaint has"),
        (("inpaint", "RUN", "--completions", "0"), "completions must be at least 1, got 0"),
        (("inpaint", "RUN", "--top", "3"), "unknown option --top, which anomaly, hash, semisupervised have"),
        (("--list", "vea"), "did you mean 'vae'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line_and_leaves_nothing_behind(call, trained_run, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    before = content(trained_run)
    code, output, error = call(apply.main, *(trained_run if word == "RUN" else word for word in arguments))
    assert (code, output, len(error.splitlines())) == (2, "", 1)
    assert words in error
    assert content(trained_run) == before
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["a run", "a file"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(call, trained_run, tmp_path, place):
    (tmp_path / "file").write_text("", encoding="utf-8")
    to = trained_run if place == "a run" else tmp_path / "file" / "out"
    code, _, error = call(apply.main, "anomaly", trained_run, "--anomalous", "3", "--to", to)
    assert (code, len(error.splitlines())) == (2, 1)
    assert "name another folder with --to DIR" in error


def test_help_lists_the_tasks_and_their_options_before_tensorflow():
    code = (
        "import sys\n"
        "from zoo import apply\n"
        "for words in (['--help'], ['anomaly', '--help'], ['anomaly', 'vea']):\n"
        "    try:\n"
        "        apply.main(words)\n"
        "    except SystemExit:\n"
        "        pass\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for word in ("--against", "--anomalous", "--to", "--dataset", "anomaly"):
        assert word in done.stdout
    assert "did you mean 'vae'?" in done.stderr


def test_it_is_a_verb_and_lists_which_task_suits_which_model(call, trained_run):
    assert verbs.found()["apply"] == "zoo.apply"
    code, output, error = call(apply.main, "--list", trained_run)
    assert (code, error) == (0, "")
    assert "anomaly: which images are unlike those" in output
    assert f"{trained_run}: regret, reconstruction" in output
