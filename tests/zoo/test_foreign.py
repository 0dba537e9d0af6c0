"""A model of somebody's own package on the command line: like the zoo's once `--register` names it, refused before."""

import json
import sys

import pytest

import tfgen
from tfgen.storage import entries, runs, weights
from zoo import evaluate, figures, sample

MODULE = '''
"""A model like the VAE, of another package."""

from zoo.models import vae

STEPS, BATCH_SIZE, LEARNING_RATE = 1, 100, 1e-3


class Mine(vae.VAE):
    """The VAE under another name."""

    entry = "mine"


build = Mine
'''
LOSS = """entry = "mine"

    def training_loss(self, batch, seed, step):
        noise = self.noise(batch, seed)
        return {}
"""
REGISTER = ("--register", "guest_package.mine")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The folder of a package on the path of Python, which is forgotten afterwards, as is what was registered."""
    folder = tmp_path / "path" / "guest_package"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "mine.py").write_text(MODULE)
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.setattr(entries, "_registered", {})
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "guest_package"]:
        del sys.modules[name]


def test_it_is_trained_evaluated_and_sampled_once_it_is_registered(
    call, command, no_xla, no_figures, package, tmp_path
):
    run = tmp_path / "run"
    options = ("--dataset", "digits", "--hidden-units", "8", "--latent-dim", "2")
    assert command("mine", *options, "--run-dir", run)[0] == 2  # not registered
    code, output, error = command(*REGISTER, "mine", *options, "--run-dir", run)
    assert (code, error) == (0, "")
    assert "mine: " in output
    assert f"In Python: tfgen.register('guest_package.mine'); tfgen.load({str(run)!r})" in output
    config = json.loads((run / runs.CONFIG).read_text())
    assert (config["entry"], config["module"]) == ("mine", "guest_package.mine")

    picture = tmp_path / "out.png"
    commands = {
        evaluate.main: ("--images", "20", "--k", "2"),
        sample.main: ("--n", "2", "--seed", "0", "--out", picture),
    }
    for main, arguments in commands.items():
        entries._registered.clear()  # as in a new process
        code, output, error = call(main, run, *arguments)
        (line,) = error.splitlines()
        assert (code, output) == (2, "")
        assert line.startswith("error: ")
        assert "which is not a model of the zoo" in line
        assert "--register guest_package.mine" in line
        assert not entries._registered
        code, output, error = call(main, run, *arguments, "--register=guest_package.mine")
        assert (code, error) == (0, "")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert (run / "metrics-first-20.json").is_file()


@pytest.mark.parametrize(
    ("left", "missing"),
    [
        ("build = print\nSTEPS = 1\n", "BATCH_SIZE, LEARNING_RATE"),
        (MODULE.replace("build = Mine", ""), "build"),
        (MODULE.replace("STEPS, BATCH_SIZE, LEARNING_RATE = 1, 100, 1e-3", ""), "STEPS, BATCH_SIZE, LEARNING_RATE"),
    ],
    ids=["no recipe", "no build", "no constants"],
)
def test_what_its_module_lacks_is_named(command, package, tmp_path, left, missing):
    (package / "half.py").write_text(left)
    code, output, error = command("half", "--register", "guest_package.half", "--run-dir", tmp_path / "run")
    (line,) = error.splitlines()
    assert (code, output) == (2, "")
    assert line == f"error: guest_package.half is not an entry: it does not define {missing} (docs/new-model.md)"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mine", "--register"), "--register needs the name of a module"),
        (("mine", "--register", "guest_package.nowhere"), "'guest_package.nowhere' cannot be imported"),
        (("mine",), "; --register my_pkg.name adds a model of your own"),
    ],
)
def test_a_module_that_is_not_there_is_named(command, package, arguments, words):
    code, _, error = command(*arguments)
    (line,) = error.splitlines()
    assert code == 2
    assert line.startswith("error: ")
    assert words in line


OPTIONS = ("--dataset", "digits", "--hidden-units", "8", "--epochs", "1")
OWN_OPTIMISER = """entry = "mine"

    def compile_recipe(self, *, learning_rate, steps):
        self.warmup_steps = 0
        self.compile(optimizer="sgd")
"""


def test_an_average_that_its_optimiser_does_not_keep_is_refused(command, package, tmp_path):
    (package / "mine.py").write_text(MODULE.replace('entry = "mine"\n', OWN_OPTIMISER))
    run = tmp_path / "run"
    code, output, error = command("mine", *OPTIONS, *REGISTER, "--ema", "0.9", "--run-dir", run)
    assert (code, output, run.exists()) == (2, "", False)
    words = "its compile_recipe makes an optimiser of its own, and not by self.adam"
    assert error == f"error: ema 0.9 would do nothing for mine: {words}\n"


def test_a_failing_figure_is_a_note_and_all_else_is_there(call, package, tmp_path):
    (package / "mine.py").write_text(MODULE + "\n\ndef draw(model, dataset):\n    return {}[dataset.name]\n")
    tfgen.register(REGISTER[1])
    hyperparameters = {"hidden_units": (8,), "latent_dim": 2}
    config = {"entry": "mine", "module": REGISTER[1], "hyperparameters": hyperparameters, "dataset": "digits"}
    run = runs.create(tmp_path / "run", config | {"seed": 0, "versions": {}})
    weights.save(entries.build("mine", hyperparameters), run / runs.WEIGHTS)
    code, output, error = call(figures.main, run)
    assert (code, error) == (0, "")
    (note,) = [line for line in output.splitlines() if line.startswith("note: ")]
    assert note.startswith("note: guest_package.mine.draw failed and its figures are left out: KeyError: 'digits' (")
    assert note.endswith("mine.py, line 19)")
    assert (run / runs.FIGURES / "samples.png").is_file()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('entry = "mine"', 'entry = "mine"\n    monitor = "val_loss"', ["mine.monitor is 'val_loss'", "val_neg_elbo"]),
        ("build = Mine", "def build(*, seed: int = 0): ...", ["mine has a hyperparameter seed", "option"]),
        ('entry = "mine"', LOSS.format('{"total": noise[:, 0]}'), ["'loss', returns 'total'"]),
        (
            'entry = "mine"',
            LOSS.format('{"loss": noise[:, 0], "mmd": noise[0, 0]}'),
            ["'mmd' as [B]", "its shape is ()"],
        ),
    ],
)
def test_what_only_a_training_meets_is_named(command, no_xla, package, tmp_path, old, new, words):
    (package / "mine.py").write_text(MODULE.replace(old, new))
    options = () if "seed:" in new else OPTIONS
    code, _, error = command(*REGISTER, "mine", *options, "--run-dir", tmp_path / "run")
    (line,) = [line for line in error.splitlines() if not line.startswith("warning: ")]
    assert code == 2
    assert line.startswith("error: ")
    assert all(word in line for word in words), line
