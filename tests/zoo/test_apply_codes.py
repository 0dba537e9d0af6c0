"""`python -m zoo.apply features`, `hash` and `arithmetic`: what they write, and what they refuse in one line."""

import json

import numpy as np
import pytest
from PIL import Image

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


@pytest.mark.parametrize("method", ["encoded", "drawn"])
def test_a_sum_of_codes_is_measured_beside_one_of_pixels(call, trained_run, tmp_path, method):
    to = tmp_path / "out"
    options = ("--images", "20", "--add", "heavy", "wide", "--method", method, "--to", to)
    code, output, error = call(apply.main, "arithmetic", trained_run, *options)
    assert (code, error) == (0, "")
    found = json.loads((to / "arithmetic.json").read_text())
    rows = {row["name"]: row for row in found["rows"]}
    assert list(rows) == ["as they were", "+ heavy", "+ wide", "+ heavy + wide", "+ heavy + wide on pixels"]
    assert list(found["metrics"])[:3] == ["ink", "width", "came_out"]
    assert rows["+ heavy"]["ink"] > rows["as they were"]["ink"]
    assert rows["+ wide"]["width"] > rows["as they were"]["width"]
    assert rows["+ heavy + wide on pixels"]["kind"] == "baseline"
    assert f"heavy and wide added to {method} codes" in output
    assert (to / "arithmetic.png").stat().st_size > 1000


def test_bits_of_a_run_beside_baselines(call, trained_run, tmp_path):
    to = tmp_path / "out"
    code, output, error = call(apply.main, "hash", trained_run, "--images", "40", "--bits", "8", "--to", to)
    assert (code, error) == (0, "")
    found = json.loads((to / "hash.json").read_text())
    kinds = {row["name"]: row["kind"] for row in found["rows"]}
    assert list(kinds)[:4] == ["codes, medians", "codes, ITQ", "pixels, ITQ", "pixels, LSH"]
    assert list(kinds.values()).count("model") == 2
    assert [row["setting"] for row in found["rows"]].count("this one") == 1
    for row in found["rows"]:
        assert 0.1 < row["map"] < 1
        assert 0.1 < row["precision"] < 1
    assert "8 bits" in output
    assert (to / "hash.png").stat().st_size > 1000


def test_a_picture_finds_itself_in_a_folder(call, trained_run, tmp_path, digits):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for row, image in enumerate(digits.test.images[:12]):
        Image.fromarray(image[..., 0]).save(folder / f"digit{row:02}.png")
    options = ("--dataset", folder, "--query", folder / "digit07.png", "--top", "3", "--to", tmp_path / "out")
    code, output, error = call(apply.main, "hash", trained_run, *options)
    assert (code, error) == (0, "")
    found = json.loads((tmp_path / "out" / "hash.json").read_text())
    assert (found["rows"][0]["name"], found["rows"][0]["distance"]) == ("digit07.png", 0)
    assert len(found["rows"]) == 3
    assert len(found["ranking"]) == 12
    assert "digit07.png" in output


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
        (("hash", "dcgan"), "hash asks a model for encode, which vae, "),
        (("hash", "RUN", "--bits", "0"), "bits must be at least 1, got 0"),
        (("hash", "RUN", "--bits", "8", "999"), "bits must be at most 256, got 999"),
        (("hash", "RUN", "--dataset", "FILE"), "hash measures by the class of each image, and unlabelled has none"),
        (("hash", "RUN", "--query", "FILE"), "unlabelled.npz' is no picture"),
        (("hash", "RUN", "--query", "none.png"), "query 'none.png' cannot be read"),
        (("arithmetic", "RUN", "--add", "bold"), "add must be one of thin, thick, "),
        (("arithmetic", "RUN", "--add", "thin", "thick"), "add takes one word about thickness, got thin and thick"),
        (("arithmetic", "RUN", "--add", "red"), "red is asked for, and the images of the model are grey"),
        (("arithmetic", "RUN", "--strength", "0"), "strength must be above 0, got 0"),
        (("arithmetic", "RUN", "--images", "5"), "images must lie in 20.."),
        (("arithmetic", "RUN", "--method", "drawn", "--images", "5"), "images must be at least 20, got 5"),
        (("arithmetic", "RUN", "--method", "drawn", "--dataset", "FILE"), "and need no dataset, got"),
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
