"""How a model is kept: configurations, runs, SavedModels, and models of other packages in Keras's files."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.networks import common
from zoo import evaluate, sample, train
from zoo.models import vae

MINE = """
from zoo.models import vae

STEPS, BATCH_SIZE, LEARNING_RATE = 1, 100, 1e-3


class Mine(vae.VAE):
    entry = "mine"


build = Mine
"""


@pytest.fixture(scope="module")
def model(small_vae):
    model = small_vae(beta=2.0)
    model.compile("adam")
    return model


def test_configuration_holds_what_was_given_and_the_defaults(model):
    config = model.get_config()
    assert (config["latent_dim"], config["beta"], config["samples"]) == (3, 2.0, 1)
    assert vae.VAE(latent_dim=np.int64(2)).get_config()["latent_dim"] == 2


def test_precision_and_what_is_frozen_are_kept(small_vae):
    with common.precision("mixed_bfloat16"):
        model = small_vae()
    model.trainable = False
    other = type(model).from_config(model.get_config())
    assert other.dtype_policy.name == other.encoder.layers[-2].dtype_policy.name == "mixed_bfloat16"
    assert not other.trainable_variables


def test_settings_of_a_training_are_kept_with_the_compilation(small_vae):
    model = small_vae()
    model.clip_norm, model.augment = 5.0, ("flip",)
    model.compile_recipe(learning_rate=1e-3, steps=1000)
    other = keras.models.clone_model(model)
    assert (other.clip_norm, other.augment, other.warmup_steps) == (5.0, ("flip",), 150)
    assert other.optimizer.get_config() == model.optimizer.get_config()


def test_saved_run_is_loaded_and_sampled(model, call, tmp_path):
    run = model.save_run(tmp_path / "run", dataset="digits")
    np.testing.assert_array_equal(tfgen.load(run).sample(3, seed=0), model.sample(3, seed=0))
    assert call(sample.main, run, "--n", 2, "--out", tmp_path / "out.png")[0] == 0
    with pytest.raises(ValueError, match="exists already"):
        model.save_run(run)
    code, _, error = call(train.main, "vae", "--run-dir", run, "--resume")
    assert (code, error.count("\n")) == (2, 1)
    assert "was saved in Python" in error


def test_commands_ask_for_the_data_set_that_a_run_does_not_name(model, call, tmp_path):
    run = model.save_run(tmp_path / "run")
    code, _, error = call(evaluate.main, run)
    assert code == 2
    assert "does not say which data set its model was trained on" in error


def test_export_writes_the_signatures_and_overwrites_nothing(model, tmp_path):
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served").signatures
    assert set(served) == set(model.signatures())
    images = served["sample"](seed=tf.constant(tfgen.row_seeds(0, 3)))["image"]
    np.testing.assert_allclose(images, model.sample(3, seed=0), atol=1e-5)
    for options, words in (
        ({"filepath": tmp_path / "served"}, "exists already"),
        ({"filepath": tmp_path / "x", "format": "onnx"}, "got 'onnx'"),
        ({"filepath": tmp_path / "x", "input_signature": []}, "takes no input_signature"),
    ):
        with pytest.raises((ValueError, TypeError), match=words):
            model.export(**options)


def test_saving_by_tensorflow_writes_the_signatures_too(model, tmp_path):
    for options, names in (({}, {"serving_default"}), ({"signatures": model.served()}, set(model.signatures()))):
        path = str(tmp_path / str(len(names)))
        tf.saved_model.save(model, path, **options)
        served = tf.saved_model.load(path).signatures
        assert set(served) == names
        images = served["serving_default"](seed=tf.constant(tfgen.row_seeds(0, 3)))["image"]
        np.testing.assert_allclose(images, model.sample(3, seed=0), atol=1e-5)


def test_file_that_keras_could_not_load_again_is_not_written(model, tmp_path):
    with pytest.raises(ValueError, match=r"is kept in a \.keras file"):
        model.save(tmp_path / "model.h5")


@pytest.mark.slow
@pytest.mark.ci
def test_file_of_another_package_loads_once_its_module_is_registered(small_vae, tmp_path, monkeypatch):
    (tmp_path / "my_pkg").mkdir()
    (tmp_path / "my_pkg" / "mine.py").write_text(MINE)
    save = "from my_pkg.mine import Mine; Mine(latent_dim=2, hidden_units=(4,)).save('mine.keras')"
    load = "import tfgen, keras; tfgen.register('my_pkg.mine'); print(keras.saving.load_model('mine.keras').entry)"
    for code, printed in ((save, ""), (load, "mine\n")):
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, '.'); {code}"],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, printed), done.stderr
