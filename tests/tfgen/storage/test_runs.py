"""Run directories: never overwritten, and loaded only where they are whole."""

import json
import re
import shutil

import numpy as np
import pytest

import tfgen
from tfgen.storage import entries, loading, runs


def test_default_path_names_entry_and_time():
    path = runs.default_path("vae")
    assert path.parent.name == "runs"
    assert path.name.startswith("vae-2")


@pytest.mark.parametrize("make", ["directory", "file", "dangling link"])
def test_existing_path_is_never_overwritten(tmp_path, make):
    path = tmp_path / "run"
    if make == "directory":
        path.mkdir()
    elif make == "file":
        path.write_text("mine")
    else:
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"run' exists already; name another"):
        runs.check_new(path)
    with pytest.raises(ValueError, match=r"run' (exists already|cannot be made)"):
        runs.create(path, {})


def test_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "run"
    with pytest.raises(ValueError, match=r"file/run' cannot be made: Not a directory"):
        runs.create(runs.check_new(path), {})


def test_runs_that_begin_in_the_same_second_get_names_of_their_own(tmp_path):
    path = tmp_path / "vae-20261126-120000"
    made = [runs.create(path, {"seed": seed}, renamed=True) for seed in range(3)]
    assert [run.name.removeprefix(path.name) for run in made] == ["", "-2", "-3"]
    assert [json.loads((run / runs.CONFIG).read_text())["seed"] for run in made] == [0, 1, 2]
    assert sorted(tmp_path.iterdir()) == made


def test_a_run_is_trained_by_one_process_at_a_time(tmp_path):
    run = runs.create(tmp_path / "run", {})
    with runs.locked(run):
        for _ in range(2):
            with pytest.raises(ValueError, match=r"another process is training in '.*run'"), runs.locked(run):
                pass
    with runs.locked(run):
        pass


def test_history_is_read_back(tmp_path):
    rows = [{"epoch": 1, "loss": 1 / 3}, {"epoch": 2, "loss": 1e-30}]
    runs.write_history(tmp_path, rows)
    assert runs.read_history(tmp_path) == rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epoch,loss\n", "its lines have to be the epochs from 1 on, got 0 lines"),
        ("epoch\n1\n", "its columns have to be epoch and the names of numbers, got epoch"),
        ("loss,epoch\n1,2\n", "got loss, epoch"),
        ("epoch,loss,loss\n1,2,3\n", "got epoch, loss, loss"),
        ("epoch,loss\n1,2\n3,4\n", "its lines have to be the epochs from 1 on, got 2 lines"),
        ("epoch,loss\n1e999,2\n", "its lines have to be the epochs from 1 on, got 1 lines"),
        ("epoch,loss\n1\n", "shorter"),
        ("epoch,loss\n1,x\n", "'x'"),
        ("", "values"),
    ],
)
def test_a_damaged_history_is_refused_by_name(tmp_path, text, said):
    (tmp_path / runs.HISTORY).write_text(text)
    with pytest.raises(ValueError, match=f"history.csv' is damaged: .*{re.escape(said)}"):
        runs.read_history(tmp_path)


def test_loaded_model_is_the_trained_one(trained_run):
    model, again = tfgen.load(trained_run), tfgen.load(str(trained_run))
    assert isinstance(model, tfgen.Model)
    assert (model.entry, model.latent_dim) == ("vae", 2)
    images = model.sample(4, seed=0)
    np.testing.assert_array_equal(images, again.sample(4, seed=0))
    fresh = entries.build("vae", {"latent_dim": 2, "hidden_units": [32]})
    assert np.abs(images - fresh.sample(4, seed=0)).max() > 0.1


def test_entry_wins_over_a_folder_of_its_name(tmp_path, monkeypatch, trained_run):
    shutil.copytree(trained_run, tmp_path / "vae")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loading, "shipped_folder", lambda: tmp_path)
    with pytest.raises(ValueError, match="no weights ship for 'vae'"):
        tfgen.load("vae")
    assert tfgen.load("./vae").latent_dim == 2


def test_path_that_is_no_run_is_named_with_the_entries(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere' is neither an entry \(vae.*\) nor a run directory"):
        tfgen.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"'vea' is neither an entry \(vae"):
        tfgen.load("vea")
    with pytest.raises(ValueError, match=r"is not a run directory: it has no config\.json"):
        tfgen.load(tmp_path)


def changed(config, **entries):
    return json.dumps(config | entries)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda config: "{", ["config.json' is damaged: "]),
        (lambda config: "[]", ["config.json' is damaged: "]),
        (lambda config: "{}", ["config.json' is damaged: entry: Field required"]),
        (lambda config: changed(config, entry="glow"), ["run of glow, which is not a model of the zoo", "register"]),
        (lambda config: changed(config, hyperparameters={"depth": 3}), ["'depth'", "latent_dim"]),
        (lambda config: changed(config, hyperparameters={"latent_dim": 0}), ["latent_dim", "at least 1", "0"]),
        (lambda config: changed(config, hyperparameters={"latent_dim": 5}), ["model.weights.h5", "does not hold"]),
        (lambda config: changed(config, entry=5), ["config.json' is damaged: entry: ", "string, got 5"]),
        (lambda config: changed(config, seed=-1), ["config.json' is damaged: seed: ", "got -1"]),
        (lambda config: changed(config, recipe={"epochs": 1.5}), ["config.json' is damaged: recipe.epochs: "]),
        (lambda config: changed(config, colour="red"), ["config.json' is damaged: colour: ", "got 'red'"]),
        (lambda config: changed(config, hyperparameters={"latent_dim": 10**15}), ["this vae has 1,", "is free"]),
        (
            lambda config: changed(config, hyperparameters={"latent_dim": "5"}),
            ["run of a vae that cannot be built", "'5'"],
        ),
    ],
)
def test_run_that_was_tampered_with_is_refused(trained_run, tmp_path, content, words):
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    config = json.loads((run / runs.CONFIG).read_text())
    (run / runs.CONFIG).write_text(content(config))
    with pytest.raises(ValueError, match=words[0]) as caught:
        tfgen.load(run)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_run_without_weights_is_refused(trained_run, tmp_path):
    (tmp_path / runs.CONFIG).write_text((trained_run / runs.CONFIG).read_text())
    with pytest.raises(ValueError, match=r"no weights at .*model\.weights\.h5"):
        tfgen.load(tmp_path)


def test_entries_are_named():
    assert "vae" in tfgen.entries()
    with pytest.raises(ValueError, match="unknown entry 'vea'; the zoo has vae"):
        entries.module("vea")
