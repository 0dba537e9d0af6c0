"""`python -m zoo.apply features`: what it writes, and what it refuses in one line."""

import json

import numpy as np
import pytest

from zoo import apply


def test_features_of_a_run_beside_baselines(call, trained_run, tmp_path):
    to = tmp_path / "out"
    code, output, error = call(apply.main, "features", trained_run, "--images", "60", "--labelled", "200", "--to", to)
    assert (code, error) == (0, "")
    found = json.loads((to / "features.json").read_text())
    rows = {row["name"]: row for row in found["rows"]}
    assert set(rows) == {"codes", "pixels", "same-size PCA", "random network"}
    assert [row["kind"] for row in rows.values()] == ["model", "baseline", "baseline", "baseline"]
    for row in rows.values():
        assert 0 < row["linear"] < 90
        assert 0 <= row["clusters"] <= 1
        assert "C " in row["setting"]
    assert found["conditions"]["labelled"] == "200"
    assert "same-size PCA (baseline)" in output
    assert (to / "features.png").stat().st_size > 1000


@pytest.fixture
def unlabelled(tmp_path):
    """A data set without classes, in a file."""
    images = np.random.default_rng(0).integers(0, 256, (200, 28, 28, 1), np.uint8)
    np.savez(tmp_path / "unlabelled.npz", images=images)
    return tmp_path / "unlabelled.npz"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("features", "dcgan"), "features asks a model for encode, which vae, "),
        (("features", "RUN", "--labelled", "3"), "labelled must be at least 20, got 3"),
        (("features", "RUN", "--labelled", "99999"), "labelled must lie in 20.."),
        (("features", "RUN", "--images", "9"), "images must lie in 20.."),
        (("features", "RUN", "--dataset", "FILE"), "features needs the class of each image, and unlabelled has none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line(call, trained_run, unlabelled, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    places = {"RUN": trained_run, "FILE": unlabelled}
    code, output, error = call(apply.main, *(places.get(word, word) for word in arguments))
    assert (code, output, len(error.splitlines())) == (2, "", 1)
    assert words in error
    assert [path.name for path in tmp_path.iterdir()] == ["unlabelled.npz"]
