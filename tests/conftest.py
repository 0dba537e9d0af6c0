"""What the tests share: data in memory, a machine without data or network, small models and one trained run."""

import pytest

from tfgen import data, quiet

quiet.import_tensorflow()

import keras  # noqa: E402

from tfgen.training import loop  # noqa: E402
from zoo import train  # noqa: E402
from zoo.models import vae  # noqa: E402

USES_XLA = loop.uses_xla
SMALL_RUN = ("--dataset", "digits", "--epochs", "2", "--batch-size", "100", "--hidden-units", "32", "--latent-dim", "2")


@pytest.fixture(scope="session")
def digits():
    """The embedded digits: the data set that is always there."""
    return data.load("digits")


@pytest.fixture(scope="session")
def mnist():
    """The real MNIST, for tests that are about it."""
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
    monkeypatch.setattr(loop, "uses_xla", lambda model: False)


@pytest.fixture(scope="session")
def small_vae():
    """A function that builds a VAE small enough for a test, the same weights each time."""

    def build(**hyperparameters):
        keras.utils.set_random_seed(0)
        return vae.build(**({"latent_dim": 3, "hidden_units": (32,)} | hyperparameters))

    return build


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory):
    """The run directory of a small VAE trained on the embedded digits through the command line."""
    run = tmp_path_factory.mktemp("runs") / "small"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "uses_xla", USES_XLA)  # whatever the test does that asks for the run first
        train.main(["vae", *SMALL_RUN, "--run-dir", str(run)])
    return run


@pytest.fixture
def small_run_options():
    """The options that `trained_run` was trained with."""
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

    def run(*arguments):
        return call(train.main, *arguments)

    return run
