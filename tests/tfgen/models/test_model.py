"""What every model offers its users: seeded samples, codes, pictures from codes, and plain Keras `fit`."""

import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen.storage import entries

pytestmark = pytest.mark.usefixtures("no_xla")


@pytest.fixture(scope="module")
def model(small_vae):
    return small_vae()


@pytest.fixture(scope="module")
def grey(digits):
    return digits.test.images[:6]


def test_samples_are_images(model):
    images = model.sample(4, seed=0).numpy()
    assert images.shape == (4, 28, 28, 1)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert model.sample(seed=0).shape == (1, 28, 28, 1)
    assert model.sample(0, seed=0).shape == (0, 28, 28, 1)


def test_seed_names_the_images(model):
    images = model.sample(5, seed=3).numpy()
    np.testing.assert_array_equal(images, model.sample(5, seed=3))
    others = {image.tobytes() for seed in (2, 4) for image in model.sample(5, seed=seed).numpy()}
    assert len(others) == 10
    assert not others & {image.tobytes() for image in images}
    assert (model.sample(5).numpy() != model.sample(5).numpy()).any()


def test_row_does_not_depend_on_its_batch(model):
    rows = tfgen.row_seeds(3, 300)
    together = model.sample(300, seed=3).numpy()
    assert np.abs(together[0] - together[1]).max() > 1e-3
    for part in (slice(0, 1), slice(7, 20), slice(299, 300)):
        np.testing.assert_allclose(model.sample(len(rows[part]), seed=rows[part]), together[part], atol=1e-5)


def test_what_users_draw_is_not_compiled_by_xla(model):
    """XLA turns the same random bits into other floats, so a seed would name other images."""
    function = model._sample.get_concrete_function(tf.TensorSpec([None], tf.int64))
    assert "_XlaMustCompile" not in function.function_def.attr or not function.function_def.attr["_XlaMustCompile"].b


def test_samples_are_decoded_draws_from_the_prior(model):
    latent = model.draw_prior(tfgen.row_seeds(1, 1000))
    np.testing.assert_allclose(model.sample(1000, seed=1), model.decode(latent), atol=1e-5)
    np.testing.assert_allclose(np.cov(latent.numpy().T), np.eye(3), atol=0.15)
    np.testing.assert_allclose(latent.numpy().mean(0), 0, atol=0.15)


def test_grey_levels_and_fractions_are_the_same_images(model, grey):
    for whole, fraction in zip(model.encode(grey), model.encode(grey / 255), strict=True):
        np.testing.assert_allclose(whole, fraction, atol=1e-6)
    for boolean, fraction in zip(model.encode(grey > 127), model.encode((grey > 127) * 1.0), strict=True):
        np.testing.assert_allclose(boolean, fraction, atol=1e-6)


def test_encode_gives_mean_and_stddev_of_the_posterior(model, grey):
    mean, stddev = model.encode(grey)
    posterior = model.posterior(tf.constant(grey / 255, tf.float32))
    np.testing.assert_allclose(mean, posterior.mean(), atol=1e-6)
    np.testing.assert_allclose(stddev, posterior.stddev(), atol=1e-6)


def test_reconstruction_decodes_the_posteriors_mean(model, grey):
    np.testing.assert_allclose(model.reconstruct(grey), model.decode(model.encode(grey)[0]), atol=1e-5)


def test_interpolation_runs_straight_from_one_reconstruction_to_the_other(model, grey):
    line = model.interpolate(grey[:3], grey[3:], 5).numpy()
    assert line.shape == (3, 5, 28, 28, 1)
    np.testing.assert_allclose(line[:, 0], model.reconstruct(grey[:3]), atol=1e-5)
    np.testing.assert_allclose(line[:, -1], model.reconstruct(grey[3:]), atol=1e-5)
    middle = (model.encode(grey[:3])[0].numpy() + model.encode(grey[3:])[0].numpy()) / 2
    np.testing.assert_allclose(line[:, 2], model.decode(middle), atol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda model, grey: model.sample(-1), ValueError, ["n must", "-1"]),
        (lambda model, grey: model.sample(2, seed="a"), TypeError, ["seed", "'a'"]),
        (lambda model, grey: model.sample(2, digit=5), TypeError, ["vae", "not conditional", "5"]),
        (lambda model, grey: model.decode(np.zeros([2, 4])), ValueError, ["[B, 3]", "[2, 4]"]),
        (lambda model, grey: model.decode(np.full([2, 3], np.nan)), ValueError, ["finite", "NaN"]),
        (lambda model, grey: model.decode([["a", "b", "c"]]), TypeError, ["latent", "numbers"]),
        (lambda model, grey: model.encode(grey[:, :27]), ValueError, ["[B, 28, 28, 1]", "[6, 27, 28, 1]"]),
        (lambda model, grey: model.encode(grey[0, 1:]), ValueError, ["[B, 28, 28, 1]", "[27, 28, 1]"]),
        (lambda model, grey: model.encode(grey.astype(np.int32)), TypeError, ["uint8", "bool", "float", "int32"]),
        (lambda model, grey: model.encode(grey.astype(np.float32)), ValueError, ["[0, 1]", "255"]),
        (lambda model, grey: model.encode(np.full([1, 28, 28, 1], np.nan)), ValueError, ["[0, 1]", "NaN"]),
        (lambda model, grey: model.reconstruct("picture.png"), TypeError, ["image", "str"]),
        (lambda model, grey: model.interpolate(grey[:2], grey[:3]), ValueError, ["2", "3"]),
        (lambda model, grey: model.interpolate(grey, grey, 1), ValueError, ["steps", "at least 2", "1"]),
    ],
)
def test_wrong_input_is_named_with_the_choices(model, grey, call, error, words):
    with pytest.raises(error) as caught:
        call(model, grey)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_plain_keras_fit_moves_every_variable(small_vae, digits, no_xla):
    model = small_vae(covariance="full")
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    before = [variable.numpy() for variable in model.trainable_variables]
    model.fit(digits.train.images[:50], batch_size=50, epochs=1, verbose=0)
    assert len(before) == 8
    for old, variable in zip(before, model.trainable_variables, strict=True):
        assert (variable.numpy() != old).any(), variable.path


def test_plain_keras_fit_reports_the_training_loss_and_learns(small_vae, digits):
    model = small_vae()
    model.compile(optimizer=keras.optimizers.Adam(1e-2))
    history = model.fit(digits.train.images, batch_size=100, epochs=3, verbose=0).history
    assert set(history) == {"loss", "distortion", "rate"}
    assert history["loss"][0] > history["loss"][-1] + 20
    np.testing.assert_allclose(history["loss"], np.add(history["distortion"], history["rate"]), rtol=1e-4)


@pytest.mark.parametrize(
    ("entry", "change", "labels", "error", "words"),
    [
        ("vae", lambda x: x.astype(np.float32), None, ValueError, ["[0, 1]", "255"]),
        ("vae", lambda x: x.astype(np.int64), None, TypeError, ["uint8", "int64"]),
        ("vae", lambda x: np.full(x.shape, np.nan), None, ValueError, ["[0, 1]", "NaN"]),
        ("vae", lambda x: x[:, 1:, :, 0], None, ValueError, ["[B, 28, 28, 1]", "[6, 27, 28]"]),
        ("cvae", lambda x: x, None, ValueError, ["this cvae is trained with labels", "fit(images, labels)"]),
        ("cvae", lambda x: x, [0, 1, 2, 3, 4, 17], ValueError, ["0..9", "17"]),
        ("cvae", lambda x: x, [1, 2], ValueError, ["6", "[2]"]),
    ],
)
def test_plain_fit_refuses_what_it_would_mistake(grey, entry, change, labels, error, words):
    model = entries.build(entry, {"latent_dim": 3, "hidden_units": (16,)})
    model.compile(optimizer=keras.optimizers.Adam())
    before = model.get_weights()
    with pytest.raises(error) as caught:
        model.fit(change(grey), labels if labels is None else np.array(labels), verbose=0)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_models_side_by_side_are_not_warned_of_and_users_functions_are(small_vae):
    """TensorFlow counts the tracings of a method over all models, and five in a row are many to it."""
    heard = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())
    tf.get_logger().addHandler(handler)
    try:
        for _ in range(7):
            small_vae().sample(1, seed=0)
        assert heard == []
        again = "5 out of the last 5 calls to {} triggered tf.function retracing."
        tf.get_logger().warning(again.format(type(small_vae())._sample.python_function))
        assert heard == []
        tf.get_logger().warning(again.format(test_parameters_are_counted))
        assert len(heard) == 1
    finally:
        tf.get_logger().removeHandler(handler)


def test_parameters_are_counted(model):
    encoder, decoder = (784 + 1) * 32 + (32 + 1) * 6, (3 + 1) * 32 + (32 + 1) * 784
    assert model.parameter_count() == encoder + decoder
