"""Settings: the recipe with what was given, or those of a run, which nothing given may contradict."""

import json

import pytest

from tfgen.storage import entries, runs
from zoo import settings
from zoo.models import vae


def of_recipe(options=None, **hyperparameters):
    return settings.of_recipe("vae", options or {}, hyperparameters)


def test_recipe_and_defaults_fill_what_is_not_given():
    chosen = of_recipe({"epochs": 3, "batch_size": None, "seed": None}, latent_dim=2)
    assert chosen["entry"] == "vae"
    recipe = {"epochs": 3, "passes": 1, "batch_size": None, "learning_rate": vae.LEARNING_RATE}
    assert chosen["recipe"] == recipe | settings.OPTIONAL
    assert chosen["safety"] == {"checkpoint_every": 1, "on_nan": "stop", "strategy": "single", "memory": None}
    assert (chosen["seed"], chosen["data"]["dataset"]) == (0, None)
    assert (chosen["hyperparameters"]["latent_dim"], chosen["hyperparameters"]["beta"]) == (2, 1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"cycles": 0}, "cycles must be at least 1, got 0"),
        ({"checkpoint_every": 0}, "checkpoint-every must be at least 1, got 0"),
        ({"learning_rate": float("inf")}, "learning-rate must be .* got inf"),
        ({"ema": 1.0}, "ema must lie between 0 and 1, got 1.0"),
        ({"importance_samples": 0}, "importance-samples must be at least 1, got 0"),
        ({"memory": "50XB"}, "memory must be a size .* got '50XB'"),
    ],
)
def test_option_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        of_recipe(options)


@pytest.fixture
def run(tmp_path):
    """A run directory that has its config.json."""
    chosen = of_recipe({"epochs": 3, "dataset": "digits"}, hidden_units=(32, 16))
    chosen["recipe"] = settings.fit_to_data(chosen["recipe"], "vae", 240)
    config = chosen | {"hyperparameters": entries.defaults("vae") | chosen["hyperparameters"], "versions": {}}
    config |= {"dataset": "digits", "data": {"source": "digits", "image_size": None, "image_channels": None}}
    runs.create(tmp_path / "run", json.loads(json.dumps(config)))
    return tmp_path / "run"


def test_run_lends_what_is_not_given_and_takes_what_is_the_same(run):
    options = {"epochs": None, "dataset": "digits", "on_nan": "rollback"}
    chosen = settings.of_run(run, "vae", options, {"hidden_units": (32, 16)})
    assert (chosen["recipe"]["epochs"], chosen["seed"]) == (3, 0)
    assert chosen["hyperparameters"]["hidden_units"] == [32, 16]
    assert chosen["safety"] == {"checkpoint_every": 1, "on_nan": "rollback", "strategy": "single", "memory": None}


@pytest.mark.parametrize(
    ("options", "hyperparameters", "message"),
    [
        ({}, {"latent_dim": 2}, "--latent-dim is 25 in this run, got 2"),
        ({}, {"hidden_units": (32,)}, "--hidden-units is 32 16 in this run, got 32"),
        ({"seed": 1}, {}, "--seed is 0 in this run, got 1"),
        ({"dataset": "mnist"}, {}, "--dataset is digits in this run, got mnist"),
        ({"batch_size": 7}, {}, f"--batch-size is {vae.BATCH_SIZE} in this run, got 7"),
        ({"learning_rate": 0.5}, {}, f"--learning-rate is {vae.LEARNING_RATE} in this run, got 0.5"),
        ({"precision": "mixed_float16"}, {}, "--precision is float32 in this run, got mixed_float16"),
        ({"cycles": 2}, {}, "--cycles is 1 in this run, got 2"),
        ({"clip_norm": 1.0}, {}, "--clip-norm is None in this run, got 1"),
        ({"epochs": 4}, {}, "--epochs is 3 in this run, got 4; its warm-up and learning rates follow a schedule"),
    ],
)
def test_option_that_contradicts_the_run_is_refused_with_both_values(run, options, hyperparameters, message):
    with pytest.raises(ValueError, match=message):
        settings.of_run(run, "vae", options, hyperparameters)


def test_what_is_no_run_of_the_entry_is_refused(run, tmp_path):
    with pytest.raises(ValueError, match="name it with --run-dir"):
        settings.of_run(None, "vae", {}, {})
    with pytest.raises(ValueError, match=r"there is no run directory '.*nowhere' to resume"):
        settings.of_run(tmp_path / "nowhere", "vae", {}, {})
    with pytest.raises(ValueError, match=r"is not a run directory: it has no config\.json"):
        settings.of_run(tmp_path, "vae", {}, {})
    with pytest.raises(ValueError, match="is a run of vae, not of cvae"):
        settings.of_run(run, "cvae", {}, {})


def test_run_from_before_a_hyperparameter_is_not_resumed(run):
    config = runs.read_config(run)
    del config["hyperparameters"]["beta"]
    (run / runs.CONFIG).write_text(json.dumps(config))
    with pytest.raises(ValueError, match="was begun without beta, and cannot be resumed"):
        settings.of_run(run, "vae", {}, {})
