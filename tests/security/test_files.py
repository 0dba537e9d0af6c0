"""Damaged files of runs and of weights end in finite weights or in one line; files.py here tries more."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("security_files", Path(__file__).with_name("files.py"))
files = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(files)


@pytest.mark.parametrize("kind", ["weights", *files.FILES])
def test_a_damaged_file_is_read_or_refused_in_one_line(trained_run, tmp_path, kind):
    said = []
    for seed in range(5):
        run = tmp_path / str(seed)
        shutil.copytree(trained_run, run)
        files.damage(run, kind, seed)
        try:
            files.read(run, kind)
        except ValueError as error:
            said.append(str(error))
    assert said or kind == "checkpoint"  # where an older one is taken
    assert all("\n" not in line and len(line) < 1000 for line in said)


@pytest.mark.slow
def test_readers_and_commands_bear_many_damaged_files():
    command = [sys.executable, files.__file__, "--weights", "60", "--each", "60", "--commands", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
