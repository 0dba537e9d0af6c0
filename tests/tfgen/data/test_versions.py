"""Prepared versions: the newest whole one is found, by its files alone."""

import json

import pytest

from tfgen import data
from tfgen.data import versions


def write_prepared(root, name, version="3.1.0", shards=()):
    """A folder that looks like a prepared TFDS data set to whoever only looks."""
    folder = root / name / version
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text(json.dumps({"name": name}))
    for shard in shards:
        (folder / shard).write_bytes(b"records")
    return folder


def test_newest_prepared_version_is_found(tmp_path, monkeypatch):
    assert data.prepared("mnist", tmp_path) is None
    write_prepared(tmp_path, "mnist", "3.0.1")
    newest = write_prepared(tmp_path, "mnist", "3.0.10")
    write_prepared(tmp_path, "mnist", "3.0.11.incompleteABC123")
    (tmp_path / "mnist" / "4.0.0").mkdir()
    assert data.prepared("mnist", tmp_path) == newest
    assert data.prepared("kmnist", tmp_path) is None
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert data.prepared("mnist") == newest


def test_home_directory_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    own = write_prepared(tmp_path / "tensorflow_datasets", "mnist")
    assert data.prepared("mnist") == own
    other = write_prepared(tmp_path / "data", "mnist")
    assert data.prepared("mnist", "~/data") == other
    monkeypatch.setenv("TFDS_DATA_DIR", "~/data")
    assert data.prepared("mnist") == other


def test_missing_default_directory_counts_as_nothing_prepared(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nowhere"))
    assert data.prepared("mnist") is None
    assert versions.names() == []


def test_all_prepared_data_sets_are_listed(tmp_path):
    write_prepared(tmp_path, "mnist")
    write_prepared(tmp_path, "emnist/digits")
    (tmp_path / "downloads").mkdir()
    assert versions.names(tmp_path) == ["emnist/digits", "mnist"]


@pytest.mark.parametrize(
    ("shards", "damage"),
    [
        (["a-train.tfrecord-00000-of-00002", "a-train.tfrecord-00001-of-00002"], ""),
        (["a-train.tfrecord-00001-of-00002"], "a-train.tfrecord-00000-of-00002 is missing"),
        (["a-train.tfrecord-00000-of-99999"], "a-train.tfrecord-00001-of-99999 is missing"),
    ],
)
def test_half_copied_shards_are_seen(tmp_path, shards, damage):
    folder = write_prepared(tmp_path, "a", shards=shards)
    assert versions.visible_damage(folder) == damage
    assert data.prepared("a", tmp_path) == (None if damage else folder)
