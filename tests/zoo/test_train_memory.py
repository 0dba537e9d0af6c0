"""`python -m zoo.train --memory`: what does not fit is streamed, and ends in the same run."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from tfgen import commandline, files
from tfgen.storage import runs
from tfgen.training import checkpoints
from zoo import commands

OPTIONS = ("vae", "--epochs", "2", "--batch-size", "20", "--hidden-units", "8", "--latent-dim", "2")


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tfgen" / "decoded"


@pytest.fixture
def archive(tmp_path):
    """A file of 80 images of 16 x 16 pixels, of which 5.1 KB are a batch."""
    images = np.random.default_rng(0).integers(0, 256, [80, 16, 16, 1], np.uint8)
    np.savez(tmp_path / "images.npz", images=images)
    return tmp_path / "images.npz"


def last_variables(run) -> dict:
    with np.load(checkpoints.newest(run, pytest.fail).path) as arrays:
        return {name: arrays[name] for name in arrays.files if name != checkpoints.BEST}


def assert_same_end(run, other) -> None:
    """Both runs have the same history, the same numbers, and the same variables to the last bit."""
    assert (run / runs.HISTORY).read_text() == (other / runs.HISTORY).read_text()
    ours, theirs = (json.loads((path / runs.METRICS).read_text()) for path in (run, other))
    clock = {"seconds": 0, "images_per_s": 0}
    assert ours | clock == theirs | clock
    ours, theirs = last_variables(run), last_variables(other)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)


def test_what_does_not_fit_is_decoded_into_a_file_once(command, begun, tmp_path, archive, cache):
    """In the least memory that works; a run on files that have changed is refused as ever."""
    run = tmp_path / "run"
    code, output, _ = command(*OPTIONS, "--dataset", archive, "--memory", "5.2KB", "--run-dir", run)
    assert code == 9
    assert output.startswith("80 images take 20.5KB decoded, and may take 5.2KB of memory: they are decoded to ")
    config = runs.read_config(run)
    assert config["safety"]["memory"] == "5.2KB"
    assert config["data"]["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    code, output, _ = command("vae", "--run-dir", run, "--resume")
    assert code == 9
    assert output.startswith("80 images take 20.5KB decoded, and may take 5.2KB of memory: they are read from ")
    assert len(list(cache.iterdir())) == 1
    np.savez(archive, images=np.zeros([80, 16, 16, 1], np.uint8))
    code, _, error = command("vae", "--run-dir", run, "--resume")
    assert code == 2
    assert "has changed since" in error


@pytest.mark.slow
@pytest.mark.ci
def test_a_streamed_run_that_was_killed_ends_as_if_it_had_not_been(
    command, no_xla, monkeypatch, tmp_path, archive, cache
):
    """That a loop on streamed images does is tested each time: tests/tfgen/training/test_streaming.py."""
    monkeypatch.setattr(commands, "draw", lambda *arguments: [])
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    code, _, error = command(*OPTIONS, "--dataset", archive, "--memory", "5.2KB", "--run-dir", whole)
    assert (code, error) == (0, "")
    shutil.copytree(whole, killed)  # as it was in the midst of its second epoch
    for path in (killed / runs.METRICS, *(killed / runs.CHECKPOINTS).glob("epoch-00002.*")):
        path.unlink()
    code, output, error = command("vae", "--run-dir", killed, "--resume")
    assert (code, error) == (0, "")
    assert "resumed after epoch 1" in output
    assert_same_end(killed, whole)


@pytest.mark.parametrize(
    ("memory", "words"),
    [
        ("50XB", "memory must be a size such as 500MB, 2GB or 2GiB, got '50XB'"),
        ("-1", "memory must be a size such as 500MB, 2GB or 2GiB, got '-1'"),
        ("0", "memory must be a size such as 500MB, 2GB or 2GiB, got '0'"),
        ("5KB", "memory must be at least 5.2KB, a batch of 20 images of 16 x 16 x 1; got 5KB"),
    ],
)
def test_too_little_memory_and_what_is_no_size_are_one_line(command, tmp_path, archive, cache, memory, words):
    code, _, error = command(*OPTIONS, "--dataset", archive, "--memory", memory, "--run-dir", tmp_path / "run")
    assert (code, error) == (2, f"error: {words}\n")
    assert not (tmp_path / "run").exists()
    assert not cache.exists()


def test_images_that_can_no_longer_be_read_are_one_line(capsys, tmp_path):
    with pytest.raises(SystemExit) as stop, commandline.giving_up(tmp_path, lambda: "what was saved is whole"):
        raise files.ReadError("decoded images in 'images' cannot be read: it is cut off")
    assert stop.value.code == 2
    words = "decoded images in 'images' cannot be read: it is cut off; what was saved is whole"
    assert capsys.readouterr().err == f"error: {words}\n"
