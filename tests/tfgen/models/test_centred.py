"""Encoders of colour pictures see them less the mean training image, and codes of bright pictures do not saturate."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import data
from tfgen.models import pretraining
from tfgen.networks.common import Centred
from tfgen.training import loop
from zoo.models import autoencoder, completer, discrete_vae, vae

SIDE = 16


def pictures(count: int = 240, seed: int = 0) -> np.ndarray:
    """Drawings on white: one of two coloured squares each, uint8 [N, 16, 16, 3]."""
    generator = np.random.default_rng(seed)
    images = np.full([count, SIDE, SIDE, 3], 255, np.uint8)
    for image in images:
        top, left = generator.integers(0, 8, 2)
        image[top : top + 8, left : left + 8] = generator.integers(0, 256, 3)
    return images


def mean_of(model) -> np.ndarray:
    (layer,) = (layer for layer in model.encoder.layers if isinstance(layer, Centred))
    return layer.mean.numpy()


def built(module, **hyperparameters):
    keras.utils.set_random_seed(0)
    model = module.build(image_shape=(SIDE, SIDE, 3), likelihood="logistic", **hyperparameters)
    model.compile_recipe(learning_rate=3e-3, steps=None)
    return model


def trained(module, steps: int = 20, **hyperparameters):
    model, images = built(module, **hyperparameters), pictures()
    model.adapt(images)
    model.build_optimizers()
    for step in range(steps):
        batch = model.images(np.roll(images, 40 * step, 0)[:40])
        model.update({"image": batch}, tf.constant([0, step]), tf.constant(step))
    return model


def test_the_loop_and_keras_set_the_mean_of_the_training_images(monkeypatch):
    monkeypatch.setattr(keras.Model, "fit", lambda self, *data, **options: None)  # all but the steps themselves
    split, by_loop, by_keras = data.from_arrays(pictures()).train, built(autoencoder), built(autoencoder)
    loop.fit(by_loop, split, epochs=1, batch_size=40)
    by_keras.fit(split.images, batch_size=40)
    np.testing.assert_allclose(mean_of(by_loop), np.mean(split.images / 255, 0), atol=1e-6)
    np.testing.assert_allclose(mean_of(by_keras), mean_of(by_loop), atol=1e-6)


def test_a_mean_that_weights_were_trained_with_stays():
    model = built(autoencoder)
    model.adapt(pictures())
    before = mean_of(model)
    model.adapt(255 - pictures())
    np.testing.assert_array_equal(mean_of(model), before)
    np.testing.assert_allclose(before, np.mean(pictures() / 255, 0), atol=1e-6)


def test_codes_of_bright_pictures_depend_on_the_picture():
    images = pictures(40, seed=1)
    model = trained(discrete_vae, groups=4, categories=4, hidden_units=(200,))
    assert len(np.unique(model.code(model.images(images)), axis=0)) >= 5  # 1 without the mean
    code = np.asarray(trained(autoencoder).code(model.images(images)))
    assert np.mean((code > 0.99) | (code < 0.01)) < 0.2  # 0.96 without


def test_grey_images_stay_as_they_are():
    for model in (vae.build(), discrete_vae.build(), completer.build()):
        assert not any(isinstance(layer, Centred) for network in model.layers for layer in network.layers)
        model.adapt(np.zeros([3, 28, 28, 1], np.uint8))


def test_a_completer_knows_the_mean_of_what_is_left_too():
    model = completer.build(image_shape=(SIDE, SIDE, 3), likelihood="logistic", damage="half")
    model.adapt(pictures())
    mean = np.mean(pictures() / 255, 0)
    left = np.concatenate([mean, np.zeros([SIDE, SIDE, 1])], -1)
    left[SIDE // 2 :] = 0, 0, 0, 1  # missing, as the mask says
    (layer,) = (layer for layer in model.context.layers if isinstance(layer, Centred))
    np.testing.assert_allclose(layer.mean, left, atol=1e-6)
    np.testing.assert_allclose(mean_of(model), np.concatenate([mean, left], -1), atol=1e-6)


def test_the_mean_goes_with_the_hidden_layers_to_another_encoder():
    source = vae.build(image_shape=(SIDE, SIDE, 3), likelihood="logistic", hidden_units=(8,))
    source.adapt(pictures())
    model = autoencoder.build(image_shape=(SIDE, SIDE, 3), likelihood="logistic", hidden_units=(8,))
    assert pretraining.take(model, source, "RUN") == ["768 x 8 relu"]
    np.testing.assert_array_equal(mean_of(model), mean_of(source))
    flat = autoencoder.build(image_shape=(SIDE, SIDE, 3), likelihood="logistic")
    with pytest.raises(ValueError, match="no hidden layer in common"):
        pretraining.take(flat, source, "RUN")


def test_the_mean_is_saved_with_the_weights(tmp_path):
    model = vae.build(image_shape=(SIDE, SIDE, 3), likelihood="logistic", hidden_units=(8,))
    model.adapt(pictures())
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(mean_of(keras.saving.load_model(tmp_path / "model.keras")), mean_of(model))
    model.save_run(tmp_path / "run")
    np.testing.assert_array_equal(mean_of(tfgen.load(tmp_path / "run")), mean_of(model))
