"""Entries of other packages: found once registered, refused with the reason, and never imported for a file."""

import json
import shutil
import sys

import numpy as np
import pytest

import tfgen
from tfgen.storage import entries, runs

ENTRY = """
from zoo.models import vae

STEPS, BATCH_SIZE, LEARNING_RATE = 1, 100, 1e-3


class Mine(vae.VAE):
    entry = "mine"


build = Mine
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder on the path of Python, whose modules are forgotten afterwards, as is what is registered."""
    folder = tmp_path / "path"
    (folder / "my_pkg").mkdir(parents=True)
    (folder / "my_pkg" / "__init__.py").touch()
    (folder / "my_pkg" / "mine.py").write_text(ENTRY)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(entries, "_registered", {})
    yield folder / "my_pkg"
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_pkg"]:
        del sys.modules[name]


def test_entries_are_named():
    assert tfgen.entries() == entries.entries()
    assert "vae" in entries.known()
    with pytest.raises(ValueError, match="unknown entry 'vea'; the zoo has vae"):
        entries.module("vea")


@pytest.mark.parametrize("entry", entries.entries())
def test_every_entry_of_the_zoo_has_what_it_must(entry):
    module = entries.check(entries.module(entry))
    assert entries.module_name(entry) == module.__name__ == f"zoo.models.{entry}"
    assert {"latent_dim", "image_shape"} <= set(entries.defaults(entry))


def test_a_registered_model_is_an_entry(package):
    with pytest.raises(ValueError, match="unknown entry 'mine'"):
        entries.module("mine")
    assert tfgen.register("my_pkg.mine") == "mine"
    assert tfgen.register("my_pkg.mine") == "mine"  # again is no other
    assert entries.known() == (*entries.entries(), "mine")
    assert entries.module_name("mine") == "my_pkg.mine"
    assert entries.build("mine", {"latent_dim": 2, "hidden_units": (4,)}).entry == "mine"


def test_what_a_module_lacks_is_named(package):
    (package / "half.py").write_text("STEPS = 1\nbuild = print\n")
    with pytest.raises(ValueError, match=r"my_pkg\.half is no entry: it does not define BATCH_SIZE, LEARNING_RATE"):
        tfgen.register("my_pkg.half")
    assert "half" not in entries.known()


def test_a_module_that_cannot_be_imported_is_named(package):
    with pytest.raises(ValueError, match=r"'my_pkg\.nowhere' cannot be imported: No module named"):
        tfgen.register("my_pkg.nowhere")
    (package / "broken.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(ValueError, match=r"'my_pkg\.broken' cannot be imported: No module named 'nothing_of"):
        tfgen.register("my_pkg.broken")


def test_a_name_that_is_taken_is_refused(package):
    (package / "vae.py").write_text(ENTRY)
    with pytest.raises(ValueError, match="the zoo has a model 'vae' of its own"):
        tfgen.register("my_pkg.vae")
    tfgen.register("my_pkg.mine")
    (package / "other").mkdir()
    (package / "other" / "mine.py").write_text(ENTRY)
    with pytest.raises(ValueError, match=r"'my_pkg\.other\.mine' cannot be registered: 'mine' is my_pkg\.mine already"):
        tfgen.register("my_pkg.other.mine")


@pytest.mark.parametrize(
    ("hyperparameters", "words"),
    [({"depth": 3}, ["vae has no hyperparameter 'depth'", "latent_dim"]), ({"latent_dim": 0}, ["latent_dim", "0"])],
)
def test_wrong_hyperparameters_are_named(hyperparameters, words):
    with pytest.raises(ValueError, match=words[0]) as caught:
        entries.build("vae", hyperparameters)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.fixture
def foreign_run(trained_run, tmp_path):
    """A run that says it is of a model of another package."""
    run = shutil.copytree(trained_run, tmp_path / "run")
    config = json.loads((run / runs.CONFIG).read_text())
    (run / runs.CONFIG).write_text(json.dumps(config | {"entry": "mine", "module": "my_pkg.mine"}))
    return run


def test_a_run_of_a_model_that_is_not_registered_says_how_and_imports_nothing(package, foreign_run):
    with pytest.raises(ValueError, match="is a run of mine, which is no model of the zoo") as caught:
        tfgen.load(foreign_run)
    assert "tfgen.register('my_pkg.mine') or --register my_pkg.mine" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not [name for name in sys.modules if name.partition(".")[0] == "my_pkg"]


def test_a_run_of_a_registered_model_is_loaded(package, foreign_run, trained_run):
    tfgen.register("my_pkg.mine")
    model = tfgen.load(foreign_run)
    assert type(model).__module__ == "my_pkg.mine"
    np.testing.assert_array_equal(model.sample(2, seed=0), tfgen.load(trained_run).sample(2, seed=0))
