"""Hostile SavedModels and damaged bundles are refused before anything in them runs.

`python tests/security/attack.py` does more of the same, through the command.
"""

import re
import shutil
from pathlib import Path

import pytest
from editing import TRAP, damages, honest, hostile, refusal, running, taken
from savedmodels import INSPECTED

from export import checkpoint, limits, verify
from tfgen.quiet import tf


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    return honest(tmp_path_factory.mktemp("honest"))


def test_the_honest_version_that_all_are_made_of_passes(version):
    assert refusal(version) == ""


@pytest.mark.parametrize("name", INSPECTED)
def test_a_hostile_version_is_refused_before_anything_runs(name, version, tmp_path):
    Path(TRAP).unlink(missing_ok=True)
    assert re.match(
        "manifest|signatures|operations|weights", refusal(hostile(INSPECTED[name], version, tmp_path / "1"))
    )
    assert not Path(TRAP).exists()


def test_a_loop_without_end_is_killed(version, tmp_path):
    *_, (_, passed, detail) = verify.check(running("loop without end", version, tmp_path / "1"), timeout=8)
    assert not passed
    assert "takes more than 8 s" in detail  # in "answers", unless a busy machine takes as long before


def test_an_index_is_read_as_it_was_written(version):
    entries = dict(checkpoint.entries((version / limits.INDEX).read_bytes()))
    reader = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    assert {name.decode() for name in entries} - {""} == set(reader.get_variable_to_shape_map())


@pytest.mark.parametrize("file", limits.FILES)
def test_a_byte_flipped_removed_or_added_anywhere_in_a_file_is_refused(file, version, tmp_path):
    copy = shutil.copytree(version, tmp_path / "1")
    for damaged in damages((copy / file).read_bytes(), places=7):
        (copy / file).write_bytes(damaged)
        assert not taken(copy, file)
