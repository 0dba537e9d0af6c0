"""Entries of other packages: found once registered, refused with the reason, and never imported for a file."""

import json
import shutil
import sys

import numpy as np
import pytest

import tfgen
from tfgen.storage import entries, requirements, runs

ENTRY = """
from zoo.models import vae

STEPS, BATCH_SIZE, LEARNING_RATE = 1, 100, 1e-3


class Mine(vae.VAE):
    entry = "mine"


build = Mine
"""

FAILING = """

def build(*, depth: int = 1):
    return {}["x"]
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
    module = requirements.check_module(entries.module(entry), entry)
    assert entries.module_name(entry) == module.__name__ == f"zoo.models.{entry}"
    assert "image_shape" in entries.defaults(entry)


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
    with pytest.raises(ValueError, match=r"my_pkg\.half is not an entry: it does not define BATCH_SIZE, LEARNING_RATE"):
        tfgen.register("my_pkg.half")
    assert "half" not in entries.known()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('entry = "mine"', "pass", "Mine.entry is 'vae', must be 'mine'"),
        ('entry = "mine"', 'entry = "yours"', "Mine.entry is 'yours', must be 'mine'"),
        ("build = Mine", "build = 3", "build must be a class or a function, is 3"),
        ("build = Mine", "build = dict", "build makes a dict, which is no tfgen.models.Model"),
        ("build = Mine", "build = max", "build must be a class or a function, is <built-in function max>"),
        ("build = Mine", "from keras import Model as build", "build makes a Model, which is no tfgen.models.Model"),
        ("build = Mine", "def build(*, latent_dim): ...", "latent_dim of build needs a default"),
        ("build = Mine", "def build(*, latent_dim=2): ...", "latent_dim of build needs a type"),
        ("build = Mine", "def build(**options): ...", "build must name its hyperparameters, has **options"),
        ("= 1, 100, 1e-3", "= 1.5, 100, 1e-3", "STEPS must be an int of at least 1, is 1.5"),
        ("= 1, 100, 1e-3", "= 1, 0, 1e-3", "BATCH_SIZE must be an int of at least 1, is 0"),
        ("= 1, 100, 1e-3", "= 1, 100, '1e-3'", "LEARNING_RATE must be a number above 0, is '1e-3'"),
        ("Mine(vae.VAE)", "Mine(Model, Variational)", "Mine must name Variational before Model"),
        ("Mine(vae.VAE)", "Mine(Variational, Model)", "Mine does not define elbo_terms, which Variational needs"),
        ("Mine(vae.VAE)", "Mine(Autoencoding, Model)", "Mine does not define posterior, which Autoencoding needs"),
        ("Mine(vae.VAE)", "Mine(Model)", "Mine does not define likelihood or image_mean, which Model needs"),
        ('entry = "mine"', 'entry = "mine"\n    likelihood = None', "likelihood"),
    ],
)
def test_what_is_wrong_with_a_module_is_said_when_it_is_registered(package, old, new, words):
    source = ENTRY.replace("from zoo.models import vae", f"from tfgen.models import *\n{ENTRY.splitlines()[1]}")
    assert old in source
    (package / "mine.py").write_text(source.replace(old, new))
    with pytest.raises(ValueError, match=r"^my_pkg\.mine is not an entry: .*\(docs/new-model\.md\)$") as caught:
        tfgen.register("my_pkg.mine")
    assert words in str(caught.value)
    assert "mine" not in entries.known()


@pytest.mark.parametrize(
    ("source", "words"),
    [("build = (", "SyntaxError"), ("1 / 0", "ZeroDivisionError: division by zero"), ("raise SystemError", "line 1")],
)
def test_a_module_that_raises_is_named_with_the_line(package, source, words):
    (package / "mine.py").write_text(source)
    with pytest.raises(ValueError, match=r"^'my_pkg\.mine' cannot be imported: ") as caught:
        tfgen.register("my_pkg.mine")
    assert words in str(caught.value)
    assert "mine.py, line 1" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        (5, TypeError, "got 5"),
        ("", ValueError, "got ''"),
        ("my_pkg/mine.py", ValueError, "did you mean 'my_pkg.mine'?"),
        ("my_pkg.mine.", ValueError, "got 'my_pkg.mine.'"),
    ],
)
def test_what_is_no_name_of_a_module_is_refused(package, name, kind, words):
    with pytest.raises(kind, match="register takes the name of a module") as caught:
        tfgen.register(name)
    assert words in str(caught.value)


def test_a_model_that_cannot_be_built_is_one_error_with_the_place(package):
    constructor = "    def __init__(self, *, depth: int = 1): self.depth = depth"
    source = ENTRY.replace('entry = "mine"', f'entry = "mine"\n{constructor}')
    (package / "mine.py").write_text(source)
    tfgen.register("my_pkg.mine")
    with pytest.raises(ValueError, match=r"the constructor of Mine must call super\(\).__init__ first"):
        entries.build("mine", {})
    (package / "failing.py").write_text(ENTRY.replace("mine", "failing") + FAILING)
    tfgen.register("my_pkg.failing")
    with pytest.raises(ValueError, match=r"my_pkg\.failing builds no model: KeyError: 'x' \(.*failing\.py, line 15\)"):
        entries.build("failing", {})
    (package / "other.py").write_text(ENTRY.replace("build = Mine", "def build():\n    return 3"))
    tfgen.register("my_pkg.other")
    with pytest.raises(ValueError, match="build makes a int, which is no tfgen"):
        entries.build("other", {})


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
    with pytest.raises(ValueError, match="is a run of mine, which is not a model of the zoo") as caught:
        tfgen.load(foreign_run)
    assert "tfgen.register('my_pkg.mine') or --register my_pkg.mine" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not [name for name in sys.modules if name.partition(".")[0] == "my_pkg"]


def test_a_run_of_a_registered_model_is_loaded(package, foreign_run, trained_run):
    tfgen.register("my_pkg.mine")
    model = tfgen.load(foreign_run)
    assert type(model).__module__ == "my_pkg.mine"
    np.testing.assert_array_equal(model.sample(2, seed=0), tfgen.load(trained_run).sample(2, seed=0))
