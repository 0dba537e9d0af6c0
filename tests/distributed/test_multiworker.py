"""Two workers on loopback are one training: its numbers, one writer of files, and an end for all when one dies."""

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack

import numpy as np
import pytest

import tfgen
from tfgen.storage import runs
from tfgen.training import loop

OPTIONS = ("vae", "--dataset", "digits", "--batch-size", "1296", "--network", "conv", "--hidden-units", "4", "8")


def workers(*arguments, run_dirs) -> list[subprocess.Popen]:
    """Two processes of `python -m zoo.train` on two free ports of this machine."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in run_dirs]
        for probe in probes:
            probe.bind(("localhost", 0))
        addresses = [f"localhost:{probe.getsockname()[1]}" for probe in probes]
    processes = []
    for index, run in enumerate(run_dirs):
        cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "zoo.train", *arguments, "--strategy", "multiworker", "--run-dir", str(run)],
                env=os.environ | {"TF_CONFIG": json.dumps(cluster)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return processes


def ends(processes, timeout: float = 900) -> list[tuple[int, str, str]]:
    """(exit code, stdout, stderr) of each; none is left behind."""
    try:
        outputs = [process.communicate(timeout=timeout) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [(process.returncode, *output) for process, output in zip(processes, outputs, strict=True)]


def losses(run) -> list[float]:
    return [row["loss"] for row in runs.read_history(run)]


@pytest.mark.slow
@pytest.mark.ci
def test_two_workers_train_as_one_process_does_and_one_writes(command, tmp_path):
    """An epoch is one step here, so that the first loss is that of the first step."""
    both, alone = [tmp_path / "first", tmp_path / "second"], tmp_path / "alone"
    for code, _, error in ends(workers(*OPTIONS, "--epochs", "2", run_dirs=both)):
        assert (code, error) == (0, "")
    assert not both[1].exists()
    assert command(*OPTIONS, "--epochs", "2", "--run-dir", alone)[0] == 0
    together, apart = losses(both[0]), losses(alone)
    assert together[0] == pytest.approx(apart[0], rel=1e-5)
    assert together[1] == pytest.approx(apart[1], rel=1e-4)
    assert together[1] < together[0]
    assert "2 CPU devices of 2 machines" in runs.read_config(both[0])["device"]


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_worker_ends_the_other_and_the_run_goes_on(tmp_path, lost):
    options = ("vae", "--dataset", "digits", "--hidden-units", "16", "--latent-dim", "2", "--batch-size", "216")
    options += ("--epochs", "60")
    run, whole = tmp_path / "run", tmp_path / "whole"
    processes = workers(*options, run_dirs=[run, run])
    for line in processes[0].stdout:
        if line.startswith("epoch") and " 5/" in line:
            break
    processes[lost].kill()
    code, _, error = ends(processes)[1 - lost]
    assert code == 5
    said = f"another machine of this training was lost; start all machines again with --resume --run-dir {run}"
    assert error.splitlines() == [f"error: {said}"]
    for processes in (
        workers(*options, "--resume", run_dirs=[run, run]),
        workers(*options, run_dirs=[whole, whole]),
    ):
        assert [code for code, *_ in ends(processes, 1200)] == [0, 0]
    assert (run / runs.HISTORY).read_text() == (whole / runs.HISTORY).read_text()
    for ours, expected in zip(tfgen.load(run).get_weights(), tfgen.load(whole).get_weights(), strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.slow
def test_two_workers_learn_mnist_as_one_process_does(command, monkeypatch, mnist, tmp_path):
    """Of the same noise: XLA, which one process would use, draws other numbers from the same seed."""
    monkeypatch.setattr(loop, "uses_xla", lambda model: False)
    options = ("vae", "--dataset", "mnist", "--epochs", "5")
    assert [code for code, *_ in ends(workers(*options, run_dirs=[tmp_path / "two"] * 2), 3000)] == [0, 0]
    assert command(*options, "--run-dir", tmp_path / "one")[0] == 0
    two, one = (json.loads((tmp_path / name / runs.METRICS).read_text())["test_neg_elbo"] for name in ("two", "one"))
    assert abs(two - one) < 0.5
