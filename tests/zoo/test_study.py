"""`python -m zoo.study latent`: each point is a run, finished ones are kept, all are in the table and the picture."""

import json

import matplotlib.image
import pytest

from tfgen.training import loop
from zoo import commands, study

OPTIONS = ("latent", "--dataset", "digits", "--epochs", "1")


@pytest.fixture
def short(monkeypatch):
    """Three small trainings without pictures."""
    monkeypatch.setattr(study, "SIZES", {("vae", "normal"): (2,), ("vae", "flow"): (2,), ("cvae", "normal"): (35,)})
    monkeypatch.setattr(study, "HIDDEN_UNITS", {"vae": (8,), "cvae": (8,)})
    monkeypatch.setattr(loop, "uses_xla", lambda model: False)  # whose compilation takes longer than the training
    monkeypatch.setattr(commands, "draw", lambda *arguments: [])


@pytest.mark.slow
@pytest.mark.ci
def test_a_study_is_written_and_goes_on_where_it_stopped(short, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "study"
    study.main([*OPTIONS, "--run-dir", str(folder)])
    said, points = capsys.readouterr().out, json.loads((folder / "study.json").read_text())["points"]
    assert [(point["entry"], point["prior"], point["latent_dim"]) for point in points] == [
        ("vae", "normal", 2),
        ("vae", "flow", 2),
        ("cvae", "normal", 35),
    ]
    for name, point in zip(("vae-2", "vae-2-flow", "cvae-35"), points, strict=True):
        metrics = json.loads((folder / name / "metrics.json").read_text())
        assert point["test_neg_elbo"] == metrics["test_neg_elbo"]
        assert point["protocol"] == "digits-dynamic"
        row = f"| {point['test_neg_elbo']:.2f} | {point['test_rate']:.2f} + {point['test_distortion']:.2f} |"
        assert row in (folder / "study.md").read_text()
        assert row in said
    assert matplotlib.image.imread(folder / "study.png")[..., :3].std() > 0.01

    (folder / "cvae-35" / "metrics.json").unlink()
    study.main([*OPTIONS, "--run-dir", str(folder)])
    said, again = capsys.readouterr().out, json.loads((folder / "study.json").read_text())["points"]
    assert f"{folder / 'vae-2'} is finished" in said
    assert "resumed after epoch 1" in said
    assert again[:2] == points[:2]
    assert again[2]["test_neg_elbo"] == points[2]["test_neg_elbo"]

    for options, message in (
        (["--epochs", "2"], "--epochs is 1 in this run, got 2"),
        ([], "--epochs is 1 in this run, got 80"),
        (["--epochs", "1", "--seed", "1"], "--seed is 0 in this run, got 1"),
    ):
        with pytest.raises(SystemExit) as stop:
            study.main([*OPTIONS[:3], *options, "--run-dir", str(folder)])
        assert stop.value.code == 2
        assert message in capsys.readouterr().err

    with monkeypatch.context() as patch:  # a run with other layers is no point of the study
        patch.setitem(study.HIDDEN_UNITS, "cvae", (9,))
        with pytest.raises(SystemExit) as stop:
            study.main([*OPTIONS, "--run-dir", str(folder)])
    assert stop.value.code == 2
    assert "--hidden-units is 8 in this run, got 9" in capsys.readouterr().err

    (folder / "vae-2" / "metrics.json").write_text("{")
    with pytest.raises(SystemExit) as stop:
        study.main([*OPTIONS, "--run-dir", str(folder)])
    assert stop.value.code == 2
    assert "metrics.json' is damaged: Invalid JSON: " in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["width"], ["latent", "--sizes", "3"]])
def test_wrong_arguments_are_named(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        study.main(arguments)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
