"""`python -m zoo.train --resume`: it ends where the run would have ended, or says why it does not."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tfgen.storage import runs
from tfgen.training import checkpoints, loop
from zoo import frames, train
from zoo.models import vae


@pytest.fixture
def copy(trained_run, tmp_path):
    """A copy of the finished run."""
    return shutil.copytree(trained_run, tmp_path / "run")


def content(run) -> dict:
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in run.rglob("*") if path.is_file()}


def assert_ends_like(run, other) -> None:
    """Both runs have the same history, the same numbers, and the same variables to the last bit."""
    assert (run / runs.HISTORY).read_text() == (other / runs.HISTORY).read_text()
    ours, theirs = (json.loads((path / runs.METRICS).read_text()) for path in (run, other))
    clock = {"seconds": 0, "images_per_s": 0}
    assert ours | clock == theirs | clock
    last, expected = (checkpoints.newest(path, pytest.fail) for path in (run, other))
    for name, value in expected._arrays().items():
        if name != checkpoints.BEST:  # whose layers are named by what was built before in this process
            np.testing.assert_array_equal(last._arrays()[name], value, err_msg=name)


def test_finished_run_is_left_as_it_is(command, copy, small_run_options):
    before = content(copy)
    code, output, error = command("vae", *small_run_options, "--run-dir", copy, "--resume")
    assert (code, error) == (0, "")
    assert output == f"{copy} is finished: nothing is left to do\n"
    assert content(copy) == before


@pytest.mark.parametrize("option", [("--latent-dim", "3"), ("--epochs", "3"), ("--epochs", "1"), ("--seed", "4")])
def test_other_settings_are_refused(command, copy, option):
    before = content(copy)
    code, _, error = command("vae", "--run-dir", copy, "--resume", *option)
    assert code == 2
    assert error.startswith(f"error: {option[0]} is ")
    assert error.rstrip().partition(";")[0].endswith(f"in this run, got {option[1]}")
    assert ("schedule" in error) == (option[0] == "--epochs")
    assert content(copy) == before


def test_run_that_is_none_is_refused(command, copy, tmp_path):
    for arguments, words in [
        (("vae", "--resume"), "--run-dir"),
        (("vae", "--resume", "--run-dir", tmp_path / "nowhere"), "there is no run directory"),
        (("cvae", "--resume", "--run-dir", copy), "is a run of vae, not of cvae"),
    ]:
        code, _, error = command(*arguments)
        assert code == 2
        assert words in error
        assert len(error.splitlines()) == 1


def test_run_that_ended_before_its_numbers_and_figures_gets_them(command, copy, trained_run):
    (copy / runs.METRICS).unlink()
    shutil.rmtree(copy / runs.FIGURES)
    (copy / ".writing-abcmodel.weights.h5").write_bytes(b"half a file")
    code, output, error = command("vae", "--run-dir", copy, "--resume")
    assert (code, error) == (0, "")
    assert "resumed after epoch 2" in output
    assert_ends_like(copy, trained_run)
    drawn, expected = ({path.name for path in (run / runs.FIGURES).iterdir()} for run in (copy, trained_run))
    assert drawn == expected - {frames.NAME}  # the samples of earlier epochs are drawn while there is a training
    assert not list(copy.glob(".writing-*"))


def test_damaged_checkpoint_costs_an_epoch_and_nothing_else(command, no_xla, copy, trained_run, no_figures):
    """The epoch is trained again and ends in the same bits."""
    (copy / runs.METRICS).unlink()
    (copy / runs.CHECKPOINTS / "epoch-00002.npz").write_bytes(b"not what was written")
    code, output, error = command("vae", "--run-dir", copy, "--resume")
    assert (code, error) == (0, "")
    (note,) = (line for line in output.splitlines() if line.startswith("note: "))
    assert "epoch-00002.npz" in note
    assert "is damaged" in note
    assert "resumed after epoch 1" in output
    assert_ends_like(copy, trained_run)


def test_run_without_a_whole_checkpoint_is_refused(command, copy):
    (copy / runs.METRICS).unlink()
    for path in (copy / runs.CHECKPOINTS).glob("*.npz"):
        path.unlink()
    before = content(copy)
    code, output, error = command("vae", "--run-dir", copy, "--resume")
    assert code == 2
    assert error.startswith("error: every checkpoint in ")
    assert output.count("is damaged") == 2
    shutil.rmtree(copy / runs.CHECKPOINTS)  # a run of before there were checkpoints
    code, _, error = command("vae", "--run-dir", copy, "--resume")
    assert code == 2
    assert "has no checkpoint to resume from" in error
    assert content(copy).items() <= before.items()


@pytest.mark.slow
def test_run_that_was_stopped_before_it_began_begins(command, no_xla, copy, trained_run, no_figures):
    for name in (runs.METRICS, runs.HISTORY, runs.WEIGHTS):
        (copy / name).unlink()
    for name in (runs.CHECKPOINTS, runs.EVENTS):
        shutil.rmtree(copy / name)
    code, _, error = command("vae", "--run-dir", copy, "--resume")
    assert (code, error) == (0, "")
    assert_ends_like(copy, trained_run)


def failing_above(monkeypatch, share: float):
    """Lets the VAE's loss be NaN from step 20 on, while the learning rate is above a share of the first one."""
    loss = vae.VAE.training_loss

    def training_loss(self, batch, seed, step):
        terms = loss(self, batch, seed, step)
        high = self.optimizer._learning_rate.initial_learning_rate > share * vae.LEARNING_RATE
        return terms | {"loss": tf.where(step >= 20, float("nan"), terms["loss"])} if high else terms

    monkeypatch.setattr(vae.VAE, "training_loss", training_loss)
    monkeypatch.setattr(loop, "uses_xla", lambda model: False)


@pytest.mark.slow
@pytest.mark.ci
def test_rollback_halves_the_learning_rate_until_it_goes_on(
    command, monkeypatch, tmp_path, small_run_options, no_figures
):
    failing_above(monkeypatch, 0.3)
    run = tmp_path / "run"
    code, _, error = command("vae", *small_run_options, "--on-nan", "rollback", "--run-dir", run)
    assert code == 0
    for line, number, rate in zip(
        error.splitlines(), (1, 2), (vae.LEARNING_RATE / 2, vae.LEARNING_RATE / 4), strict=True
    ):
        assert line.startswith("note: step 21: loss is nan; its batch is ")
        assert line.endswith(f"back to epoch 1 with learning rate {rate:g}, rollback {number} of 3")
    assert (run / runs.FAULTS / "step-21.npz").is_file()
    assert len(runs.read_history(run)) == 2
    checkpoint = checkpoints.newest(run, pytest.fail)
    assert (checkpoint.state.epoch, checkpoint.state.halvings) == (2, 2)


def test_run_that_was_rolled_back_resumes_with_its_halved_rate(command, monkeypatch, copy, no_figures):
    """With its first rate it would fail again."""
    (copy / runs.METRICS).unlink()
    for path in (copy / runs.CHECKPOINTS).glob("epoch-00002.*"):
        path.unlink()
    last = checkpoints.newest(copy, pytest.fail)
    last.state.halvings = 1
    checkpoints.write_state(last.path, last.state, last.content)
    failing_above(monkeypatch, 0.6)
    assert command("vae", "--run-dir", copy, "--resume")[::2] == (0, "")
    last = checkpoints.newest(copy, pytest.fail)
    assert (last.state.epoch, last.state.halvings) == (2, 1)


@pytest.mark.slow
@pytest.mark.ci
def test_run_that_was_killed_after_it_was_rolled_back_ends_as_if_it_had_not_been(
    command, monkeypatch, tmp_path, small_run_options, no_figures
):
    failing_above(monkeypatch, 0.6)
    monkeypatch.setattr(train, "_finish", lambda *arguments: None)
    options = ("vae", *small_run_options, "--on-nan", "rollback", "--run-dir")
    assert command(*options, tmp_path / "whole")[0] == 0
    write = checkpoints.write_state

    def killed_after_rolling_back(path, state, content):
        write(path, state, content)
        if state.halvings and state.epoch == 1:
            raise SystemExit(9)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write_state", killed_after_rolling_back)
        assert command(*options, tmp_path / "half")[0] == 9
    code, _, error = command("vae", "--run-dir", tmp_path / "half", "--resume")
    assert (code, error) == (0, "")
    assert (tmp_path / "half" / runs.HISTORY).read_text() == (tmp_path / "whole" / runs.HISTORY).read_text()


@pytest.mark.slow
def test_fault_that_stays_stops_after_three_rollbacks(command, monkeypatch, tmp_path, small_run_options):
    failing_above(monkeypatch, 0)
    code, _, error = command("vae", *small_run_options, "--on-nan", "rollback", "--run-dir", tmp_path / "run")
    assert code == 3
    *notes, last = error.splitlines()
    assert [note.rpartition(", ")[2] for note in notes] == [f"rollback {n} of 3" for n in (1, 2, 3)]
    assert last.startswith("error: training stopped at step 21: loss is nan, after 3 rollbacks; its batch is ")


def test_a_run_on_files_that_have_changed_is_refused_with_both_hashes(command, begun, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, [60, 16, 16, 1], np.uint8)
    data, run = tmp_path / "images.npz", tmp_path / "run"
    np.savez(data, images=images)
    options = ("vae", "--dataset", data, "--epochs", "1", "--batch-size", "10", "--hidden-units", "8", "--run-dir", run)
    assert command(*options)[0] == 9
    np.savez(data, images=images[::-1])
    code, _, error = command(*options, "--resume")
    assert code == 2
    (line,) = error.splitlines()
    began, now = runs.read_config(run)["data"]["sha256"], hashlib.sha256(data.read_bytes()).hexdigest()
    assert f"has changed since {str(run)!r} was begun: SHA-256 mismatch, {now} where the run has {began}" in line
    np.savez(data, images=images)
    assert command(*options, "--resume")[0] == 9
    assert len(begun) == 2
