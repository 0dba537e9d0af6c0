"""`python -m zoo.train`: what a training leaves behind, that it repeats, and that nothing is lost when it stops."""

import csv
import functools
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import tfgen
from tfgen.storage import runs
from zoo import settings
from zoo.models import vae

TRAIN = [sys.executable, "-m", "zoo.train"]


def files_of(run) -> set[str]:
    return {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file() and "tensorboard" not in str(path)}


def history_of(run) -> str:
    return (run / runs.HISTORY).read_text()


def assert_same_weights(run, other) -> None:
    ours, theirs = tfgen.load(run).get_weights(), tfgen.load(other).get_weights()
    assert len(ours) == 8
    for array, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_run_holds_everything_and_nothing_else(trained_run):
    pictures = ("samples", "reconstructions", "history", "manifold", "latent")
    own = {".lock", "config.json", "history.csv", "manifest.json", "metrics.json", "model.weights.h5"}
    checkpoints = {f"checkpoints/epoch-0000{epoch}.{ending}" for epoch in (1, 2) for ending in ("json", "npz")}
    assert files_of(trained_run) == own | checkpoints | {f"figures/{name}.png" for name in pictures} | {
        "figures/training.gif"
    }
    (events,) = (trained_run / "tensorboard").iterdir()
    assert events.stat().st_size > 500
    for name in pictures:
        pixels = matplotlib.image.imread(trained_run / "figures" / f"{name}.png")
        assert min(pixels.shape[:2]) > 200
        assert pixels[..., :3].std() > 0.01


def test_config_names_all_that_the_run_depends_on(trained_run):
    config = json.loads((trained_run / runs.CONFIG).read_text())
    assert config["entry"] == "vae"
    assert config["hyperparameters"]["latent_dim"] == 2
    assert config["hyperparameters"]["hidden_units"] == [32]
    assert config["hyperparameters"]["covariance"] == "diagonal"  # defaults too: they may change with the code
    recipe = {"epochs": 2, "batch_size": 100, "learning_rate": vae.LEARNING_RATE}
    assert config["recipe"] == recipe | settings.OPTIONAL | {"passes": 1, "augment": []}
    assert config["safety"]["strategy"] == "single"
    assert (config["dataset"], config["protocol"], config["seed"]) == ("digits", "digits-dynamic", 0)
    assert {part: split["images"] for part, split in config["splits"].items()} == {
        "train": 1297,
        "validation": 200,
        "test": 300,
    }
    assert "cores" in config["device"] or "GPU" in config["device"]
    assert {"python", "tfgen", "tensorflow", "tensorflow-probability", "keras", "numpy"} <= set(config["versions"])


@pytest.mark.slow
@pytest.mark.ci
def test_second_cycle_begins_where_a_training_of_one_ends(command, no_xla, trained_run, small_run_options, tmp_path):
    code, output, _ = command("vae", *small_run_options, "--cycles", "2", "--run-dir", tmp_path / "run")
    assert code == 0
    assert "4 epochs of digits" in output
    rows = history_of(tmp_path / "run").splitlines()
    assert rows[:3] == history_of(trained_run).splitlines()
    assert [row.partition(",")[0] for row in rows[3:]] == ["3", "4"]
    assert runs.read_metrics(tmp_path / "run")["epochs"] == 4


def test_history_has_a_row_an_epoch_and_no_clock(trained_run):
    rows = list(csv.DictReader(history_of(trained_run).splitlines()))
    metrics = {"loss", "rate", "distortion", "val_neg_elbo", "val_rate", "val_distortion"}
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert set(rows[0]) == {"epoch"} | metrics
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])


def test_metrics_are_those_of_the_weights_kept(trained_run, digits):
    metrics = json.loads((trained_run / runs.METRICS).read_text())
    assert (metrics["protocol"], metrics["epochs"]) == ("digits-dynamic", 2)
    assert metrics["images_per_s"] > 0
    assert metrics["seconds"] > 0
    expected = -tfgen.load(trained_run).elbo(digits.test.binarised(), seed=0).numpy().mean()
    assert metrics["test_neg_elbo"] == pytest.approx(expected, rel=1e-4)
    assert metrics["test_neg_elbo"] == pytest.approx(metrics["test_rate"] + metrics["test_distortion"], abs=1e-3)


@pytest.mark.slow
@pytest.mark.ci
def test_training_in_a_fresh_process_is_clean_and_the_same(compiled_run, small_run_options, tmp_path):
    """What a user types: no line on stderr, the device and every path named, the very numbers of the other process."""
    run = tmp_path / "again"
    done = subprocess.run(
        [*TRAIN, "vae", *small_run_options, "--run-dir", str(run)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert "device: " in done.stdout
    assert "images/s" in done.stdout
    assert "test neg elbo" in done.stdout
    for words in (run / "model.weights.h5", run / "figures", "samples.png", "manifold.png"):
        assert str(words) in done.stdout
    assert f"python -m export {run} --to served" in done.stdout
    assert history_of(run) == history_of(compiled_run)
    assert_same_weights(run, compiled_run)


@pytest.mark.slow
@pytest.mark.ci
def test_best_weights_are_kept_where_training_gets_worse(command, no_xla, no_figures, tmp_path):
    """With no weight on the rate it grows and grows, and validation, where it counts in full, soon gets worse.

    Patience meets the same each time: tests/zoo/test_small_data.py.
    """
    options = (
        "--dataset",
        "digits",
        "--epochs",
        "10",
        "--hidden-units",
        "32",
        "--beta",
        "0",
        "--learning-rate",
        "0.01",
    )
    code, _, error = command("vae", *options, "--run-dir", tmp_path / "run")
    assert (code, error) == (0, "")
    losses = [row["val_neg_elbo"] for row in runs.read_history(tmp_path / "run")]
    metrics = json.loads((tmp_path / "run" / runs.METRICS).read_text())
    assert metrics["best_epoch"] == 1 + int(np.argmin(losses))
    assert metrics["best_epoch"] < 10


def test_default_data_set_falls_back_and_every_file_says_so(
    command, begun, nothing_prepared, small_run_options, tmp_path
):
    options = small_run_options[2:]  # but the data set
    code, output, _ = command("vae", *options, "--run-dir", tmp_path / "run")
    assert code == 9
    assert output.startswith("note: mnist is not prepared")
    assert "embedded digits" in output.splitlines()[0]
    config = json.loads((tmp_path / "run" / runs.CONFIG).read_text())
    assert (config["dataset"], config["protocol"]) == ("digits", "digits-dynamic")


def test_loss_that_is_not_finite_stops_training_with_good_weights_on_disk(command, no_xla, tmp_path):
    run = tmp_path / "run"
    options = ("--dataset", "digits", "--epochs", "3", "--hidden-units", "8", "--learning-rate", "1e30")
    code, _, error = command("vae", *options, "--run-dir", run)
    assert code == 3
    assert "Traceback" not in error
    last = error.splitlines()[-1]
    assert last.startswith("error: training stopped at step ")
    assert "loss is" in last
    assert str(run) in last
    assert all(np.isfinite(array).all() for array in tfgen.load(run).get_weights())
    assert not (run / runs.METRICS).exists()


def peak_memory(process) -> int:
    """The most memory that a process has held so far, in kB; 0 where Linux's /proc is not there to tell."""
    status = Path(f"/proc/{process.pid}/status")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) if status.exists() else 0


@pytest.mark.slow
@pytest.mark.ci
def test_interrupted_training_leaves_a_run_that_loads(tmp_path):
    run = tmp_path / "run"
    options = ["--dataset", "digits", "--epochs", "100000", "--hidden-units", "8", "--run-dir", str(run)]
    process = subprocess.Popen(
        [*TRAIN, "vae", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that starts a test run in the background makes it deaf to Ctrl-C, and so are its children.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    peaks = {}
    for line in process.stdout:
        if line.startswith("epoch"):
            epoch = int(line.split()[1].partition("/")[0])
            peaks[epoch] = peak_memory(process)
            if epoch == 20:
                break
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert error.splitlines()[-1].startswith("error: interrupted; the best weights so far, of epoch ")
    assert tfgen.load(run).sample(4, seed=0).shape == (4, 28, 28, 1)
    assert len(runs.read_history(run)) >= 20
    assert peaks[20] <= 1.05 * peaks[2], "memory grows"
    assert not [name for name in files_of(run) if ".writing-" in name]
