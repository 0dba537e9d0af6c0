"""`python -m zoo.sample`: a row per class, the classes in turn, or the class that was asked for."""

import functools

import matplotlib.image
import numpy as np
import pytest

import tfgen
from tfgen import figures
from tfgen.inputs import DIGITS
from tfgen.storage import entries, runs, weights
from zoo import sample

NAMES = ("cat", "dog", "fish")
CONDITIONAL = [entry for entry in tfgen.entries() if entries.module(entry).build.conditional]


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    """A function that writes a run of a conditional entry with these classes, as training leaves it behind."""

    @functools.cache
    def write(classes):
        entry = CONDITIONAL[0]
        hyperparameters = entries.module(entry).SMALL | {"classes": classes}
        run = tmp_path_factory.mktemp("runs") / "run"
        config = {"entry": entry, "hyperparameters": hyperparameters, "dataset": "digits", "seed": 0, "versions": {}}
        runs.create(run, config)
        weights.save(entries.build(entry, hyperparameters), run / runs.WEIGHTS)
        return run

    return write


@pytest.fixture(scope="module")
def model_of(run_of):
    """A function from classes to the model of their run."""
    return functools.cache(lambda classes: tfgen.load(run_of(classes)))


@pytest.fixture
def drawn(monkeypatch):
    """What the command puts into its grid: (images, columns, names of the rows) of each picture."""
    pictures, grid = [], figures.grid

    def noted(images, columns, *arguments, row_labels=(), **options):
        pictures.append((np.asarray(images), columns, tuple(row_labels)))
        return grid(images, columns, *arguments, row_labels=row_labels, **options)

    monkeypatch.setattr(figures, "grid", noted)
    return pictures


@pytest.mark.parametrize(
    ("classes", "options", "labels"),
    [
        (NAMES, (), np.repeat([0, 1, 2], 10)),
        (NAMES, ("--n", "10"), [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]),
        (NAMES, ("--n", "2", "--label", "dog"), [1, 1]),
        (NAMES, ("--label", "2"), np.repeat(2, 64)),
        (NAMES, ("--label", "fish", "cat"), [2, 0]),
        (DIGITS, (), np.repeat(range(10), 10)),
        (DIGITS, ("--n", "3", "--digit", "7"), [7, 7, 7]),
        (DIGITS, ("--digit", "3", "1"), [3, 1]),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_images_are_those_of_the_classes_asked_for(call, run_of, model_of, drawn, tmp_path, classes, options, labels):
    run, out = run_of(classes), tmp_path / "out.png"
    code, output, error = call(sample.main, run, *options, "--seed", "4", "--out", out)
    assert (code, error) == (0, "")
    assert f"{len(labels)} samples" in output
    assert matplotlib.image.imread(out)[..., :3].std() > 0.01
    ((images, columns, rows),) = drawn
    expected = model_of(classes).sample(len(labels), label=np.asarray(labels), seed=4)
    np.testing.assert_allclose(images, expected, atol=1e-6)
    assert (columns, rows) == (10, classes) if not options else rows == ()


@pytest.mark.parametrize(
    ("classes", "options", "words"),
    [
        (NAMES, ("--label", "bird"), "label must be an int in 0..2 or one of 'cat', 'dog', 'fish'; got 'bird'"),
        (NAMES, ("--label", "3"), "one of 'cat', 'dog', 'fish'; got 3"),
        (NAMES, ("--digit", "1"), "not digits; use label=, one of cat, dog, fish"),
        (NAMES, ("--n", "3", "--label", "cat", "dog"), "got shape [2]"),
        (DIGITS, ("--digit", "10"), "0..9; got 10"),
        (DIGITS, ("--digit", "1", "--label", "1"), "label and digit are the same argument"),
        (DIGITS, ("--n", "0"), "n must be at least 1 to draw a picture, got 0"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_class_that_there_is_not_is_named_with_those_there_are(call, run_of, tmp_path, classes, options, words):
    out = tmp_path / "out.png"
    code, output, error = call(sample.main, run_of(classes), *options, "--out", out)
    (line,) = error.splitlines()
    assert (code, output) == (2, "")
    assert line.startswith("error: ")
    assert words in line
    assert not out.exists()


def test_a_model_without_classes_takes_no_label(call, trained_run, tmp_path):
    code, _, error = call(sample.main, trained_run, "--label", "1", "--out", tmp_path / "out.png")
    assert (code, len(error.splitlines())) == (2, 1)
    assert "takes no label, got 1" in error
