"""What the tests share: data in memory, a machine without data or network, small models and two trained runs."""

import gc
import os

import pytest
from filelock import FileLock
from xdist import is_xdist_controller

SMALL_RUN = ("--dataset", "digits", "--epochs", "2", "--batch-size", "100", "--hidden-units", "32", "--latent-dim", "2")


def pytest_sessionstart(session):
    """Imports TensorFlow, quietly, where tests run: the process that only hands them out does without."""
    if not is_xdist_controller(session):
        from tfgen import quiet

        brief = session.config.option.markexpr == "not slow"
        if brief:  # there is a process a core: more threads would only wait for one another
            os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
        quiet.import_tensorflow()
        gc.freeze()  # its modules are no garbage: the collector need not look at them again and again


def pytest_collection_modifyitems(config, items):
    """Where CI runs its slow tests, they go through the entries whose weights ship: that is what it has time for."""
    if config.option.markexpr != "slow and ci":
        return
    from tfgen.storage import entries, loading

    others = {entry for entry in entries.entries() if not loading.is_shipped(entry)}

    def is_of_another(item) -> bool:
        values = item.callspec.params.values() if hasattr(item, "callspec") else ()
        return any(isinstance(value, str) and value.partition(" ")[0] in others for value in values)

    left = [item for item in items if is_of_another(item)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if not is_of_another(item)]


@pytest.fixture(scope="session", autouse=True)
def uses_xla():
    """The function that says which models XLA compiles, as it is before a test replaces it."""
    from tfgen.training import loop

    return loop.uses_xla


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A folder that all processes of a parallel test session share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def made_once(shared):
    """A function that makes a folder by `make(folder)` in whichever process asks for its name first."""

    def get(name: str, make):
        folder = shared / name
        with FileLock(shared / f"{name}.lock"):
            if not folder.exists():
                make(shared / f"{name}-unfinished")
                (shared / f"{name}-unfinished").rename(folder)
        return folder

    return get


@pytest.fixture(scope="session")
def digits():
    """The embedded digits: the data set that is always there."""
    from tfgen import data

    return data.load("digits")


@pytest.fixture(scope="session")
def mnist():
    """The real MNIST, for tests that are about it."""
    from tfgen import data

    if data.prepared("mnist") is None:
        pytest.skip("MNIST is not prepared; set TFDS_DATA_DIR to a directory that holds it")
    return data.load("mnist")


@pytest.fixture
def no_network(monkeypatch):
    """No host answers."""

    def refuse(*arguments, **options):
        raise OSError("the network is unreachable")

    monkeypatch.setattr("socket.create_connection", refuse)


@pytest.fixture
def nothing_prepared(monkeypatch, tmp_path, no_network):
    """An empty TFDS directory on a machine without a network."""
    directory = tmp_path / "tfds"
    directory.mkdir()
    monkeypatch.setenv("TFDS_DATA_DIR", str(directory))
    return directory


@pytest.fixture
def no_xla(monkeypatch):
    """Training steps are not compiled by XLA, which would take longer than a small training."""
    monkeypatch.setattr("tfgen.training.loop.uses_xla", lambda model: False)


@pytest.fixture
def no_figures(monkeypatch):
    """Commands draw no figures, which are the longer part of a small training."""
    monkeypatch.setattr("zoo.commands.draw", lambda *arguments: [])
    monkeypatch.setattr("zoo.commands.training_figures", lambda *arguments: {})


@pytest.fixture(scope="session")
def no_steps():
    """What stands in for `loop.fit` where a command may as well measure a model's first weights as trained ones."""

    def fit(*arguments, callbacks, **options):
        callbacks[0].speeds.append(1.0)

    return fit


@pytest.fixture
def untrained(monkeypatch, no_steps):
    """Trainings by the command make no steps, and measure the first weights."""
    monkeypatch.setattr("tfgen.training.loop.fit", no_steps)


@pytest.fixture
def begun(monkeypatch):
    """Trainings by the command end before their first step, with exit code 9; the models that they were to train."""
    models = []

    def stop(model, *arguments):
        models.append(model)
        raise SystemExit(9)

    monkeypatch.setattr("zoo.train._fit", stop)
    return models


@pytest.fixture(scope="session")
def small_vae():
    """A function that builds a VAE small enough for a test, the same weights each time."""
    import keras

    from zoo.models import vae

    def build(**hyperparameters):
        keras.utils.set_random_seed(0)
        return vae.build(**({"latent_dim": 3, "hidden_units": (32,)} | hyperparameters))

    return build


def train_small(run, uses_xla) -> None:
    """Trains a small VAE on the embedded digits through the command line."""
    from zoo import train

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfgen.training.loop.uses_xla", uses_xla)  # whatever the test does that asks for the run first
        train.main(["vae", *SMALL_RUN, "--run-dir", str(run)])


@pytest.fixture(scope="session")
def trained_run(made_once):
    """The run directory of a small VAE, trained without XLA: to copy, never to write into."""
    return made_once("trained-run", lambda run: train_small(run, lambda model: False))


@pytest.fixture(scope="session")
def compiled_run(made_once, uses_xla):
    """The same as a user's command trains it, under XLA, which makes other noise of the same seed."""
    return made_once("compiled-run", lambda run: train_small(run, uses_xla))


@pytest.fixture
def small_run_options():
    """The options that both runs were trained with."""
    return SMALL_RUN


@pytest.fixture
def call(capsys):
    """A function that calls a command's `main` with arguments in this process: (exit code, stdout, stderr)."""

    def run(main, *arguments):
        capsys.readouterr()
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def command(call):
    """A function that runs `python -m zoo.train ARGUMENTS` in this process: (exit code, stdout, stderr)."""
    from zoo import train

    def run(*arguments):
        return call(train.main, *arguments)

    return run
