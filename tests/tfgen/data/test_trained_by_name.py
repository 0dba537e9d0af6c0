"""A data set of TensorFlow Datasets from its name on the command line to samples of a class by its name."""

import numpy as np

import tfgen
from tfgen.storage import runs


def test_cvae_trains_on_cifar10_and_draws_a_ship(write_tfds, command, no_xla, no_figures, tmp_path):
    write_tfds(tmp_path / "tfds", "cifar10", {"train": 60, "test": 20})
    run = tmp_path / "run"
    options = ("--hidden-units", "16", "--latent-dim", "2", "--batch-size", "10", "--epochs", "1", "--run-dir", run)
    code, _, error = command("cvae", "--dataset", "cifar10", "--data-dir", tmp_path / "tfds", *options)
    assert code == 0, error
    model = tfgen.load(run)
    ship = model.sample(label="ship", seed=0)
    assert ship.shape == (1, 32, 32, 3)
    np.testing.assert_array_equal(ship, model.sample(label=8, seed=0))
    config, metrics = runs.read_config(run), runs.read_metrics(run)
    assert config["hyperparameters"]["likelihood"] == "logistic"
    assert metrics["protocol"] == config["protocol"] == "cifar10-8bit"
    assert metrics["test_bits_per_dim"] > 0
    assert (config["data"]["source"], config["classes"][8]) == ("cifar10", "ship")
