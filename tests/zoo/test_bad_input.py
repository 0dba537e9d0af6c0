"""Bad input ends in one clear line on stderr and exit code 2, and leaves nothing behind."""

import subprocess
import sys

import pytest

DIGITS = ("--dataset", "digits", "--hidden-units", "8")


def assert_one_clear_line(code: int, error: str, *words: str) -> None:
    """The contract of an error: exit code 2 and one line, which names what is wrong."""
    (line,) = error.splitlines()
    assert code == 2
    assert line.startswith("error: ")
    for word in words:
        assert word in line, line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["entry", "vae"]),
        (("--epochs", "1"), ["entry", "vae"]),
        (("vea",), ["unknown entry 'vea'", "vae"]),
        (("vae", *DIGITS, "--epochs", "0"), ["epochs must be at least 1", "got 0"]),
        (("vae", *DIGITS, "--prior-steps", "4"), ["prior_steps is for prior flow", "got 4 with prior normal"]),
        (("vae", *DIGITS, "--prior", "cauchy"), ["prior", "cauchy"]),
        (("vae", *DIGITS, "--prior", "flow", "--latent-dim", "1"), ["prior flow needs a latent_dim of at least 2"]),
        (("iaf_vae", "--dataset", "digits", "--prior", "vamp"), ["prior vamp needs flow_steps 0", "got 2"]),
        (("aae", *DIGITS, "--ema", "1"), ["ema must lie between 0 and 1, got 1"]),
        (("aae", *DIGITS, "--importance-samples", "2"), ["importance-samples 2 is not for aae", "bound"]),
        (("pixelcnn", *DIGITS, "--importance-samples", "2"), ["importance-samples 2 is not for pixelcnn", "bound"]),
        (("vae", *DIGITS, "--importance-samples", "2", "--samples", "3"), ["leave out one of 2 and 3"]),
        (("vae", *DIGITS, "--epochs", "-3"), ["epochs must be at least 1", "got -3"]),
        (("vae", *DIGITS, "--epochs", "many"), ["epochs", "many"]),
        (("vae", *DIGITS, "--epochs", "1.5"), ["epochs", "1.5"]),
        (("vae", *DIGITS, "--epochs"), ["epochs"]),
        (("vae", *DIGITS, "--batch-size", "0"), ["batch-size must be at least 1", "got 0"]),
        (("vae", *DIGITS, "--batch-size", "-5"), ["batch-size must be at least 1", "got -5"]),
        (("vae", *DIGITS, "--batch-size", "1298"), ["batch-size", "1297 training images", "got 1298"]),
        (("vae", *DIGITS, "--latent-dim", "0"), ["latent_dim must be at least 1", "got 0"]),
        (("vae", *DIGITS, "--latent-dim", "-2"), ["latent_dim must be at least 1", "got -2"]),
        (("vae", *DIGITS, "--hidden-units", "0"), ["hidden_units must be at least 1", "got 0"]),
        (("vae", "--hidden-units"), ["--hidden-units", "at least 1"]),
        (("vae", "--augment", "--epochs", "1"), ["--augment", "at least 1"]),
        (("vae", "--hidden-units", "8", "4.5"), ["--hidden-units", "must be an int, got '4.5'"]),
        (("iaf_vae", "--channels", "4", "4.5"), ["--channels", "must be an int, got '4.5'"]),
        (("vae", *DIGITS, "--checkpoint-every", "0"), ["checkpoint-every must be at least 1", "got 0"]),
        (("vae", *DIGITS, "--on-nan", "hope"), ["--on-nan", "hope", "stop", "rollback"]),
        (("vae", *DIGITS, "--resume"), ["--run-dir"]),
        (("vae", *DIGITS, "--learning-rate", "0"), ["learning-rate must be above 0", "got 0"]),
        (("vae", *DIGITS, "--learning-rate", "nan"), ["learning-rate", "got nan"]),
        (("vae", *DIGITS, "--seed", "-1"), ["seed", "got -1"]),
        (("vae", *DIGITS, "--beta", "-1"), ["beta must be at least 0", "got -1"]),
        (("aae", *DIGITS, "--adversarial-weight", "-1"), ["adversarial_weight must be at least 0", "got -1"]),
        (("aae", *DIGITS, "--gradient-penalty", "nan"), ["gradient_penalty must be at least 0", "got nan"]),
        (("aae", *DIGITS, "--smallest-stddev", "0"), ["smallest_stddev must be in 1e-05..1", "got 0"]),
        (("aae", *DIGITS, "--smallest-stddev", "2"), ["smallest_stddev must be in 1e-05..1", "got 2"]),
        (("vae", *DIGITS, "--image-size", "15"), ["image_size must be in 16..128", "got 15"]),
        (("vae", *DIGITS, "--image-size", "129"), ["image_size must be in 16..128", "got 129"]),
        (("vae", *DIGITS, "--image-size", "28.5"), ["--image-size", "must be an int, got '28.5'"]),
        (("vae", *DIGITS, "--image-channels", "2"), ["image-channels must be one of 1, 3", "got 2"]),
        (("vae", *DIGITS, "--covariance", "round"), ["covariance", "round", "diagonal", "full"]),
        (("vae", *DIGITS, "--no-such-option", "1"), ["--no-such-option"]),
        (("vae", *DIGITS, "stray"), ["stray"]),
        (("vae", "--dataset", ""), ["the name of the data set is empty"]),
        (("vae", *DIGITS, "--memory", ""), ["memory must be a size such as 500MB", "got ''"]),
        (("vae", "--dataset", "cifar11"), ["data set", "mnist, fashion_mnist", "'cifar11'"]),
    ],
)
def test_wrong_arguments_are_named(command, monkeypatch, tmp_path, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, _, error = command(*arguments)
    assert_one_clear_line(code, error, *words)
    assert list(tmp_path.iterdir()) == []


def test_missing_data_directory_is_named(command, tmp_path):
    code, _, error = command("vae", "--data-dir", tmp_path / "nowhere", "--run-dir", tmp_path / "run")
    assert_one_clear_line(code, error, str(tmp_path / "nowhere"), "does not exist")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("dataset", [(), ("--dataset", "mnist"), ("--dataset", "emnist/digits")])
def test_data_directory_without_the_data_set_is_named(command, tmp_path, dataset):
    code, _, error = command("vae", *dataset, "--data-dir", tmp_path, "--run-dir", tmp_path / "run")
    name = dataset[-1] if dataset else "mnist"
    assert_one_clear_line(code, error, str(tmp_path), f"holds no prepared '{name}'")
    assert not (tmp_path / "run").exists()


def test_data_set_named_by_hand_fails_without_network_and_data(command, nothing_prepared, tmp_path):
    code, output, error = command("vae", "--dataset", "mnist", "--run-dir", tmp_path / "run")
    assert_one_clear_line(code, error, "mnist is not prepared", "out of reach")
    assert "embedded" not in output
    assert not (tmp_path / "run").exists()


def test_existing_run_directory_is_not_touched(command, trained_run):
    before = {path: path.read_bytes() for path in trained_run.rglob("*") if path.is_file()}
    code, _, error = command("vae", *DIGITS, "--run-dir", trained_run)
    assert_one_clear_line(code, error, str(trained_run), "exists already")
    assert {path: path.read_bytes() for path in trained_run.rglob("*") if path.is_file()} == before


def test_directory_that_cannot_be_written_is_named(command, tmp_path):
    (tmp_path / "file").write_text("")
    run = tmp_path / "file" / "run"
    code, _, error = command("vae", *DIGITS, "--run-dir", run)
    assert_one_clear_line(code, error, str(run), "cannot be made")


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.parametrize("entry", ["vae", "aae"])
def test_a_code_of_one_dimension_is_trained_and_drawn(command, no_xla, tmp_path, entry):
    """What is drawn of it is tested each time in tests/tfgen/evaluation/test_pictures.py."""
    run = tmp_path / "run"
    code, _, error = command(entry, *DIGITS, "--latent-dim", "1", "--epochs", "1", "--run-dir", run)
    assert (code, [line for line in error.splitlines() if not line.startswith("warning: ")]) == (0, [])
    assert {"samples.png", "latent.png", "history.png"} <= {path.name for path in (run / "figures").iterdir()}


@pytest.mark.slow
@pytest.mark.ci
def test_error_stands_alone_in_a_fresh_process(tmp_path):
    """Nothing that TensorFlow says while it starts precedes the error; nor does it any output of an export, which
    tests/export/test_command.py has in every run of the tests.
    """
    arguments = ["vae", *DIGITS, "--latent-dim", "0", "--run-dir", str(tmp_path / "run")]
    done = subprocess.run([sys.executable, "-m", "zoo.train", *arguments], capture_output=True, text=True, check=False)
    assert_one_clear_line(done.returncode, done.stderr, "latent_dim", "got 0")
    assert done.stdout == ""


@pytest.mark.parametrize("arguments", [("--help",), ("vae", "--help")])
def test_help_names_the_choices(command, arguments):
    code, output, error = command(*arguments)
    assert (code, error) == (0, "")
    for word in ("vae",) if len(arguments) == 1 else ("--latent-dim", "--covariance", "--epochs", "--data-dir"):
        assert word in output
