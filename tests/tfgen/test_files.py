"""Files are whole or not there."""

import json
import os

import pytest

from tfgen import files


def test_file_appears_when_its_block_ends_and_not_before(tmp_path):
    path = tmp_path / "model.weights.h5"
    with files.replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".weights.h5")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == [path.name]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_interrupted_writing_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "history.csv"
    path.write_text("old")

    def write_half():
        with files.replacing(path) as temporary:
            temporary.write_text("ne")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == [path.name]


def test_json_is_read_back(tmp_path):
    content = {"epochs": 2, "figures": ["a", "b"], "loss": 1.5, "nothing": None}
    files.write_json(tmp_path / "metrics.json", content)
    assert json.loads((tmp_path / "metrics.json").read_text()) == content
