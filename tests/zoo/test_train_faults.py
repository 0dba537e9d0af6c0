"""What stops a training from outside: signals, a full or read-only disk, another process. Nothing saved is lost."""

import errno
import functools
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import data
from tfgen.storage import entries, runs
from tfgen.training import callbacks, loop
from zoo import commands

TRAIN = [sys.executable, "-m", "zoo.train"]


def small_options(entry: str) -> list[str]:
    """The options that make an entry as small as its module makes it for tests."""
    options = []
    for name, value in entries.module(entry).SMALL.items():
        words = value if isinstance(value, tuple) else [value]
        options += [f"--{name.replace('_', '-')}", *map(str, words)]
    return options


def started(*arguments, **options) -> subprocess.Popen:
    """A training in a process of its own, which can hear Ctrl-C whatever started the tests."""
    hearing = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*TRAIN, *map(str, arguments)], preexec_fn=hearing, **pipes, **options)


def assert_same_run(run, other) -> None:
    """The same history, and the same weights bit for bit."""
    assert (run / runs.HISTORY).read_bytes() == (other / runs.HISTORY).read_bytes()
    with h5py.File(run / runs.WEIGHTS) as ours, h5py.File(other / runs.WEIGHTS) as theirs:
        arrays, expected = _arrays(ours), _arrays(theirs)
        assert sum(array.size for array in arrays) >= runs.read_metrics(run)["parameters"]
        for array, value in zip(arrays, expected, strict=True):
            np.testing.assert_array_equal(array, value)


def _arrays(file) -> list:
    found = []
    file.visititems(lambda name, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.mark.slow
@pytest.mark.ci
def test_killed_run_resumes_to_the_same_bits(command, no_figures, compiled_run, small_run_options, tmp_path):
    """While it runs, a second process is refused; the lock does not outlive the first."""
    run = tmp_path / "run"
    process = started("vae", *small_run_options, "--run-dir", run)
    for line in process.stdout:
        if line.startswith("epoch 1/2"):
            break
    code, _, error = command("vae", "--run-dir", run, "--resume")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (run / runs.METRICS).exists(), "it was not killed but had ended"
    assert code == 2
    assert error == f"error: another process is training in {str(run)!r}\n"
    code, _, error = command("vae", "--run-dir", run, "--resume")
    assert (code, error) == (0, "")
    assert_same_run(run, compiled_run)


@pytest.fixture
def hearing():
    """Ctrl-C raises here, whatever started the tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def doing(monkeypatch, place, name, act, number=1):
    """Lets a function act in the middle of its n-th call."""
    original, calls = getattr(place, name), []

    def function(*arguments, **options):
        calls.append(name)
        if len(calls) == number:
            act()
        return original(*arguments, **options)

    monkeypatch.setattr(place, name, function)


def no_xla(monkeypatch):
    monkeypatch.setattr(loop, "uses_xla", lambda model: False)  # whose compilation takes longer than the rest


def test_sigterm_ends_training_in_one_line_that_says_what_is_saved(
    command, monkeypatch, no_figures, tmp_path, small_run_options
):
    no_xla(monkeypatch)
    run = tmp_path / "run"
    doing(monkeypatch, callbacks.Throughput, "on_epoch_end", lambda: signal.raise_signal(signal.SIGTERM), 2)
    assert command("vae", *small_run_options, "--run-dir", run)[::2] == (
        143,
        f"error: terminated; the best weights so far, of epoch 1, are in {run}; resume it with --resume\n",
    )
    assert tfgen.load(run).sample(4, seed=0).shape == (4, 28, 28, 1)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert command("vae", "--run-dir", run, "--resume")[::2] == (0, "")


def test_too_little_memory_is_one_line(command, monkeypatch, no_figures, tmp_path, small_run_options):
    def advance(loop, steps):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[100,500]")

    monkeypatch.setattr(loop.Loop, "__call__", advance)
    assert command("vae", *small_run_options, "--run-dir", tmp_path / "run")[::2] == (
        2,
        "error: the device's memory is too small (batches of 100 images); a new run with a smaller --batch-size"
        " or --memory needs less\n",
    )


def test_ctrl_c_is_one_line_while_data_loads_and_while_figures_are_drawn(
    command, hearing, monkeypatch, tmp_path, trained_run, small_run_options
):
    run, stop = tmp_path / "run", lambda: signal.raise_signal(signal.SIGINT)
    with monkeypatch.context() as patch:
        doing(patch, data, "load", stop)
        assert command("vae", *small_run_options, "--run-dir", run)[::2] == (130, "error: interrupted\n")
    assert not run.exists()
    shutil.copytree(trained_run, run)
    (run / runs.METRICS).unlink()
    with monkeypatch.context() as patch:
        doing(patch, commands, "draw", stop)
        code, _, error = command("vae", "--run-dir", run, "--resume")
    saved = f"the trained weights are in {run}; --resume finishes its numbers and figures"
    assert (code, error) == (130, f"error: interrupted; {saved}\n")


def test_ctrl_c_while_tensorflow_is_imported_is_one_line(tmp_path):
    process = started("vae", "--run-dir", tmp_path / "run")
    while process.poll() is None and "tensorflow" not in Path(f"/proc/{process.pid}/maps").read_text():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, error = process.communicate()
    assert (process.returncode, output, error) == (130, "", "error: interrupted\n")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MB, where the tests may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting a disk is not permitted here")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk) -> None:
    with open(disk / "filler", "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass


def test_full_disk_stops_training_and_the_run_goes_on_when_there_is_room(
    command, monkeypatch, no_figures, small_disk, small_run_options
):
    no_xla(monkeypatch)
    run = small_disk / "run"
    doing(monkeypatch, callbacks.Throughput, "on_epoch_end", lambda: fill(small_disk), 2)
    code, _, error = command("vae", *small_run_options, "--run-dir", run)
    saved = f"the best weights so far, of epoch 1, are in {run}; resume it with --resume"
    assert (code, error) == (4, f"error: {run} cannot be written: No space left on device; {saved}\n")
    assert tfgen.load(run).sample(1, seed=0).shape == (1, 28, 28, 1)
    code, _, error = command("vae", "--run-dir", run, "--resume")
    assert (code, error) == (4, f"error: {run} cannot be written: No space left on device; what was saved is whole\n")
    (small_disk / "filler").unlink()
    assert command("vae", "--run-dir", run, "--resume")[::2] == (0, "")


@pytest.mark.slow
@pytest.mark.ci
def test_folder_that_becomes_read_only_stops_training(command, monkeypatch, no_figures, small_disk, small_run_options):
    """The kernel turns a disk read-only by itself after an error; asked to, it waits for files that are open there."""
    no_xla(monkeypatch)
    run = small_disk / "run"

    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        doing(patch, callbacks.Throughput, "on_epoch_end", lambda: patch.setattr("tempfile.mkstemp", refuse), 2)
        code, _, error = command("vae", *small_run_options, "--run-dir", run)
    saved = f"the best weights so far, of epoch 1, are in {run}; resume it with --resume"
    assert (code, error) == (4, f"error: {run} cannot be written: Read-only file system; {saved}\n")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    code, _, error = command("vae", "--run-dir", run, "--resume")
    assert (code, len(error.splitlines())) == (2, 1)
    assert "Read-only file system" in error
    assert str(run) in error
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert command("vae", "--run-dir", run, "--resume")[::2] == (0, "")


@pytest.mark.slow
@pytest.mark.ci
def test_file_that_may_not_grow_leaves_the_one_before_it(command, monkeypatch, no_figures, tmp_path, small_run_options):
    """A quota instead of a full disk: every write beyond it fails, whoever runs the tests."""
    no_xla(monkeypatch)
    run, limits = tmp_path / "run", resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (100_000, limits[1]))
    doing(monkeypatch, callbacks.Throughput, "on_epoch_end", limit, 2)
    try:
        code, _, error = command("vae", *small_run_options, "--run-dir", run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 4
    assert error.startswith(f"error: {run} cannot be written: File too large; the best weights so far, of epoch 1, ")
    assert len(error.splitlines()) == 1
    assert tfgen.load(run).sample(1, seed=0).shape == (1, 28, 28, 1)
    assert command("vae", "--run-dir", run, "--resume")[::2] == (0, "")


def peaks(entry: str, run, epochs: int = 20) -> list[int]:
    """The peak memory of a training when each of its epochs ends, in kB."""
    options = ("--dataset", "digits", "--batch-size", "100", "--epochs", epochs)
    process, seen = started(entry, *small_options(entry), *options, "--run-dir", run), []
    for line in process.stdout:
        if line.startswith("epoch "):
            status = Path(f"/proc/{process.pid}/status").read_text()
            seen.append(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]))
    _, error = process.communicate()
    assert (process.returncode, len(seen)) == (0, epochs), error
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("entry", tfgen.entries())
def test_memory_stays_flat(entry, tmp_path):
    peak = peaks(entry, tmp_path / "run")
    assert peak[-1] < 1.05 * peak[1], peak


@pytest.mark.slow
@pytest.mark.parametrize("entry", tfgen.entries())
def test_runs_killed_at_random_moments_resume_to_the_same_bits(entry, tmp_path):
    """Four of twenty: SIGKILL anywhere between the first line of a training and its end."""
    options = (entry, *small_options(entry), "--dataset", "digits", "--batch-size", "100", "--epochs", "30")
    whole, moment = tmp_path / "whole", random.Random(f"{entry} 5")
    reference = started(*options, "--run-dir", whole)
    begun = _first_line(reference)
    reference.communicate()
    seconds = time.perf_counter() - begun
    assert reference.returncode == 0
    kills = 0
    while kills < 4:
        run = tmp_path / f"killed-{kills}-{moment.random()}"
        process = started(*options, "--run-dir", run)
        _first_line(process)
        time.sleep(moment.uniform(0, seconds))
        process.kill()
        process.communicate()
        if runs.is_finished(run):
            continue  # it was faster than the first
        resumed = started(entry, "--run-dir", run, "--resume")
        _, error = resumed.communicate()
        assert resumed.returncode == 0, error
        assert all(line.startswith("warning: ") for line in error.splitlines()), error  # of a discriminator that won
        assert_same_run(run, whole)
        assert _numbers(run) == _numbers(whole)
        kills += 1


def _first_line(process) -> float:
    """Waits until a training prints, by when its run exists; the time."""
    process.stdout.readline()
    return time.perf_counter()


def _numbers(run) -> dict:
    metrics = json.loads((run / runs.METRICS).read_text())
    return {name: value for name, value in metrics.items() if name not in ("seconds", "images_per_s")}
